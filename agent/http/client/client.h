/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

/*
 * The client: HTTP requests to one place, one at a time, over TCP, TLS or a Unix
 * socket; the connection is kept between them. Credentials and certificates come
 * from files, which are read again when they change. What a hostile server may
 * send is bounded in bytes and time.
 *
 * Errors: negative -errno, positive http_client_error. A struct http_client is for one
 * thread, but for http_client_stop_at().
 */

#include <stddef.h>
#include <stdint.h>

enum http_client_error {
        HTTP_CLIENT_E_URL = 1, /* not an http:// or https:// URL, or one with a password in it */
        HTTP_CLIENT_E_HEADER,  /* malformed, or one that is not the caller's to set */
        HTTP_CLIENT_E_FILE,    /* of credentials or certificates: unreadable or malformed */
        HTTP_CLIENT_E_PROXY,   /* not a URL */
        HTTP_CLIENT_ERRORS,    /* who builds upon these has errors of their own from here on */
};

/* Room that is enough for a reason. */
#define HTTP_CLIENT_REASON_SIZE 512

/* Everything is copied; NULL and 0 are the defaults. */
struct http_client_config {
        const char *url;
        const char *path;        /* put behind the URL's own, which may have no query then */
        const char *unix_socket; /* path of the socket that is spoken to, whatever host the URL names */

        /* A file that cannot be read when it has changed leaves what was read before. */
        const char *token;        /* bearer token */
        const char *token_file;   /* … in the first line of a file */
        const char *basic_file;   /* USER:PASSWORD in the first line of a file */
        const char *headers;      /* lines of KEY: VALUE; empty ones and those that begin with # say nothing */
        const char *headers_file; /* … in a file */

        const char *ca_file;   /* PEM: whom to trust; NULL: the system's */
        const char *cert_file; /* PEM: our certificate */
        const char *key_file;  /* PEM: its key; NULL: it is in cert_file */
        const char *proxy;     /* URL; "": none; NULL: as http_proxy, HTTPS_PROXY and NO_PROXY say */
        unsigned timeout_ms;   /* for one request; 0: 30 s */
        size_t body_max;       /* of an answer's body, what is kept; 0: 64 KiB */

        /* Gets a sentence if http_client_open() returns a http_client_error. May be NULL. */
        char *reason;
        size_t reason_size;
};

/* printf into @config->reason, if there is one. Returns @error. */
int http_client_refuse(const struct http_client_config *config, int error, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

struct http_client;

/* Checks all that can be checked without the server. */
int http_client_open(const struct http_client_config *config, struct http_client **ret);
void http_client_close(struct http_client *client); /* accepts NULL */

/* Where requests go. */
const char *http_client_url(const struct http_client *client);

struct http_client_request {
        const char *const *headers; /* lines of KEY: VALUE, up to a NULL; NULL: none */
        const void *body;           /* NULL: GET, else POST */
        size_t len;
};

/* In the place of a status when no final one came. */
enum {
        HTTP_CLIENT_UNREACHABLE = 0, /* no connection, broken off, or too slow */
        HTTP_CLIENT_UNTRUSTED = -1,  /* TLS: the peer could not be verified, or our certificate not be used */
        HTTP_CLIENT_STOPPED = -2,    /* http_client_stop_at() */
};

struct http_client_answer {
        long status;         /* of HTTP, or one of the above */
        int64_t retry_after; /* seconds; 0: not said */
        const char *body;    /* the client's, until its next request */
        size_t len;          /* body_max: there may have been more */
        char error[256];     /* without a status: why */
};

/* Sends a request to the URL, and waits for the answer. */
void http_client_request(struct http_client *client, const struct http_client_request *request,
                         struct http_client_answer *ret);

/* Ends the request under way, and every later one, at @when_ms of CLOCK_MONOTONIC. From any thread. */
void http_client_stop_at(struct http_client *client, int64_t when_ms);

/* @data in base64 (RFC 4648, padded, one line), allocated; NULL: out of memory. libcurl and json-c keep theirs. */
char *http_client_base64(const void *data, size_t len);

#endif
