/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_PROTOCOL_H
#define SEND_PROTOCOL_H

/* The protocols: what each sends, and to which path. Each has a file; one table lists all. */

#include "agent/http/http.h"
#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A body, not compressed. */
struct send_body {
        char *text; /* JSON or protobuf, not a string of C. NULL: nothing to send */
        size_t len;
};

/* Some of the profiles of a body, by their numbers from 0. */
#define SEND_CHOICE_MAX 1000
struct send_choice {
        size_t items[SEND_CHOICE_MAX];
        size_t n;
};

struct send_protocol {
        const char *name; /* the name by which users choose it */
        const char *summary;
        const char *path;         /* path below the collector's URL */
        const char *content_type; /* sent exactly so */
        bool packs_inside;        /* servers do not unpack bodies, so what is in them is packed */
        uint32_t max_age_s;       /* servers refuse older profiles, or do not need them */
        size_t max_profiles;      /* the most profiles of a body */
        const char *former_type;  /* the content type of earlier versions, which a spool may still have; or NULL */
        /*
         * Makes a body, with @all_labels or without those that multiply series: see agent/format/series.h. -EFBIG if
         * servers would refuse it as too large.
         */
        int (*encode)(const struct profile_set *set, bool all_labels, struct send_body *ret);
        /*
         * Reads a body back. @ret_n is the number of its profiles. @ret is for write_parts(), and is to be freed by
         * free_parts(). -EINVAL if it is not a body of this protocol.
         */
        int (*read_parts)(const struct send_body *body, void **ret, size_t *ret_n);
        /* Makes a body of some profiles of one that was read: of these @n numbers, each of which it has. */
        int (*write_parts)(void *parts, bool all_labels, const size_t *items, size_t n, struct send_body *ret);
        void (*free_parts)(void *parts);
        /* Whether an answer surely names the profiles that were not stored, and so all others were. NULL: never. */
        bool (*failed)(const char *answer, size_t len, struct send_choice *ret);
};

extern const struct send_protocol send_otlp;
extern const struct send_protocol send_pyroscope;
extern const struct send_protocol send_parca;

/* Finds a protocol. A NULL name means the default. NULL if the name is unknown. */
const struct send_protocol *send_protocol_by_name(const char *name);
/* Gives @config the reason that there is no protocol of this name, and those that there are. Returns SEND_E_PROTOCOL. */
int send_protocol_refuse(const struct http_client_config *config, const char *name);

/*
 * Encodes @set into as many bodies as the protocol's limits require. First the set is divided between profiles. A
 * single profile that is too large is divided between its stacks.
 */
struct send_split {
        const struct send_protocol *protocol;
        bool all_labels;
        int (*body)(void *ctx, const struct send_body *body); /* called for each body, which is freed afterwards */
        void (*too_large)(void *ctx); /* called for a single stack that is too large: it is left out */
        void *ctx;
};
int send_split(const struct send_split *split, const struct profile_set *set);

/* The number of profiles of a body. -EINVAL if it is not a body of @protocol. */
int send_body_count(const struct send_protocol *protocol, const struct send_body *body);
/*
 * Makes @n bodies of equally many profiles of one. @choice: only of these; NULL: of all. -E2BIG if there are fewer;
 * -EINVAL if it is not a body of @protocol.
 */
int send_body_divide(const struct send_protocol *protocol, const struct send_body *body, bool all_labels,
                     const struct send_choice *choice, size_t n, struct send_body *ret);

/* Packs @body into the bytes that are sent. @ret is allocated. */
int send_body_pack(const struct send_body *body, bool gzip, void **ret, size_t *ret_len);
/* Unpacks what send_body_pack() has made. */
int send_body_unpack(const void *bytes, size_t len, bool gzip, struct send_body *ret);

#endif
