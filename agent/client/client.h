/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_H
#define CLIENT_H

/*
 * client: HTTP requests to one place, one at a time, over TCP, TLS or a Unix
 * socket; the connection is kept between them. Credentials and certificates come
 * from files, which are read again when they change. What a hostile server may
 * send is bounded in bytes and time.
 *
 * Errors: negative -errno, positive client_error. A struct client is for one
 * thread, but for client_stop_at().
 */

#include <stddef.h>
#include <stdint.h>

enum client_error {
        CLIENT_E_URL = 1, /* not an http:// or https:// URL, or one with a password in it */
        CLIENT_E_HEADER,  /* malformed, or one that is not the caller's to set */
        CLIENT_E_FILE,    /* of credentials or certificates: unreadable or malformed */
        CLIENT_E_PROXY,   /* not a URL */
        CLIENT_ERRORS,    /* who builds upon these has errors of their own from here on */
};

/* Room that is enough for a reason. */
#define CLIENT_REASON_SIZE 512

/* Everything is copied; NULL and 0 are the defaults. */
struct client_config {
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

        /* Gets a sentence if client_open() returns a client_error. May be NULL. */
        char *reason;
        size_t reason_size;
};

/* printf into @config->reason, if there is one. Returns @error. */
int client_refuse(const struct client_config *config, int error, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

struct client;

/* Checks all that can be checked without the server. */
int client_open(const struct client_config *config, struct client **ret);
void client_close(struct client *client); /* accepts NULL */

/* Where requests go. */
const char *client_url(const struct client *client);

struct client_request {
        const char *const *headers; /* lines of KEY: VALUE, up to a NULL; NULL: none */
        const void *body;           /* NULL: GET, else POST */
        size_t len;
};

/* In the place of a status when no final one came. */
enum {
        CLIENT_UNREACHABLE = 0, /* no connection, broken off, or too slow */
        CLIENT_UNTRUSTED = -1,  /* TLS: the peer could not be verified, or our certificate not be used */
        CLIENT_STOPPED = -2,    /* client_stop_at() */
};

struct client_answer {
        long status;         /* of HTTP, or one of the above */
        int64_t retry_after; /* seconds; 0: not said */
        const char *body;    /* the client's, until its next request */
        size_t len;          /* body_max: there may have been more */
        char error[256];     /* without a status: why */
};

/* Sends a request to the URL, and waits for the answer. */
void client_request(struct client *client, const struct client_request *request, struct client_answer *ret);

/* Ends the request under way, and every later one, at @when_ms of CLOCK_MONOTONIC. From any thread. */
void client_stop_at(struct client *client, int64_t when_ms);

/* @data in base64 (RFC 4648, padded, one line), allocated; NULL: out of memory. libcurl and json-c keep theirs. */
char *client_base64(const void *data, size_t len);

#endif
