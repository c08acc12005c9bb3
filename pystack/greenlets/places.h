/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GREENLET_PLACES_H
#define PYSTACK_GREENLET_PLACES_H

/* Where a process has its greenlets: the type, the offsets, and the module's place in the storage of each thread. */

#include "pystack/internal.h"
#include "pystack/memory/trail.h"

/*
 * PyGreenlet is {head, weakreflist, dict, pimpl} since greenlet 2.0 (greenlet.h). The rest are offsets in the C++ object at
 * pimpl: class Greenlet, with its ExceptionState, SwitchingArgs, StackState and PythonState, and what UserGreenlet has
 * behind it (TGreenlet.hpp; greenlet_greenlet.hpp up to 2.0).
 */
struct greenlet_offsets {
        uint32_t pimpl;
        uint32_t self;  /* _self: the PyGreenlet */
        uint32_t start; /* _stack_start: NULL unless it has begun and not ended */
        uint32_t stop;  /* stack_stop: NULL if it has not begun */
        uint32_t top;   /* _top_frame: a frame object; NULL while it runs */
        uint32_t base;  /* the size of class Greenlet */
        uint32_t main;  /* _main_greenlet, of a UserGreenlet; behind it _run_callable and _parent */
        uint32_t parent;
        uint32_t thread_state; /* _thread_state, of a MainGreenlet */
};

/* Bytes of the C++ object that hold all of these. */
#define GREENLET_BYTES 216

/* In ThreadState (TThreadState.hpp). */
#define GREENLET_STATE_MAIN 0
#define GREENLET_STATE_CURRENT 8

#define GREENLET_VERSION_BYTES 24

struct greenlet_places {
        uint64_t type; /* greenlet.greenlet, a static type */
        struct greenlet_offsets offsets;
        uint32_t stride; /* bytes of an entry in a thread's dtv */
        uint32_t entry;  /* where in it the module's storage is told */
        uint32_t offset; /* of the pointer to the ThreadState in that storage */
        char version[GREENLET_VERSION_BYTES];
};

/*
 * Finds them. Errors as of pystack_greenlets_read(); then @ret->version may be known all the same. It takes no more than
 * 20 ms of CPU time (PYSTACK_E_COSTLY).
 */
int greenlet_places_find(struct pystack *py, struct greenlet_places *ret);

/*
 * Makes the offsets of the C++ object of a main greenlet, which has the @words, is called @main, and belongs to the
 * ThreadState at @state. @version: CPython's. PYSTACK_E_UNSUPPORTED if it is of no layout that is known.
 */
int greenlet_offsets_measure(const uint64_t words[static GREENLET_BYTES / 8], uint64_t main, uint64_t state,
                             uint16_t version, uint32_t head, struct greenlet_offsets *ret);

/*
 * Reads the address of the ThreadState of the thread with @pthread; 0: the thread has not used greenlet. 0, or an error
 * of reading.
 */
int greenlet_thread_state(struct trail *trail, const struct greenlet_places *places, uint64_t pthread, uint64_t *ret);

#endif
