/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_NATIVE_H
#define SAMPLE_NATIVE_H

/* Mixed stacks: whether a tick can have one, what is known of the code that a target has mapped, and its names. */

#include "internal.h"

#include "agent/symbol/symbol.h"

/* What a tick asks pystack for. It stays in place until the reading is over. */
struct native_ask {
        struct pystack_native_request request;
        const struct tick_event *event;
        struct member *member;
};

/*
 * Asks for a mixed stack of the member's Python thread, if mixed stacks are wanted, and it is known where the thread was:
 * by the tick; or, if it waits, by its system call.
 */
void native_ask(struct native_ask *ret, const struct target *target, const struct sampler *sampler,
                struct member *member, const struct tick_event *event);

/*
 * Counts a tick for which a mixed stack was wanted. @mixed: what has come of it; NULL: it was not even asked for. Returns
 * it if it is merged, else NULL.
 */
const struct pystack_mixed *native_count(struct target *target, const struct sampler *sampler,
                                         const struct pystack_mixed *mixed, const struct tick_event *event);

/* Counts a tick whose mixed stack was counted already, but has no room: it has its Python stack after all. */
void native_count_costly(struct target *target, const struct tick_event *event);

/*
 * The C stack of a thread that is not known to run Python. If it is whole, and has no evaluation loop, the thread runs none
 * now: then it is counted. Otherwise NULL.
 */
const struct pystack_mixed *native_read(struct target *target, const struct sampler *sampler, struct member *member,
                                        const struct tick_event *event, struct pystack_mixed *ret);

/*
 * Reads which code the target has mapped, if a stack has met code of which nothing is known. That takes a fiftieth of the
 * time at most. decoder->turn is held, the target's lock is not.
 */
void native_refresh_when_due(struct target *target);

#define NATIVE_FILE_SIZE 4096

/* A frame of C code or of the kernel, and room for its names. */
struct native_name {
        struct profile_native frame;
        struct symbol symbol;
        char file[NATIVE_FILE_SIZE]; /* escaped: a process can give a file any name. A longer path is cut */
};

/* Names a frame. decoder->turn is held. The target's lock is not. */
void native_name(const struct target *target, const struct sampler *sampler, const struct backlog_frame *frame,
                 struct native_name *ret);

#endif
