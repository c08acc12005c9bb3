/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interpreters and their thread states: two linked lists in the target, read
 * link by link, each with a bound. Up to 3.10 a thread state knows only its
 * pthread_t, which points to libc's struct pthread; the TID stands in there.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* Interpreters of one process; more is forged (each takes about 10 MiB). */
#define INTERPRETERS_MAX 256

/* Where struct pthread has the TID: glibc 2.36 to 2.43, musl 1.2 (both x86-64 and aarch64-independent probes). */
static const uint32_t tid_offsets[] = { 720, 48 };

/*
 * Finds out where struct pthread keeps the TID: in the main thread's it must be
 * the process's own PID, as the target sees it.
 */
static void calibrate(struct pystack *py, uint64_t pthread)
{
        uint32_t tid;

        for (size_t i = 0; i < sizeof tid_offsets / sizeof *tid_offsets; i++)
                if (remote_read(&py->reader, pthread + tid_offsets[i], &tid, sizeof tid) == 0 &&
                    tid == (uint32_t)py->inner_pid)
                        py->tid_offset = tid_offsets[i];
}

static int add_thread(struct pystack *py, uint64_t tstate, uint64_t interp, const uint8_t *bytes)
{
        const struct layout *layout = &py->layout;

        if (py->n_threads == py->cap_threads) {
                size_t cap = py->cap_threads ? 2 * py->cap_threads : 8;
                struct pystack_thread_ref *threads = realloc(py->threads, cap * sizeof *threads);
                if (!threads)
                        return -ENOMEM;
                py->threads = threads;
                py->cap_threads = cap;
        }
        py->threads[py->n_threads++] = (struct pystack_thread_ref){
                .tstate = tstate,
                .interp = interp,
                .pthread = word_at(bytes, layout->tstate.thread_id),
                .inner_tid = layout->tstate.native_thread_id == LAYOUT_NONE
                                     ? 0
                                     : (pid_t)word_at(bytes, layout->tstate.native_thread_id),
        };
        return 0;
}

static int list_interpreter(struct pystack *py, uint64_t interp)
{
        uint8_t bytes[LAYOUT_MAX_TSTATE];
        uint64_t tstate;
        int e = remote_read_word(&py->reader, interp + py->layout.interp.threads_head, &tstate);

        while (e == 0 && tstate && py->n_threads < PYSTACK_MAX_THREADS) {
                e = remote_read(&py->reader, tstate, bytes, py->layout.tstate.size);
                /* A thread that ends while the list is walked ends the walk as well. */
                if (e != 0 || word_at(bytes, py->layout.tstate.interp) != interp)
                        return e == PYSTACK_E_CORRUPT ? 0 : e;
                e = add_thread(py, tstate, interp, bytes);
                tstate = word_at(bytes, py->layout.tstate.next);
        }
        return e;
}

/* Up to 3.10: fills in the TIDs. Lists are newest first, so the main thread is the last. */
static void find_tids(struct pystack *py)
{
        for (size_t i = py->n_threads; i-- > 0 && !py->tid_offset;)
                calibrate(py, py->threads[i].pthread);
        for (size_t i = 0; i < py->n_threads && py->tid_offset; i++) {
                uint32_t tid;
                if (remote_read(&py->reader, py->threads[i].pthread + py->tid_offset, &tid, sizeof tid) == 0)
                        py->threads[i].inner_tid = (pid_t)tid;
        }
}

static int first_interpreter(struct pystack *py, uint64_t *ret)
{
        return remote_read_word(&py->reader, py->info.runtime + py->layout.runtime.interpreters_head, ret);
}

int pystack_threads(struct pystack *py, const struct pystack_thread_ref **ret, size_t *ret_n)
{
        uint64_t interp;
        int e = first_interpreter(py, &interp);

        py->n_threads = 0;
        for (unsigned i = 0; e == 0 && interp && i < INTERPRETERS_MAX; i++) {
                e = list_interpreter(py, interp);
                if (e == 0)
                        e = remote_read_word(&py->reader, interp + py->layout.interp.next, &interp);
        }
        if (e != 0)
                return e;
        if (py->layout.tstate.native_thread_id == LAYOUT_NONE)
                find_tids(py);
        for (size_t i = 0; i < py->n_threads; i++)
                py->threads[i].main = py->threads[i].inner_tid == py->inner_pid;
        *ret = py->threads;
        *ret_n = py->n_threads;
        return 0;
}

/* 3.12 on: each interpreter points to a GIL, which several may share. */
static int holder_of(struct pystack *py, uint64_t interp, uint64_t *ret)
{
        uint64_t gil, holder;
        uint32_t locked;
        int e = remote_read_word(&py->reader, interp + py->layout.interp.gil, &gil);

        if (e != 0 || (e = remote_read(&py->reader, gil + py->layout.gil.locked, &locked, sizeof locked)) != 0 ||
            (e = remote_read_word(&py->reader, gil + py->layout.gil.holder, &holder)) != 0)
                return e;
        *ret = locked == 1 ? holder : 0;
        return 0;
}

int pystack_gil_holder(struct pystack *py, uint64_t *ret_tstate)
{
        uint64_t interp, holder = 0;
        int e;

        if (py->layout.runtime.tstate_current != LAYOUT_NONE)
                return remote_read_word(&py->reader, py->info.runtime + py->layout.runtime.tstate_current, ret_tstate);
        if (py->layout.interp.gil == LAYOUT_NONE)
                return PYSTACK_E_UNSUPPORTED;
        e = first_interpreter(py, &interp);
        for (unsigned i = 0; e == 0 && interp && !holder && i < INTERPRETERS_MAX; i++) {
                e = holder_of(py, interp, &holder);
                if (e == 0)
                        e = remote_read_word(&py->reader, interp + py->layout.interp.next, &interp);
        }
        if (e == 0)
                *ret_tstate = holder;
        return e;
}
