/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_HEADERS_H
#define CLIENT_HEADERS_H

/* The headers that the owner of a place adds to every request: credentials, tenants. */

#include "agent/client/client.h"
#include "agent/client/watch.h"

enum {
        CLIENT_SECRET_TOKEN,
        CLIENT_SECRET_BASIC,
        CLIENT_SECRET_HEADERS,
        CLIENT_SECRETS,
};

struct client_lines {
        char **items;
        size_t n;
};

struct client_headers {
        struct client_lines fixed;            /* given as text */
        struct client_lines of[CLIENT_SECRETS]; /* read from files */
        struct client_watch files[CLIENT_SECRETS];
};

/* CLIENT_E_HEADER, CLIENT_E_FILE: @config->reason says why, without any secret; -ENOMEM. */
int client_headers_init(struct client_headers *headers, const struct client_config *config);
void client_headers_deinit(struct client_headers *headers); /* accepts {0} */

/* Reads again what has changed; what cannot be read stays as it was. */
void client_headers_refresh(struct client_headers *headers);

/* Calls @add with each "Key: value"; stops when it says false. Whether it never did. */
bool client_headers_each(const struct client_headers *headers, bool (*add)(void *ctx, const char *line), void *ctx);

#endif
