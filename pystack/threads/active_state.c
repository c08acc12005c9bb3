/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From 3.12 on the state that a thread of the operating system has entered last has a flag, until the thread enters
 * another state: bit 3 of _status, bound_gilstate (tstate_activate() in Python/pystate.c). The state keeps the flag
 * while the thread waits without the GIL.
 *
 * Up to 3.11 one GIL serves all interpreters, and the state that holds it is the entered one. If a thread does not
 * hold the GIL, its state in the newest interpreter in which it has a frame is taken. A thread that enters another
 * interpreter has mostly made it just before, and in an interpreter that it has left it has no frame.
 *
 * Limit: up to 3.12 CPython's own module of subinterpreters lets a thread run in a state with the TID of another
 * thread, which has made that state. The first thread is then seen where it entered the subinterpreter, without the
 * frames inside.
 */
#include "active_state.h"
#include "interpreter.h"

#include "pystack/trace.h"

#include <errno.h>
#include <stdlib.h>

#define STATUS_ENTERED 8u

bool active_state_is_entered(const struct layout *layout, const uint8_t *bytes)
{
        return layout->tstate.status == LAYOUT_NONE || half_at(bytes, layout->tstate.status) & STATUS_ENTERED;
}

/* How likely a state is the one that its thread is in. */
enum strength {
        STRENGTH_NONE,
        STRENGTH_FRAME,   /* Python has been called in it */
        STRENGTH_ENTERED, /* the flag or the GIL says that it is the entered one */
};

static bool has_frame(struct pystack *py, uint64_t tstate)
{
        const struct layout *layout = &py->runtime.layout;
        uint64_t at = tstate + layout->tstate.frame, cframe, frame;

        if (layout->tstate.cframe != LAYOUT_NONE) {
                if (remote_read_word(&py->memory, tstate + layout->tstate.cframe, &cframe) != 0 || !cframe)
                        return false;
                at = cframe + layout->tstate.cframe_frame;
        }
        return remote_read_word(&py->memory, at, &frame) == 0 && frame != 0;
}

/* @holder: the state that holds the GIL; up to 3.11 only. */
static enum strength strength_of(struct pystack *py, uint64_t tstate, uint64_t holder)
{
        const struct layout *layout = &py->runtime.layout;
        uint32_t status = 0;

        if (layout->tstate.status == LAYOUT_NONE
                    ? tstate == holder
                    : remote_read(&py->memory, tstate + layout->tstate.status, &status, sizeof status) == 0 &&
                              status & STATUS_ENTERED)
                return STRENGTH_ENTERED;
        return has_frame(py, tstate) ? STRENGTH_FRAME : STRENGTH_NONE;
}

static int read_gil_holder(struct pystack *py, uint64_t *ret)
{
        *ret = 0;
        return py->runtime.layout.tstate.status == LAYOUT_NONE ? pystack_gil_holder(py, ret) : 0;
}

/*
 * Whether the state in the newer interpreter is taken if two are equally likely. Two states of a thread have the flag
 * only if another thread runs in one of them: see above. That one is the newer state.
 */
static bool is_newer_preferred(const struct pystack *py)
{
        return py->runtime.layout.tstate.status == LAYOUT_NONE;
}

/* ---- the list of threads ----------------------------------------------------------- */

struct claim {
        uint64_t pthread;
        enum strength strength;
        size_t at; /* index in the list, which begins with the newest interpreter */
};

/* Puts the claims of a thread side by side, the strongest first. */
static int order_claims(const void *left, const void *right)
{
        const struct claim *a = left, *b = right;

        if (a->pthread != b->pthread)
                return a->pthread < b->pthread ? -1 : 1;
        if (a->strength != b->strength)
                return a->strength > b->strength ? -1 : 1;
        return a->at < b->at ? -1 : 1;
}

/* Keeps the best state of each thread, in the order of the list. */
static void keep_best(struct pystack *py, struct claim *claims)
{
        size_t n = py->threads.n, kept = 0;

        qsort(claims, n, sizeof *claims, order_claims);
        for (size_t i = 0, best = 0; i < n; i++) {
                bool same = i > 0 && claims[i].pthread == claims[best].pthread;
                bool better = same && claims[i].strength == claims[best].strength && !is_newer_preferred(py);
                if (same)
                        py->threads.refs[claims[better ? best : i].at].tstate = 0;
                if (!same || better)
                        best = i;
        }
        for (size_t i = 0; i < n; i++)
                if (py->threads.refs[i].tstate)
                        py->threads.refs[kept++] = py->threads.refs[i];
        py->threads.n = kept;
}

int active_state_filter(struct pystack *py)
{
        uint64_t holder;
        int e = py->threads.several && py->threads.n > 0 ? read_gil_holder(py, &holder) : 0;

        if (!py->threads.several || py->threads.n == 0 || e != 0)
                return e;
        struct claim *claims = malloc(py->threads.n * sizeof *claims);
        if (!claims)
                return -ENOMEM;
        for (size_t i = 0; i < py->threads.n; i++) {
                const struct pystack_thread_ref *ref = &py->threads.refs[i];
                claims[i] = (struct claim){ ref->pthread, strength_of(py, ref->tstate, holder), i };
        }
        keep_best(py, claims);
        free(claims);
        return 0;
}

/* ---- one thread ------------------------------------------------------------------- */

struct search {
        const struct pystack_thread *t;
        uint64_t holder;
        bool found;
        enum strength strength;
        uint64_t tstate, interp;
};

/* Another thread may have got the pthread_t of one that has ended. */
static bool is_of_thread(const struct pystack_thread *t, const uint8_t *bytes)
{
        const struct layout *layout = &t->py->runtime.layout;

        return word_at(bytes, layout->tstate.thread_id) == t->pthread &&
               (layout->tstate.native_thread_id == LAYOUT_NONE ||
                (pid_t)word_at(bytes, layout->tstate.native_thread_id) == t->inner_tid);
}

static int note_stronger_state(void *ctx, uint64_t tstate, uint64_t interp, const uint8_t *bytes)
{
        struct search *search = ctx;
        struct pystack *py = search->t->py;

        if (!is_of_thread(search->t, bytes))
                return 0;
        enum strength strength = strength_of(py, tstate, search->holder);
        bool better = strength > search->strength || (strength == search->strength && !is_newer_preferred(py));
        if (search->found && !better)
                return 0;
        search->found = true;
        search->strength = strength;
        search->tstate = tstate;
        search->interp = interp;
        return 0;
}

/* Moves the thread to its likeliest state. The plan stays as it is; the next snapshot adapts it. */
static int move_to_strongest(struct pystack_thread *t, uint64_t holder)
{
        struct search search = { .t = t, .holder = holder };
        int e = interpreter_walk(t->py, note_stronger_state, &search);

        if (e != 0)
                return e;
        if (!search.found)
                return REFUSE(&t->py->memory, PYSTACK_E_GONE, .field = "tstate", .address = t->tstate,
                              .expected = "a thread state with the pthread_t", .wanted = t->pthread);
        t->tstate = search.tstate;
        t->interp = search.interp;
        t->unentered = search.strength != STRENGTH_ENTERED;
        return 0;
}

/* Up to 3.11 TIDs are not certain. If a state has gone, its thread may be another one by now. */
int active_state_follow(struct pystack_thread *t)
{
        return t->py->runtime.layout.tstate.status == LAYOUT_NONE ? PYSTACK_E_GONE : move_to_strongest(t, 0);
}

/* Snapshots between two looks at something that changes rarely. */
#define LOOK_INTERVAL 64

/*
 * For a thread none of whose states had the flag: whether its state has it now, or it is time to look for another
 * one.
 */
static void look_for_gil_flag(struct pystack_thread *t)
{
        bool due = t->py->numbers.snapshot % LOOK_INTERVAL == 0;

        t->unentered = !due && strength_of(t->py, t->tstate, 0) != STRENGTH_ENTERED;
}

int active_state_choose(struct pystack_thread *t)
{
        struct pystack *py = t->py;
        uint64_t holder;

        if (py->runtime.layout.tstate.status != LAYOUT_NONE) {
                if (t->unentered)
                        look_for_gil_flag(t);
                return 0;
        }
        if (!py->threads.several && py->numbers.snapshot % LOOK_INTERVAL == 0)
                interpreter_count(py);
        int e = py->threads.several ? read_gil_holder(py, &holder) : 0;
        if (!py->threads.several || e != 0 || holder == t->tstate)
                return e;
        e = move_to_strongest(t, holder);
        return e == PYSTACK_E_GONE ? 0 : e; /* that shows in the snapshot */
}
