/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_NAMES_H
#define SAMPLE_NAMES_H

/*
 * The names of threads as Python knows them. A tick counts a thread by the kernel's name, and asks for Python's. A
 * thread of its own, the namer, reads that soon, and again while the thread is young, since threads can get their names
 * late. When a profile is taken, the names of all threads in it are read once more. A name that is not certain is not
 * taken, and the one before stays.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member;
struct sampler;
struct target;

struct namer {
        struct sampler *sampler;
        pthread_t thread;
        bool running;
        sem_t asked; /* there may be something to do */
        _Atomic bool stop;
};

/* What a target knows of names. */
struct naming {
        struct namer *namer;       /* NULL: threads are not told apart */
        _Atomic bool asked;        /* some names are wanted */
        _Atomic uint64_t since_ns; /* when names were last read (CLOCK_MONOTONIC) */
        size_t bytes;              /* what its members' names take; guarded by target->lock */
};

/* Starts the thread. 0 or -errno. */
int namer_open(struct namer *namer, struct sampler *sampler);
/* Ends the thread. Accepts one that namer_open() has not started. */
void namer_close(struct namer *namer);
/* Frees what namer_open() has made. No reader runs any more. */
void namer_deinit(struct namer *namer);

/* To be called by a tick when the member has got an id in the profile. The target's lock is held. */
void names_attach(struct target *target, struct member *member);
/* To be called before the member is freed. The target's lock is held. */
void names_detach(struct target *target, struct member *member);

/*
 * Reads the names that are wanted now; if @all, those of all threads of the present profile. May hang as all reading
 * may: it is for errands. The target's lock is not held.
 */
int names_read(struct target *target, bool all);

/* In errand.c: an errand that reads the names that are wanted now. */
void errand_read_names(struct sampler *sampler, struct target *target);

#endif
