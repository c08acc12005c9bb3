/* SPDX-License-Identifier: Apache-2.0 */
/* Interpreters and their thread states: two linked lists in the target, read link by link, each with a bound. */
#include "interpreter.h"

/* Interpreters of one process; more is forged (each takes about 10 MiB). */
#define INTERPRETERS_MAX 256

/* @n counts the states that have been met, of all interpreters. */
static int walk_interpreter(struct pystack *py, uint64_t interp, interpreter_each_fn each, void *ctx, size_t *n)
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

int interpreter_walk(struct pystack *py, interpreter_each_fn each, void *ctx)
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

void interpreter_count(struct pystack *py)
{
        uint64_t interp, next = 0;

        if (first_interpreter(py, &interp) == 0 && interp &&
            remote_read_word(&py->reader, interp + py->layout.interp.next, &next) == 0)
                py->several = next != 0;
}

/* 3.12 on: each interpreter points to a GIL, which several may share. */
static int find_gil(struct pystack *py, uint64_t interp, uint64_t *ret_gil, bool *ret_enabled)
{
        uint32_t enabled = 1;
        int e = remote_read_word(&py->reader, interp + py->layout.interp.gil, ret_gil);

        if (e == 0 && py->layout.gil.enabled != LAYOUT_NONE)
                e = remote_read(&py->reader, *ret_gil + py->layout.gil.enabled, &enabled, sizeof enabled);
        *ret_enabled = enabled != 0;
        return e;
}

static int holder_of(struct pystack *py, uint64_t interp, uint64_t *ret)
{
        uint64_t gil, holder;
        uint32_t locked;
        bool enabled;
        int e = find_gil(py, interp, &gil, &enabled);

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

bool pystack_has_gil(struct pystack *py)
{
        uint64_t interp, gil;
        bool enabled = true;

        if (py->layout.gil.enabled == LAYOUT_NONE)
                return true;
        int e = first_interpreter(py, &interp);
        for (unsigned i = 0; e == 0 && interp && enabled && i < INTERPRETERS_MAX; i++) {
                e = find_gil(py, interp, &gil, &enabled);
                if (e == 0)
                        e = remote_read_word(&py->reader, interp + py->layout.interp.next, &interp);
        }
        return e != 0 || enabled;
}
