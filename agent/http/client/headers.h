/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_HEADERS_H
#define HTTP_CLIENT_HEADERS_H

/* The headers that the user adds to every request: credentials, tenants. */

#include "agent/http/client/client.h"
#include "agent/http/client/watch.h"

enum {
        HTTP_CLIENT_SECRET_TOKEN,
        HTTP_CLIENT_SECRET_BASIC,
        HTTP_CLIENT_SECRET_HEADERS,
        HTTP_CLIENT_SECRETS,
};

struct http_client_lines {
        char **items;
        size_t n;
};

struct http_client_headers {
        struct http_client_lines fixed;                   /* given as text */
        struct http_client_lines of[HTTP_CLIENT_SECRETS]; /* read from files */
        struct http_client_watch files[HTTP_CLIENT_SECRETS];
};

/* HTTP_CLIENT_E_HEADER and HTTP_CLIENT_E_FILE leave a reason in @config->reason, without any secret. Or -ENOMEM. */
int http_client_headers_init(struct http_client_headers *headers, const struct http_client_config *config);
void http_client_headers_deinit(struct http_client_headers *headers); /* accepts {0} */

/* Reads again the files that have changed. If a file cannot be read, its headers stay as they were. */
void http_client_headers_refresh(struct http_client_headers *headers);

/* Calls @add with each "Key: value", until it returns false. Returns whether it never did. */
bool http_client_headers_each(const struct http_client_headers *headers, bool (*add)(void *ctx, const char *line),
                              void *ctx);

#endif
