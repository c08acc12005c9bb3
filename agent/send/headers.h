/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_HEADERS_H
#define SEND_HEADERS_H

/* The headers that a destination's owner adds to every request: credentials, tenants. */

#include "agent/send/send.h"
#include "agent/send/watch.h"

enum {
        SEND_SECRET_TOKEN,
        SEND_SECRET_BASIC,
        SEND_SECRET_HEADERS,
        SEND_SECRETS,
};

struct send_lines {
        char **items;
        size_t n;
};

struct send_headers {
        struct send_lines fixed;            /* given as text */
        struct send_lines of[SEND_SECRETS]; /* read from files */
        struct send_watch files[SEND_SECRETS];
};

/* SEND_E_HEADER, SEND_E_FILE: @config->reason says why, without any secret; -ENOMEM. */
int send_headers_init(struct send_headers *headers, const struct send_config *config);
void send_headers_deinit(struct send_headers *headers); /* accepts {0} */

/* Reads again what has changed; what cannot be read stays as it was. */
void send_headers_refresh(struct send_headers *headers);

/* Calls @add with each "Key: value"; stops when it says false. Whether it never did. */
bool send_headers_each(const struct send_headers *headers, bool (*add)(void *ctx, const char *line), void *ctx);

/* printf into @config->reason, if there is one. Returns @error. */
int send_refuse(const struct send_config *config, int error, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif
