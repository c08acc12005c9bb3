/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_DECODE_H
#define SAMPLE_DECODE_H

/*
 * Names and lines, decoded outside of ticks. A reader runs before all else on its CPU, so it only copies bytes, and
 * counts a stack that is new under a reserved id. A thread of ordinary priority decodes such stacks, and whoever takes
 * a profile decodes what is left for it.
 *
 * Who decodes holds target->lock for no longer than it takes to intern one frame: it is lifted to real-time priority
 * when a reader waits for that lock. What keeps the target, its profile and the frames that are being decoded in place
 * meanwhile is decoder->turn, which is held for a turn: no reader ever waits for it.
 */

#include "backlog.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct sampler;
struct target;

/* The stacks of a target that are being decoded. */
struct decoding {
        struct batch batch;
        size_t stack;    /* of @batch: the one that comes next */
        size_t frame;    /* likewise */
        size_t done;     /* frames of that stack */
        profile_id *ids; /* PYSTACK_MAX_FRAMES: of the frames of the stack that was decoded last, outermost first */
};

struct decoder {
        struct sampler *sampler;
        pthread_mutex_t turn; /* guards the decoding of every target */
        pthread_mutex_t list; /* guards the targets that have asked: */
        struct target *first, *last;
        sem_t asked;
        pthread_t thread;
        _Atomic bool stop;
        _Atomic unsigned takers; /* who waits for a turn to take a profile: the thread takes none meanwhile */
};

/* Starts the thread. -errno. */
int decoder_open(struct decoder *decoder, struct sampler *sampler);
/* Ends the thread. */
void decoder_close(struct decoder *decoder);
/* Frees what decoder_open() has made, also where it has failed. */
void decoder_deinit(struct decoder *decoder);

/* To be called when the target's backlog has got a stack. Its lock is held. */
void decoder_ask(struct target *target);

/* The target, which is silent or which no reader knows any more, has not asked. decoder->turn is held. */
void decoder_forget(struct decoder *decoder, struct target *target);

/* All of these expect decoder->turn to be held. */
/* Decodes some stacks of the target, whose lock is not held. False: none is left. */
bool decode_some(struct target *target, const struct sampler *sampler);
/* Decodes what waits now. The same. */
void decode_waiting(struct target *target, const struct sampler *sampler);
/* Takes over what waits, for @decode_rest(). The target's lock is held, and all that was taken over before is decoded. */
bool decode_fetch(struct target *target);
/* Whether what was taken over is decoded. */
bool decode_has_ended(const struct target *target);
/* Decodes what was taken over, for @p, the target's profile or the one that it had until now. Its lock is not held. */
void decode_rest(struct target *target, const struct sampler *sampler, struct profile *p);
/* Frees it. */
void decoding_deinit(struct decoding *decoding);

#endif
