/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's threads and their TIDs. Up to 3.10 a thread state knows only its
 * pthread_t, which points to libc's struct pthread; the TID stands in there.
 */
#include "active_state.h"
#include "interpreter.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>

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
static void calibrate_tid_offset(struct pystack *py, const pid_t *known, size_t n)
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
        calibrate_tid_offset(py, known, n);
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
static void read_tids(struct pystack *py)
{
        if (!py->tid_offset)
                calibrate_tid_offset(py, &py->inner_pid, 1);
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
        int e = interpreter_walk(py, add_thread, py);
        if (e == 0)
                e = current_filter(py);
        if (e != 0)
                return e;
        if (!mark_main(py)) {
                read_tids(py);
                mark_main(py);
        }
        *ret = py->threads;
        *ret_n = py->n_threads;
        return 0;
}
