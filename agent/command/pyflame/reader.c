/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads stacks one after the other, in the order of time, which flame charts need. The sampler only counts stacks.
 * Threads stay open from one sample to the next, and are found by their thread state.
 */
#include "pyflame.h"

#include "agent/sample/sample.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct known {
        uint64_t tstate;
        pid_t inner_tid;
        struct pystack_thread *thread;
        pid_t tid; /* in podflame's PID namespace */
        UT_hash_handle hh;
};

struct pyflame_reader {
        pid_t pid;
        struct pystack *py;
        struct known *threads;
};

struct pyflame_reader *pyflame_reader_new(pid_t pid, struct pystack *py)
{
        struct pyflame_reader *r = calloc(1, sizeof *r);

        if (r)
                *r = (struct pyflame_reader){ .pid = pid, .py = py };
        return r;
}

static void forget_thread(struct pyflame_reader *r, struct known *known)
{
        HASH_DEL(r->threads, known);
        pystack_thread_close(known->thread);
        free(known);
}

void pyflame_reader_free(struct pyflame_reader *r)
{
        struct known *known, *next;

        if (!r)
                return;
        HASH_ITER(hh, r->threads, known, next)
                forget_thread(r, known);
        free(r);
}

/* ---- threads ------------------------------------------------------------------------------ */

static int host_tid(const struct pyflame_reader *r, pid_t inner_tid, pid_t *ret)
{
        struct nsutil_thread *threads;
        size_t n;
        int e = nsutil_threads_read(r->pid, &threads, &n);

        if (e != 0)
                return e < 0 ? e : PYSTACK_E_GONE;
        e = PYSTACK_E_GONE;
        for (size_t i = 0; i < n && e != 0; i++)
                if (threads[i].inner_tid == inner_tid) {
                        *ret = threads[i].tid;
                        e = 0;
                }
        free(threads);
        return e;
}

static int open_new_thread(struct pyflame_reader *r, const struct pystack_thread_ref *ref, struct known **ret)
{
        struct known *known = calloc(1, sizeof *known);

        if (!known)
                return -ENOMEM;
        *known = (struct known){ .tstate = ref->tstate, .inner_tid = ref->inner_tid };
        int e = host_tid(r, ref->inner_tid, &known->tid);
        if (e == 0)
                e = pystack_thread_open(r->py, ref, &known->thread);
        if (e != 0) {
                free(known);
                return e;
        }
        HASH_ADD(hh, r->threads, tstate, sizeof known->tstate, known);
        if (!known->hh.tbl) {
                pystack_thread_close(known->thread);
                free(known);
                return -ENOMEM;
        }
        *ret = known;
        return 0;
}

/*
 * Opens the thread of @ref, or finds it if it is open. A new thread may have got the thread state of one that has
 * ended.
 */
static int get_thread(struct pyflame_reader *r, const struct pystack_thread_ref *ref, struct known **ret)
{
        struct known *known;

        HASH_FIND(hh, r->threads, &ref->tstate, sizeof ref->tstate, known);
        if (known && known->inner_tid != ref->inner_tid) {
                forget_thread(r, known);
                known = NULL;
        }
        if (!known)
                return open_new_thread(r, ref, ret);
        *ret = known;
        return 0;
}

static int get_gil_holder(struct pyflame_reader *r, uint64_t tstate, struct known **ret)
{
        const struct pystack_thread_ref *refs;
        struct known *known;
        size_t n;

        HASH_FIND(hh, r->threads, &tstate, sizeof tstate, known);
        if (known) {
                *ret = known;
                return 0;
        }
        int e = pystack_threads(r->py, &refs, &n);
        for (size_t i = 0; e == 0 && i < n; i++)
                if (refs[i].tstate == tstate)
                        return get_thread(r, &refs[i], ret);
        return e == 0 ? PYSTACK_E_TORN : e; /* the holder has ended since */
}

static int read_known_thread(struct pyflame_reader *r, struct known *known, struct pystack_stack *ret)
{
        int e = sample_now(r->py, known->thread, known->tid, ret);

        if (e == PYSTACK_E_GONE)
                forget_thread(r, known);
        return e;
}

/* ---- samples ------------------------------------------------------------------------------ */

/* The holder of the GIL may change while it is read. Then the next holder is read, at most this many in all. */
#define HOLDERS_MAX 4

int pyflame_read_holder(struct pyflame_reader *r, pyflame_take_fn take, void *ctx, bool *ret_idle)
{
        struct pyflame_reading reading = { .error = PYSTACK_E_TORN };
        uint64_t holder, after = 0;
        struct known *known;
        int e = pystack_gil_holder(r->py, &holder);

        for (unsigned i = 0; e == 0 && holder != 0 && i < HOLDERS_MAX; i++) {
                reading.error = get_gil_holder(r, holder, &known);
                if (reading.error == 0)
                        reading.error = read_known_thread(r, known, &reading.stack);
                e = pystack_gil_holder(r->py, &after);
                if (reading.error == 0 && after == holder)
                        break;
                holder = after;
        }
        if (e != 0)
                return e;
        *ret_idle = holder == 0;
        if (holder != 0)
                take(ctx, r->py, &reading);
        return 0;
}

int pyflame_read_threads(struct pyflame_reader *r, pyflame_take_fn take, void *ctx)
{
        const struct pystack_thread_ref *listed;
        struct pystack_thread_ref *refs;
        uint64_t holder = 0;
        size_t n;
        int e = pystack_threads(r->py, &listed, &n);

        if (e != 0)
                return e;
        refs = calloc(n + 1, sizeof *refs);
        if (!refs)
                return -ENOMEM;
        if (n > 0)
                memcpy(refs, listed, n * sizeof *refs);
        pystack_gil_holder(r->py, &holder);
        for (size_t i = 0; i < n; i++) {
                struct pyflame_reading reading = { .thread = &refs[i], .holds_gil = refs[i].tstate == holder };
                struct known *known;
                reading.error = get_thread(r, &refs[i], &known);
                if (reading.error == 0)
                        reading.error = read_known_thread(r, known, &reading.stack);
                take(ctx, r->py, &reading);
        }
        free(refs);
        return 0;
}
