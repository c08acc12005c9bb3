/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GREENLETS_H
#define PYSTACK_GREENLETS_H

/*
 * Greenlets of the module greenlet 2 and 3, on x86-64. Included by pystack.h.
 *
 * A greenlet's stack ends where the greenlet began. Outside of it stands a mark, and then the stack of its parent, which
 * is suspended: it gets the result once the greenlet has ended. So it goes on up to the thread's main greenlet.
 *
 * Which greenlet a thread runs is read from the thread's own storage, of the same moment as its stack. A thread that is
 * switching from one greenlet to another has the stack of the first one, which has called switch().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pystack;
struct pystack_frame;

/* The frame that stands where a greenlet began. Its file is "" and it has no line. */
#define PYSTACK_GREENLET_MARK "(greenlet)"

/*
 * Whether stacks that pystack_sample() makes from now on go on behind their greenlet. As after opening: not. Stacks of
 * threads that are switching are read in either case, once pystack_greenlets_read() has succeeded.
 */
void pystack_greenlets_want(struct pystack *py, bool wanted);

/*
 * Finds out where the process's threads have their greenlets: outside of ticks, since it may take milliseconds. To be
 * called again when pystack_greenlets_are_stale(). @lock and the rest are as of pystack_native_read(). 0: they can be
 * read. PYSTACK_E_NOT_READY: greenlet was not imported, or not used so far. PYSTACK_E_UNSUPPORTED: its version, or this
 * machine, is not known.
 */
int pystack_greenlets_read(struct pystack *py, bool (*lock)(void *ctx), void (*unlock)(void *ctx), void *ctx);

/* Whether a stack was read, and it was not known whether the process has greenlets. */
bool pystack_greenlets_are_stale(const struct pystack *py);

/* The version of the module, escaped; "": it is not known. Valid until the next pystack_greenlets_read(). */
const char *pystack_greenlets_version(const struct pystack *py);

/* Stacks of which it could not be told for sure which greenlet runs them, or where its parents are: they have none. */
uint64_t pystack_greenlets_unread(const struct pystack *py);

/* Stacks of threads that were switching between greenlets. */
uint64_t pystack_greenlets_switching(const struct pystack *py);

/* ---- all greenlets -------------------------------------------------------------------- */

/* What a greenlet does. */
enum pystack_greenlet_state {
        PYSTACK_GREENLET_NEW,       /* it has not begun */
        PYSTACK_GREENLET_SUSPENDED, /* it has switched to another one */
        PYSTACK_GREENLET_RUNS,      /* a thread runs it: it has no @frames */
        PYSTACK_GREENLET_ENDED,     /* it will not run again */
};

/* Frames of a suspended greenlet that are told at most: the outermost ones of a deeper one are missing. */
#define PYSTACK_GREENLET_FRAMES_MAX 128

struct pystack_greenlet {
        uint64_t address;
        uint64_t parent;  /* the address of that greenlet; 0: none */
        uint64_t tstate;  /* the thread that it belongs to; 0: not known, or it has ended */
        bool main;        /* the thread's first one, which has no parent */
        const char *type; /* the name of its class, escaped: "greenlet", "Greenlet", "Hub" */
        enum pystack_greenlet_state state;
        const struct pystack_frame *frames; /* innermost first */
        size_t n;
        bool truncated;
};

/* Is told of a greenlet; all is valid during the call. False: no more. */
typedef bool (*pystack_greenlet_fn)(void *ctx, const struct pystack_greenlet *greenlet);

struct pystack_greenlets_seen {
        size_t told;
        size_t unread;  /* greenlets that changed while they were read */
        size_t objects; /* that were looked at */
        bool cut;       /* there may be more: the collector's lists changed, or are longer than the bound */
};

/* Objects that are looked at, and greenlets that are told at most. */
#define PYSTACK_GREENLET_OBJECTS_MAX 2000000
#define PYSTACK_GREENLETS_MAX 262144

/*
 * Lists the greenlets of the process. CPython has no list of them: they are looked for among all objects that its
 * collector of garbage knows, and among the running ones and their parents. What is made, or collected, meanwhile may be
 * missing. Each greenlet is read so that all that is told of it was so at one moment; different ones may be of different
 * moments. Errors as of pystack_greenlets_read(), which has to be called before. PYSTACK_E_COSTLY: it takes more than
 * @cpu_ns of CPU time (0: no limit); what was told until then is true. PYSTACK_E_UNSUPPORTED: the collector of this CPython
 * has no lists, so that only running greenlets and their parents were told.
 */
int pystack_greenlets(struct pystack *py, uint64_t cpu_ns, pystack_greenlet_fn each, void *ctx,
                      struct pystack_greenlets_seen *ret);

#endif
