/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_PROTOCOL_H
#define SEND_PROTOCOL_H

/* What a protocol sends where: one file each, all of them in one table. */

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A body is JSON: text, not compressed. */
struct send_body {
        char *text; /* NULL: nothing to send */
        size_t len;
};

struct send_protocol {
        const char *name; /* as people choose it */
        const char *summary;
        const char *path;         /* below the collector's URL */
        const char *content_type; /* sent exactly so */
        uint32_t max_age_s;       /* older profiles are refused, or worth nothing */
        size_t max_profiles;      /* of a body */
        /* -EFBIG: servers would refuse it as too large. */
        int (*encode)(const struct profile_set *set, struct send_body *ret);
        /* Makes two of one. -E2BIG: it is of a single profile; -EINVAL: not a body of this protocol. */
        int (*halve)(const struct send_body *body, struct send_body ret[static 2]);
};

extern const struct send_protocol send_otlp;
extern const struct send_protocol send_pyroscope;

/* NULL name: the default. NULL: unknown. */
const struct send_protocol *send_protocol_by_name(const char *name);

/*
 * Encodes @set into as many bodies as the protocol wants: profiles are told
 * apart first, then a single one that is too large is cut between its stacks.
 */
struct send_split {
        const struct send_protocol *protocol;
        int (*body)(void *ctx, const struct send_body *body); /* the body is freed afterwards */
        void (*too_large)(void *ctx);                         /* a single stack: it is left out */
        void *ctx;
};
int send_split(const struct send_split *split, const struct profile_set *set);

/* The bytes of @body as they are sent, allocated. */
int send_body_pack(const struct send_body *body, bool gzip, void **ret, size_t *ret_len);
/* The reverse. */
int send_body_unpack(const void *bytes, size_t len, bool gzip, struct send_body *ret);

#endif
