/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_PUSHED_H
#define SEND_PUSHED_H

/*
 * What backends with a push of their own are sent, Pyroscope and Parca: each profile is a series with labels, and has
 * one pprof. Labels of samples become labels of the series, so threads are not told apart.
 *
 * The limits are Pyroscope's by default: 16 000 samples in a profile; 4 MB a second of unpacked pprofs and labels for
 * all agents of a tenant, and 2 MiB at once. Up to 1.12 the whole body has to fit into what is left of the 2 MiB, later
 * on each series. Small bodies fit sooner. Parca takes 32 MB at once.
 */

#include "agent/profile/profile.h"
#include "agent/send/labels.h"
#include "agent/send/protocol.h"

#include <stdbool.h>
#include <stddef.h>

/* A UUID in text, which Pyroscope expects. */
#define PUSHED_ID_SIZE sizeof("01234567-89ab-cdef-0123-456789abcdef")

struct pushed {
        struct send_labels labels;
        void *pprof; /* not packed */
        size_t pprof_len;
        char id[PUSHED_ID_SIZE]; /* the profile's format_profile_id() */
};

struct pushed_list {
        struct pushed *items;
        size_t n;
};

/* Writes series as a body of a protocol. 0 or a negative errno. */
typedef int (*pushed_write_fn)(const struct pushed_list *list, struct send_body *ret);

/*
 * Encodes as struct send_protocol says. A set without samples has no body, but the set without profiles does: it asks
 * whether the server is there.
 */
int pushed_encode(const struct profile_set *set, bool all_labels, pushed_write_fn write, struct send_body *ret);

#endif
