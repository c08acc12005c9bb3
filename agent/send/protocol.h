/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_PROTOCOL_H
#define SEND_PROTOCOL_H

/* The protocols: what each sends, and to which path. Each has a file; one table lists all. */

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A body: JSON text, not compressed. */
struct send_body {
        char *text; /* NULL: nothing to send */
        size_t len;
};

struct send_protocol {
        const char *name; /* the name by which users choose it */
        const char *summary;
        const char *path;         /* path below the collector's URL */
        const char *content_type; /* sent exactly so */
        uint32_t max_age_s;       /* servers refuse older profiles, or do not need them */
        size_t max_profiles;      /* the most profiles of a body */
        /* Makes a body. -EFBIG if servers would refuse it as too large. */
        int (*encode)(const struct profile_set *set, struct send_body *ret);
        /* Makes two bodies of one. -E2BIG if it has a single profile; -EINVAL if it is not a body of this protocol. */
        int (*halve)(const struct send_body *body, struct send_body ret[static 2]);
};

extern const struct send_protocol send_otlp;
extern const struct send_protocol send_pyroscope;

/* Finds a protocol. A NULL name means the default. NULL if the name is unknown. */
const struct send_protocol *send_protocol_by_name(const char *name);

/*
 * Encodes @set into as many bodies as the protocol's limits require. First the set is divided between profiles. A
 * single profile that is too large is divided between its stacks.
 */
struct send_split {
        const struct send_protocol *protocol;
        int (*body)(void *ctx, const struct send_body *body); /* called for each body, which is freed afterwards */
        void (*too_large)(void *ctx); /* called for a single stack that is too large: it is left out */
        void *ctx;
};
int send_split(const struct send_split *split, const struct profile_set *set);

/* Packs @body into the bytes that are sent. @ret is allocated. */
int send_body_pack(const struct send_body *body, bool gzip, void **ret, size_t *ret_len);
/* Unpacks what send_body_pack() has made. */
int send_body_unpack(const void *bytes, size_t len, bool gzip, struct send_body *ret);

#endif
