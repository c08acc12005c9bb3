/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GIL_H
#define PYSTACK_GIL_H

/* A part of pystack.h: the GILs of a process. From 3.12 on an interpreter may have a GIL of its own (PEP 684). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pystack_thread;

/* A GIL of a process. */
struct pystack_gil {
        uint64_t id;       /* an address of its own */
        uint64_t from, to; /* see pystack_gil_span(); both 0: not known */
        uint64_t holder;   /* the thread state that holds it; 0: none */
        pid_t inner_tid;   /* the TID of the holder, as pystack_thread_ref has it; 0: not known */
        /*
         * Which thread the holder is cannot be known. Up to 3.12 run_string() runs in a thread state of the interpreter
         * that another thread may have made, and that still has that thread's ids (Modules/_xxsubinterpretersmodule.c).
         * So only those of the first interpreter, which is the last of the list, are sure.
         */
        bool unbound;
};

/*
 * Lists the GILs of the process of @thread, each with its holder at this moment: at most @max. Interpreters that
 * share one are listed as one, and those that run without one are left out. PYSTACK_E_UNSUPPORTED if the layout does
 * not tell. Errors of reading.
 */
int pystack_gils(const struct pystack_thread *thread, struct pystack_gil *ret, size_t max, size_t *ret_n);

#endif
