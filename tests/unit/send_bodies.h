/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SEND_BODIES_H
#define TESTS_SEND_BODIES_H

/* What protocols make of profiles. */

#include "agent/send/protocol.h"

/* The bodies of a split. */
struct bodies {
        struct send_body items[64];
        size_t n, too_large;
};

/* Splits @set, which must succeed. Free @ret by bodies_deinit(). */
void bodies_split(const struct send_protocol *protocol, const struct profile_set *set, struct bodies *ret);
void bodies_deinit(struct bodies *bodies);

/* @stacks stacks with functions of their own, each sampled once by one of two threads. */
struct profile *bodies_profile(size_t stacks, const char *padding);

#endif
