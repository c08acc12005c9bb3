/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interpreters and their thread states are two linked lists in the target. They are read link by link, and both are
 * bounded.
 */
#include "interpreter.h"

#include "pystack/locate/machine.h"
#include "pystack/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- walking ------------------------------------------------------------------------- */

static int read_thread_state(const struct pystack *py, uint64_t interp, uint64_t tstate, uint8_t *ret, bool *ret_ended)
{
        const struct layout *layout = &py->runtime.layout;
        int e = remote_read(&py->memory, tstate, ret, layout->tstate.size);

        *ret_ended = e == PYSTACK_E_CORRUPT || (e == 0 && word_at(ret, layout->tstate.interp) != interp);
        if (e != 0)
                trace_unread(&py->memory, e, "tstate", tstate);
        else if (*ret_ended)
                TRACE(&py->memory, .field = "tstate.interp", .address = tstate + layout->tstate.interp,
                      .expected = "its interpreter", .wanted = interp, .found = word_at(ret, layout->tstate.interp));
        return *ret_ended ? 0 : e;
}

static int walk_interpreter(struct pystack *py, uint64_t interp, interpreter_each_fn each, void *ctx)
{
        uint64_t head = interp + py->runtime.layout.interp.threads_head, tstate;
        uint8_t bytes[LAYOUT_MAX_TSTATE];
        int e = trace_unread(&py->memory, remote_read_word(&py->memory, head, &tstate), "interp.threads_head", head);

        while (e == 0 && tstate && py->threads.visited.n < PYSTACK_MAX_THREADS) {
                bool again, ended;
                if ((e = address_set_add(&py->threads.visited, tstate, &again)) != 0)
                        return e;
                if (again)
                        return REFUSE(&py->memory, 0, .field = "tstate.next", .address = tstate,
                                      .expected = "a thread state that was not in the list before", .found = tstate);
                /* A thread that ends while the list is walked ends the walk as well. */
                if ((e = read_thread_state(py, interp, tstate, bytes, &ended)) != 0 || ended)
                        return e;
                e = each(ctx, tstate, interp, bytes);
                tstate = word_at(bytes, py->runtime.layout.tstate.next);
        }
        if (e == 0 && tstate)
                TRACE(&py->memory, .field = "tstate.next", .address = tstate, .expected = "threads no more than",
                      .wanted = PYSTACK_MAX_THREADS, .found = PYSTACK_MAX_THREADS + 1);
        return e;
}

static int first_interpreter(struct pystack *py, uint64_t *ret)
{
        return remote_read_word(&py->memory, py->runtime.interpreters, ret);
}

static int next_interpreter(struct pystack *py, uint64_t *interp)
{
        uint64_t at = *interp + py->runtime.layout.interp.next;

        return trace_unread(&py->memory, remote_read_word(&py->memory, at, interp), "interp.next", at);
}

int interpreter_walk(struct pystack *py, interpreter_each_fn each, void *ctx)
{
        uint64_t interp;
        int e = trace_unread(&py->memory, first_interpreter(py, &interp), "runtime.interpreters_head",
                             py->runtime.interpreters);

        address_set_clear(&py->threads.visited);
        py->threads.several = false;
        for (unsigned i = 0; e == 0 && interp; i++) {
                if (i == LAYOUT_INTERPRETERS_MAX)
                        return REFUSE(&py->memory, 0, .field = "interp.next", .address = interp,
                                      .expected = "interpreters no more than", .wanted = LAYOUT_INTERPRETERS_MAX,
                                      .found = LAYOUT_INTERPRETERS_MAX + 1);
                py->threads.several = i > 0;
                e = walk_interpreter(py, interp, each, ctx);
                if (e == 0)
                        e = next_interpreter(py, &interp);
        }
        return e;
}

void interpreter_count(struct pystack *py)
{
        uint64_t interp, next = 0;

        if (first_interpreter(py, &interp) == 0 && interp &&
            remote_read_word(&py->memory, interp + py->runtime.layout.interp.next, &next) == 0)
                py->threads.several = next != 0;
}

/* 3.12 on: each interpreter points to a GIL. Several interpreters may share one. */
static int locate_gil(struct pystack *py, uint64_t interp, uint64_t *ret_gil, bool *ret_enabled)
{
        uint32_t enabled = 1;
        int e = remote_read_word(&py->memory, interp + py->runtime.layout.interp.gil, ret_gil);

        if (e == 0 && py->runtime.layout.gil.enabled != LAYOUT_NONE)
                e = remote_read(&py->memory, *ret_gil + py->runtime.layout.gil.enabled, &enabled, sizeof enabled);
        *ret_enabled = enabled != 0;
        return e;
}

/* The thread state that holds the GIL at @gil; 0: none. */
static int read_holder(const struct pystack *py, uint64_t gil, uint64_t *ret)
{
        uint32_t locked;
        int e = remote_read(&py->memory, gil + py->runtime.layout.gil.locked, &locked, sizeof locked);

        if (e == 0)
                e = remote_read_word(&py->memory, gil + py->runtime.layout.gil.holder, ret);
        if (e == 0 && locked != 1)
                *ret = 0;
        return e;
}

static int holder_of(struct pystack *py, uint64_t interp, uint64_t *ret)
{
        uint64_t gil;
        bool enabled;
        int e = locate_gil(py, interp, &gil, &enabled);

        *ret = 0;
        return e == 0 && enabled ? read_holder(py, gil, ret) : e;
}

int pystack_gil_holder(struct pystack *py, uint64_t *ret_tstate)
{
        uint64_t interp, holder = 0;
        int e;

        if (py->runtime.tstate_current)
                return remote_read_word(&py->memory, py->runtime.tstate_current, ret_tstate);
        if (py->runtime.layout.interp.gil == LAYOUT_NONE)
                return PYSTACK_E_UNSUPPORTED;
        e = first_interpreter(py, &interp);
        for (unsigned i = 0; e == 0 && interp && !holder && i < LAYOUT_INTERPRETERS_MAX; i++) {
                e = holder_of(py, interp, &holder);
                if (e == 0)
                        e = remote_read_word(&py->memory, interp + py->runtime.layout.interp.next, &interp);
        }
        if (e == 0)
                *ret_tstate = holder;
        return e;
}

int pystack_peek(struct pystack *py, uint64_t address, void *buf, size_t size)
{
        return remote_read(&py->memory, address, buf, size);
}

/* Whether libc is glibc: only there a pthread_t points to a struct that has the TID at glibc's offset. */
static bool has_glibc(const struct pystack_thread *thread)
{
        const struct pystack *py = thread->py;
        uint32_t tid;
        uint64_t at = thread->pthread + py->runtime.machine->libcs[MACHINE_GLIBC].tid;

        return remote_read(&py->memory, at, &tid, sizeof tid) == 0 && (pid_t)tid == thread->inner_tid;
}

/*
 * struct _gil_runtime_state (Include/internal/pycore_gil.h, 3.7 to 3.14): a long, the holder, an int, a long, and twice
 * a pthread_cond_t of 48 bytes with a pthread_mutex_t of 40. Free-threaded builds have a word before the holder's long.
 */
static uint64_t size_of_gil(const struct pystack *py, uint32_t holder)
{
        const uint64_t from_holder = 24 + 2 * (48 + 40);

        return holder + from_holder + py->runtime.machine->libcs[MACHINE_GLIBC].mutexes;
}

int pystack_gil_span(const struct pystack_thread *thread, uint64_t *ret_from, uint64_t *ret_to)
{
        struct pystack *py = thread->py;
        const struct layout *layout = &py->runtime.layout;
        bool is_last_of_ceval = py->runtime.tstate_current && layout->version >= 0x0307;
        uint64_t from;
        bool enabled;

        if ((layout->interp.gil == LAYOUT_NONE && !is_last_of_ceval) || !has_glibc(thread))
                return PYSTACK_E_UNSUPPORTED;
        if (layout->interp.gil == LAYOUT_NONE) {
                /* _PyRuntime.gilstate follows, and begins with check_enabled and tstate_current (pycore_runtime.h). */
                *ret_to = py->runtime.tstate_current - 8;
                *ret_from = *ret_to - size_of_gil(py, 8);
                return 0;
        }
        int e = locate_gil(py, thread->interp, &from, &enabled);
        if (e == 0) {
                *ret_from = from;
                *ret_to = from + size_of_gil(py, layout->gil.holder);
        }
        return e;
}

/* Looks which thread @gil->holder is. */
static void look_up_holder(const struct pystack *py, struct pystack_gil *gil)
{
        const struct layout *layout = &py->runtime.layout;
        uint64_t tid, interp, next;

        if (layout->version < 0x030d)
                gil->unbound = remote_read_word(&py->memory, gil->holder + layout->tstate.interp, &interp) != 0 ||
                               remote_read_word(&py->memory, interp + layout->interp.next, &next) != 0 || next != 0;
        if (!gil->unbound && layout->tstate.native_thread_id != LAYOUT_NONE &&
            remote_read_word(&py->memory, gil->holder + layout->tstate.native_thread_id, &tid) == 0)
                gil->inner_tid = (pid_t)tid;
}

/* Adds the GIL at @id, unless it is there already. */
static int add_gil(const struct pystack *py, uint64_t id, struct pystack_gil *ret, size_t *n)
{
        struct pystack_gil gil = { .id = id };

        for (size_t i = 0; i < *n; i++)
                if (ret[i].id == id)
                        return 0;
        int e = py->runtime.tstate_current ? remote_read_word(&py->memory, id, &gil.holder)
                                           : read_holder(py, id, &gil.holder);
        if (e != 0)
                return e;
        if (gil.holder)
                look_up_holder(py, &gil);
        ret[(*n)++] = gil;
        return 0;
}

/* 3.12 on: those of all interpreters. */
static int list_gils(struct pystack *py, struct pystack_gil *ret, size_t max, size_t *n)
{
        uint64_t interp, gil;
        bool enabled;
        int e = first_interpreter(py, &interp);

        for (unsigned i = 0; e == 0 && interp && *n < max && i < LAYOUT_INTERPRETERS_MAX; i++) {
                e = locate_gil(py, interp, &gil, &enabled);
                if (e == 0 && enabled)
                        e = add_gil(py, gil, ret, n);
                if (e == 0)
                        e = next_interpreter(py, &interp);
        }
        return e;
}

int pystack_gils(const struct pystack_thread *thread, struct pystack_gil *ret, size_t max, size_t *ret_n)
{
        struct pystack *py = thread->py;
        uint32_t holder = py->runtime.layout.gil.holder;
        uint64_t from, to;

        *ret_n = 0;
        if (!py->runtime.tstate_current && py->runtime.layout.interp.gil == LAYOUT_NONE)
                return PYSTACK_E_UNSUPPORTED;
        int e = py->runtime.tstate_current ? add_gil(py, py->runtime.tstate_current, ret, ret_n)
                                           : list_gils(py, ret, max, ret_n);
        if (e != 0 || pystack_gil_span(thread, &from, &to) != 0)
                return e;
        for (size_t i = 0; i < *ret_n; i++) {
                ret[i].from = py->runtime.tstate_current ? from : ret[i].id;
                ret[i].to = py->runtime.tstate_current ? to : ret[i].id + size_of_gil(py, holder);
        }
        return 0;
}

bool pystack_has_gil(struct pystack *py)
{
        uint64_t interp, gil;
        bool enabled = true;

        if (py->runtime.layout.gil.enabled == LAYOUT_NONE)
                return true;
        int e = first_interpreter(py, &interp);
        for (unsigned i = 0; e == 0 && interp && enabled && i < LAYOUT_INTERPRETERS_MAX; i++) {
                e = locate_gil(py, interp, &gil, &enabled);
                if (e == 0)
                        e = remote_read_word(&py->memory, interp + py->runtime.layout.interp.next, &interp);
        }
        return e != 0 || enabled;
}
