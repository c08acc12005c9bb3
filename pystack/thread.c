/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interpreters and their thread states: two linked lists in the target, read
 * link by link, each with a bound. Up to 3.10 a thread state knows only its
 * pthread_t, which points to libc's struct pthread; the TID stands in there.
 */
#include "current.h"
#include "thread.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>

/* Interpreters of one process; more is forged (each takes about 10 MiB). */
#define INTERPRETERS_MAX 256

/*
 * Tries an offset: in some thread's struct pthread it must be where one of the
 * process's @known TIDs stands, as the target sees them.
 */
static bool has_tid_at(const struct pystack *py, uint32_t offset, const pid_t *known, size_t n)
{
        for (size_t i = py->n_threads; i-- > 0;) {
                uint32_t tid;
                if (remote_read(&py->reader, py->threads[i].pthread + offset, &tid, sizeof tid) != 0)
                        continue;
                for (size_t j = 0; j < n; j++)
                        if (tid == (uint32_t)known[j])
                                return true;
        }
        return false;
}

/* musl's struct is the smaller one: what lies behind it could be anything, so it is tried first. */
static void calibrate(struct pystack *py, const pid_t *known, size_t n)
{
        for (size_t libc = MACHINE_LIBCS; libc-- > 0 && !py->tid_offset;) {
                uint32_t offset = py->machine->libcs[libc].tid;
                if (has_tid_at(py, offset, known, n))
                        py->tid_offset = offset;
        }
}

/* So many of a process's threads serve as known ones. */
#define KNOWN_MAX 64

/* Where Python runs in other threads than the main one: an embedded interpreter. */
static void calibrate_without_main(struct pystack *py)
{
        struct nsutil_thread *threads = NULL;
        pid_t known[KNOWN_MAX];
        size_t n = 0;

        if (py->pid == 0 || py->n_threads == 0 || nsutil_threads_read(py->pid, &threads, &n) != 0)
                return;
        n = n < KNOWN_MAX ? n : KNOWN_MAX;
        for (size_t i = 0; i < n; i++)
                known[i] = threads[i].inner_tid;
        free(threads);
        calibrate(py, known, n);
}

static int add_thread(void *ctx, uint64_t tstate, uint64_t interp, const uint8_t *bytes)
{
        struct pystack *py = ctx;
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

/* @n counts the states that have been met, of all interpreters. */
static int walk_interpreter(struct pystack *py, uint64_t interp, thread_each_fn each, void *ctx, size_t *n)
{
        uint8_t bytes[LAYOUT_MAX_TSTATE];
        uint64_t tstate;
        int e = remote_read_word(&py->reader, interp + py->layout.interp.threads_head, &tstate);

        while (e == 0 && tstate && *n < PYSTACK_MAX_THREADS) {
                e = remote_read(&py->reader, tstate, bytes, py->layout.tstate.size);
                /* A thread that ends while the list is walked ends the walk as well. */
                if (e != 0 || word_at(bytes, py->layout.tstate.interp) != interp)
                        return e == PYSTACK_E_CORRUPT ? 0 : e;
                e = each(ctx, tstate, interp, bytes);
                tstate = word_at(bytes, py->layout.tstate.next);
                ++*n;
        }
        return e;
}

static int first_interpreter(struct pystack *py, uint64_t *ret)
{
        return remote_read_word(&py->reader, py->interpreters, ret);
}

int thread_walk(struct pystack *py, thread_each_fn each, void *ctx)
{
        uint64_t interp;
        size_t n = 0;
        int e = first_interpreter(py, &interp);

        py->several = false;
        for (unsigned i = 0; e == 0 && interp && i < INTERPRETERS_MAX; i++) {
                py->several = i > 0;
                e = walk_interpreter(py, interp, each, ctx, &n);
                if (e == 0)
                        e = remote_read_word(&py->reader, interp + py->layout.interp.next, &interp);
        }
        return e;
}

void thread_count_interpreters(struct pystack *py)
{
        uint64_t interp, next = 0;

        if (first_interpreter(py, &interp) == 0 && interp &&
            remote_read_word(&py->reader, interp + py->layout.interp.next, &next) == 0)
                py->several = next != 0;
}

/* Marks the main thread; false if there is none. */
static bool mark_main(struct pystack *py)
{
        bool found = false;

        for (size_t i = 0; i < py->n_threads; i++) {
                py->threads[i].main = py->threads[i].inner_tid == py->inner_pid;
                found = found || py->threads[i].main;
        }
        return found;
}

/*
 * Fills in the TIDs by what libc knows. Needed up to 3.10, and where an embedder
 * (uWSGI) has forked without telling Python: then the parent's are still noted.
 */
static void find_tids(struct pystack *py)
{
        if (!py->tid_offset)
                calibrate(py, &py->inner_pid, 1);
        if (!py->tid_offset)
                calibrate_without_main(py);
        for (size_t i = 0; i < py->n_threads && py->tid_offset; i++) {
                uint32_t tid;
                if (remote_read(&py->reader, py->threads[i].pthread + py->tid_offset, &tid, sizeof tid) == 0)
                        py->threads[i].inner_tid = (pid_t)tid;
        }
}

int pystack_threads(struct pystack *py, const struct pystack_thread_ref **ret, size_t *ret_n)
{
        py->n_threads = 0;
        int e = thread_walk(py, add_thread, py);
        if (e == 0)
                e = current_filter(py);
        if (e != 0)
                return e;
        if (!mark_main(py)) {
                find_tids(py);
                mark_main(py);
        }
        *ret = py->threads;
        *ret_n = py->n_threads;
        return 0;
}

/* 3.12 on: each interpreter points to a GIL, which several may share. */
static int holder_of(struct pystack *py, uint64_t interp, uint64_t *ret)
{
        uint64_t gil, holder;
        uint32_t locked, enabled = 1;
        int e = remote_read_word(&py->reader, interp + py->layout.interp.gil, &gil);

        if (e == 0 && py->layout.gil.enabled != LAYOUT_NONE)
                e = remote_read(&py->reader, gil + py->layout.gil.enabled, &enabled, sizeof enabled);
        if (e != 0 || (e = remote_read(&py->reader, gil + py->layout.gil.locked, &locked, sizeof locked)) != 0 ||
            (e = remote_read_word(&py->reader, gil + py->layout.gil.holder, &holder)) != 0)
                return e;
        *ret = enabled && locked == 1 ? holder : 0;
        return 0;
}

int pystack_gil_holder(struct pystack *py, uint64_t *ret_tstate)
{
        uint64_t interp, holder = 0;
        int e;

        if (py->tstate_current)
                return remote_read_word(&py->reader, py->tstate_current, ret_tstate);
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
