/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_DECODE_H
#define SAMPLE_DECODE_H

/*
 * Names and lines, decoded outside of ticks. A reader runs before all else on its CPU, so it only copies bytes, and
 * counts a new stack under a reserved id. A thread of ordinary priority decodes new stacks. A thread that takes a
 * profile decodes the stacks of it that are left.
 *
 * A thread that decodes holds target->lock only while it interns one frame, because the thread is lifted to real-time
 * priority when a reader waits for that lock. In between, decoder->turn keeps the target, its profile and the frames
 * that are being decoded in place. That lock is held for a turn, and no reader ever waits for it.
 */

#include "backlog.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct sampler;
struct target;

/* Frames of C code that were named last, by the lower bits of their keys. 64 KiB. */
#define DECODE_NAMED 4096
struct decode_named {
        uint64_t key;  /* backlog_key()'s */
        profile_id id; /* 0: none */
};

/* The stacks of a target that are being decoded. */
struct decoding {
        struct batch batch;
        size_t stack; /* the index in @batch of the stack that comes next */
        size_t frame; /* the index in @batch of the frame that comes next */
        size_t done;  /* the number of frames of that stack that are decoded */
        struct decode_named
                *named;  /* DECODE_NAMED of them, of @named_of; NULL: neither C code nor many frames were met yet */
        size_t n_python; /* frames of Python that were decoded */
        const struct profile *named_of; /* NULL: none is valid */
        profile_id *ids; /* the ids of the frames of the last stack, outermost first: PYSTACK_MAX_FRAMES; or NULL */
};

struct decoder {
        struct sampler *sampler;
        pthread_mutex_t turn; /* guards the decoding of every target */
        pthread_mutex_t list; /* guards the queue of the targets that have asked, @first to @last */
        struct target *first, *last;
        sem_t asked; /* posted when the first target of an empty queue has asked */
        pthread_t thread;
        _Atomic bool stop;
        _Atomic unsigned
                takers; /* threads that wait for a turn to take a profile: the decoder starts no turn meanwhile */
};

/* Starts the thread. 0 or -errno. */
int decoder_open(struct decoder *decoder, struct sampler *sampler);
/* Ends the thread. */
void decoder_close(struct decoder *decoder);
/* Frees what decoder_open() has made, also if decoder_open() has failed. */
void decoder_deinit(struct decoder *decoder);

/* Queues the target. To be called when its backlog has got a stack. The target's lock is held. */
void decoder_ask(struct target *target);

/* Takes the target out of the queue. It is silent, or no reader knows it any more. decoder->turn is held. */
void decoder_forget(struct decoder *decoder, struct target *target);

/* decoder->turn must be held for all functions from here on. */
/*
 * Decodes some stacks of the target, whose lock is not held. If there is none, looks up addresses that its waits lack.
 * False: nothing is left.
 */
bool decode_some(struct target *target, const struct sampler *sampler);
/* Decodes the stacks that wait now. The target's lock is not held. */
void decode_waiting(struct target *target, const struct sampler *sampler);
/*
 * Takes over the stacks in the target's backlog, for decode_rest(). The target's lock is held. All stacks that were
 * taken over before are decoded. Returns whether there are any stacks.
 */
bool decode_fetch(struct target *target);
/* Whether all stacks that were taken over are decoded. */
bool decode_has_ended(const struct target *target);
/*
 * Decodes the stacks that were taken over. @p is the profile that has them: the target's present one, or the one
 * before. The target's lock is not held.
 */
void decode_rest(struct target *target, const struct sampler *sampler, struct profile *p);
/* Forgets the frames of a profile, which is going to be handed over. */
void decode_forget_names(struct target *target);
/* Frees the memory of the decoding. */
void decoding_deinit(struct decoding *decoding);

#endif
