/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GIL_BLAME_H
#define GIL_BLAME_H

/*
 * Who holds the GIL while others want it, and who waits for it: sums of profiles that were sampled in mode blame.
 * Times are nanoseconds. The number of rows is bounded, since targets may have any number of
 * names.
 */

#include "agent/profile/profile.h"

/* The most functions, and the most threads, that are told apart. The times of all others go to BLAME_OTHERS. */
#define BLAME_MAX 16384
#define BLAME_OTHERS "(others)"

/* A function, by its name and its file, where it is the innermost one of the thread that holds the GIL. */
struct blame_function {
        const char *name, *file; /* the blame's */
        uint64_t waited_ns;      /* time for which other threads waited meanwhile: 3 threads wait 3 s in 1 s */
        uint64_t wanted_ns;      /* time for which at least one waited meanwhile */
        uint64_t held_ns;
        uint64_t recent_ns; /* the part of waited_ns of the present turn */
};

enum blame_doing {
        BLAME_RUNNING, /* it runs or is ready to run, without the GIL */
        BLAME_HOLDING,
        BLAME_WAITING, /* for the GIL */
        BLAME_IDLE,    /* it waits for something else */
        BLAME_UNKNOWN,
        BLAME_DOINGS,
};

struct blame_thread {
        const char *name; /* the blame's */
        uint64_t tid;     /* 0: all others */
        uint64_t ns[BLAME_DOINGS];
        uint64_t recent_ns[BLAME_DOINGS]; /* the parts of the present turn */
};

/* Each tick counts each GIL once. */
struct blame_sums {
        uint64_t gil_ns;                 /* time of all GILs */
        uint64_t missing_ns;             /* time of processes without a GIL, which is in no other sum of GILs */
        uint64_t held_ns;                /* parts of @gil_ns: a thread holds it */
        uint64_t wanted_ns;              /* at least one other thread waits for it */
        uint64_t unsure_ns;              /* it cannot be known who waits, as in Python up to 3.6 and with musl */
        uint64_t waited_ns;              /* time for which threads waited */
        uint64_t untold_ns;              /* the part of @waited_ns for which it is not known who held the GIL */
        uint64_t free_ns;                /* the part of @waited_ns in which nobody held the GIL */
        uint64_t threads_ns, unknown_ns; /* time of all threads; the part of which it is not known what they did */
};

struct blame;

struct blame *blame_new(void);        /* NULL: out of memory */
void blame_free(struct blame *blame); /* accepts NULL */

/* Begins a new turn. Without it, all is one turn. */
void blame_turn(struct blame *blame);

/* Forgets all. */
void blame_reset(struct blame *blame);

/* Counts the samples of a process. 0 or -ENOMEM. */
int blame_add(struct blame *blame, const struct profile *profile);

const struct blame_sums *blame_sums(const struct blame *blame);

/*
 * Writes at most @max functions, the most to blame in the present turn first; threads, the one that waits most in it
 * first. Returns the number; 0 if memory ran out.
 */
size_t blame_functions(const struct blame *blame, size_t max, struct blame_function *ret);
size_t blame_threads(const struct blame *blame, size_t max, struct blame_thread *ret);

#endif
