/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists the threads of a process with their TIDs. Up to 3.10 a thread state has no TID, but its pthread_t points to
 * libc's struct pthread, which has it.
 */
#include "active_state.h"
#include "interpreter.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Whether a struct pthread of some thread has one of the @known TIDs of the process at @offset. TIDs are as the
 * target sees them.
 */
static bool has_tid_at(const struct pystack *py, uint32_t offset, const pid_t *known, size_t n)
{
        for (size_t i = py->threads.n; i-- > 0;) {
                uint32_t tid;
                if (remote_read(&py->memory, py->threads.refs[i].pthread + offset, &tid, sizeof tid) != 0)
                        continue;
                for (size_t j = 0; j < n; j++)
                        if (tid == (uint32_t)known[j])
                                return true;
        }
        return false;
}

/* musl's struct is tried first, as it is the smaller one: anything could lie behind it. */
static void calibrate_tid_offset(struct pystack *py, const pid_t *known, size_t n)
{
        for (size_t libc = MACHINE_LIBCS; libc-- > 0 && !py->process.tid_offset;) {
                uint32_t offset = py->runtime.machine->libcs[libc].tid;
                if (has_tid_at(py, offset, known, n))
                        py->process.tid_offset = offset;
        }
}

/* Threads of the process whose TIDs are tried. */
#define KNOWN_MAX 64

/* For an embedded interpreter, which may run in other threads than the main one. */
static void calibrate_without_main(struct pystack *py)
{
        struct nsutil_thread *threads = NULL;
        pid_t known[KNOWN_MAX];
        size_t n = 0;

        if (py->process.pid == 0 || py->threads.n == 0 || nsutil_threads_read(py->process.pid, &threads, &n) != 0)
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
        const struct layout *layout = &py->runtime.layout;

        if (py->threads.n == py->threads.cap) {
                size_t cap = py->threads.cap ? 2 * py->threads.cap : 8;
                struct pystack_thread_ref *threads = realloc(py->threads.refs, cap * sizeof *threads);
                if (!threads)
                        return -ENOMEM;
                py->threads.refs = threads;
                py->threads.cap = cap;
        }
        py->threads.refs[py->threads.n++] = (struct pystack_thread_ref){
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

        for (size_t i = 0; i < py->threads.n; i++) {
                py->threads.refs[i].main = py->threads.refs[i].inner_tid == py->process.inner_pid;
                found = found || py->threads.refs[i].main;
        }
        return found;
}

/*
 * Fills in the TIDs from struct pthread. That is needed up to 3.10, and if an embedder (uWSGI) has forked without
 * telling Python: then the thread states still have the TIDs of the parent.
 */
static void read_tids(struct pystack *py)
{
        if (!py->process.tid_offset)
                calibrate_tid_offset(py, &py->process.inner_pid, 1);
        if (!py->process.tid_offset)
                calibrate_without_main(py);
        for (size_t i = 0; i < py->threads.n && py->process.tid_offset; i++) {
                uint32_t tid;
                if (remote_read(&py->memory, py->threads.refs[i].pthread + py->process.tid_offset, &tid, sizeof tid) ==
                    0)
                        py->threads.refs[i].inner_tid = (pid_t)tid;
        }
}

int pystack_threads(struct pystack *py, const struct pystack_thread_ref **ret, size_t *ret_n)
{
        py->threads.n = 0;
        int e = interpreter_walk(py, add_thread, py);
        if (e == 0)
                e = active_state_filter(py);
        if (e != 0)
                return e;
        if (!mark_main(py)) {
                read_tids(py);
                mark_main(py);
        }
        *ret = py->threads.refs;
        *ret_n = py->threads.n;
        return 0;
}
