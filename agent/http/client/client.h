/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

/*
 * The client: HTTP requests to one place, one at a time, over TCP, TLS or a Unix socket. The connection is kept between
 * requests. Credentials and certificates come from files, which are read again when they change. The bytes and the time
 * that a hostile server can take are bounded.
 *
 * Errors: negative -errno, positive http_client_error. A struct http_client is for one thread; only
 * http_client_stop_at() may be called from any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_client_error {
        HTTP_CLIENT_E_URL = 1, /* not an http:// or https:// URL, or a URL with a password in it */
        HTTP_CLIENT_E_HEADER,  /* malformed, or a header that only the client may set */
        HTTP_CLIENT_E_FILE,    /* a file of credentials or certificates is unreadable or malformed */
        HTTP_CLIENT_E_PROXY,   /* the proxy is not a URL */
        HTTP_CLIENT_ERRORS,    /* errors of the rooms that use the client begin here */
};

/* Enough room for any reason. */
#define HTTP_CLIENT_REASON_SIZE 512

/* http_client_open() copies everything. NULL and 0 are the defaults. */
struct http_client_config {
        const char *url;
        const char *path;        /* appended to the URL's own path; the URL may have no query then */
        const char *unix_socket; /* path of the Unix socket to connect to, whatever host the URL names */

        /* Files are read again when they change. If that fails, what was read before stays. */
        const char *token;        /* bearer token */
        const char *token_file;   /* a file with the bearer token in its first line */
        const char *basic_file;   /* a file with USER:PASSWORD in its first line */
        const char *headers;      /* lines of KEY: VALUE; empty lines and those that begin with # are ignored */
        const char *headers_file; /* a file of such lines */

        const char *ca_file;   /* PEM: trusted authorities; NULL: the system's */
        const char *cert_file; /* PEM: the client's certificate */
        const char *key_file;  /* PEM: the certificate's key; NULL: it is in cert_file */
        const char *proxy;     /* URL; "": none; NULL: as http_proxy, HTTPS_PROXY and NO_PROXY say */
        unsigned timeout_ms;   /* for one request; 0: 30 s */
        size_t body_max;       /* bytes of an answer's body that are kept; 0: 64 KiB */

        /* http_client_open() writes a sentence here if it returns an http_client_error. May be NULL. */
        char *reason;
        size_t reason_size;
};

/* Prints into @config->reason if it is not NULL. Returns @error. */
int http_client_refuse(const struct http_client_config *config, int error, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

struct http_client;

/* Opens a client. Checks everything that can be checked without the server. */
int http_client_open(const struct http_client_config *config, struct http_client **ret);
void http_client_close(struct http_client *client); /* accepts NULL */

/* The URL to which requests go. */
const char *http_client_url(const struct http_client *client);

struct http_client_request {
        const char *const *headers; /* lines of KEY: VALUE, with a NULL at their end; NULL: none */
        const void *body;           /* NULL: the request is a GET, otherwise a POST */
        size_t len;
};

/* Values of @status if no final status came. */
enum {
        HTTP_CLIENT_UNREACHABLE = 0, /* there was no connection, it broke, or the server was too slow */
        /* TLS: the peer could not be verified, or the client's certificate could not be used */
        HTTP_CLIENT_UNTRUSTED = -1,
        HTTP_CLIENT_STOPPED = -2, /* http_client_stop_at() */
};

struct http_client_answer {
        long status; /* HTTP's status, or one of the above */
        bool sent;   /* all of the body was given to the network: the server may have it */
        bool resent; /* then the connection broke off, and it was sent once more: the server may have it twice */
        int64_t retry_after; /* seconds; 0: the server did not say */
        const char *body;    /* belongs to the client, and is valid until its next request */
        size_t len;          /* bytes of @body; if it is body_max, the body may have been longer */
        char error[256];     /* the reason if there is no status */
};

/* Sends a request to the URL, and waits for the answer. */
void http_client_request(struct http_client *client, const struct http_client_request *request,
                         struct http_client_answer *ret);

/* Ends the request under way, and every later one, at @when_ms of CLOCK_MONOTONIC. May be called from any thread. */
void http_client_stop_at(struct http_client *client, int64_t when_ms);

/*
 * @data in base64 (RFC 4648, padded, one line), allocated. NULL if memory ran out. libcurl and json-c do not export
 * theirs.
 */
char *http_client_base64(const void *data, size_t len);

#endif
