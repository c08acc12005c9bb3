/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of a thread that runs a greenlet. Its own frames are in the snapshot; those of the parents are read here, of
 * the same moment.
 *
 * While the module switches, the thread state and the C stack belong in part to one greenlet and in part to another
 * (Greenlet::g_switchstack in TGreenlet.cpp). What it does, in this order:
 *
 *   1. it puts aside the thread state's words in the greenlet that is left, at the end its innermost frame object
 *   2. 3.12 on: it takes the shims out of the frames of that greenlet
 *   3. it exchanges the C stacks
 *   4. it sets the words of the thread state, and puts the shims back; then it takes the other one's frame object away
 *   5. it says that the other greenlet is the current one
 *
 * So from 1 to 5 the current greenlet has a frame object, and its chain of frames is whole. That is the stack of the
 * thread: the code that has called switch(). But between 4 and 5 the other one runs already. If it is a parent, that shows,
 * since a parent that waits has a frame object.
 */
#include "running.h"
#include "reader.h"

#include "pystack/native/reading.h"
#include "pystack/tasks/label.h"
#include "pystack/trace.h"

#include <string.h>

/* Parents of a greenlet, one outside of the other. */
#define PARENTS_MAX 32

struct extending {
        struct pystack_thread *thread;
        struct greenlet_reader *reader;
        size_t own; /* frames of the greenlet that runs */
        size_t n;   /* frames so far */
        uint64_t seen[PARENTS_MAX + 1];
        size_t n_seen;
};

/* ---- what was read the last time ---------------------------------------------------------------- */

static struct greenlet_plan *get_plan(struct greenlet_reader *r, uint64_t tstate)
{
        return &r->plans[tstate / 64 * 0x9e3779b97f4a7c15u >> 32 & (GREENLET_PLANS - 1)];
}

static struct greenlet_reader *begin_reading(struct pystack_thread *t, const struct snapshot *s)
{
        struct greenlet_reader *r = greenlets_reader(t->py);

        if (!r)
                return NULL;
        r->reading.interp = t->interp;
        r->reading.generation = s->generation;
        const struct greenlet_plan *plan = get_plan(r, t->tstate);
        if (plan->tstate == t->tstate)
                trail_read_ahead(&r->trail, plan->spans, plan->n);
        return r;
}

static void keep_plan(struct greenlet_reader *r, uint64_t tstate)
{
        struct greenlet_plan *plan = get_plan(r, tstate);

        plan->n = trail_copy_spans(&r->trail, plan->spans, GREENLET_PLAN_SPANS);
        plan->tstate = plan->n > 0 ? tstate : 0;
}

/* ---- frames --------------------------------------------------------------------------------------- */

static int add_mark(struct extending *x)
{
        struct scratch *scratch = &x->thread->py->scratch;
        const struct pystack_code *label;
        int e = x->n < PYSTACK_MAX_FRAMES ? label_get(x->thread->py, PYSTACK_GREENLET_MARK, NULL, NULL, &label)
                                          : PYSTACK_E_COSTLY;

        if (e != 0)
                return e;
        scratch->raw[x->n] = (struct raw_frame){ .on_data_stack = true };
        scratch->frames[x->n++] = (struct pystack_frame){ .code = label, .instruction = -1 };
        return 0;
}

/* Whether one of the frames so far lies at @addr: then it is not a frame of another greenlet. */
static bool holds_frame(const struct extending *x, uint64_t addr)
{
        for (size_t i = 0; i < x->n; i++)
                if (x->thread->py->scratch.raw[i].addr == addr)
                        return true;
        return false;
}

static int add_frames(struct extending *x, uint64_t top)
{
        struct scratch *scratch = &x->thread->py->scratch;
        size_t n;
        bool more;
        int e = greenlet_read_frames(x->reader, top, scratch->raw + x->n, PYSTACK_MAX_FRAMES - x->n, &n, &more);

        if (e == 0 && (more || holds_frame(x, scratch->raw[x->n].addr)))
                e = more ? PYSTACK_E_COSTLY : PYSTACK_E_TORN;
        for (size_t i = 0; e == 0 && i < n; i++)
                e = proved_frame(&x->reader->reading, &scratch->raw[x->n + i], &scratch->frames[x->n + i]);
        x->n += e == 0 ? n : 0;
        return e;
}

static bool has_seen(const struct extending *x, uint64_t addr)
{
        for (size_t i = 0; i < x->n_seen; i++)
                if (x->seen[i] == addr)
                        return true;
        return false;
}

/* Adds the parents of @g. One that has ended, or has not begun, has no frames: what it would get goes to its own parent. */
static int add_parents(struct extending *x, struct greenlet_object *g)
{
        uint64_t home = g->home;
        int e = 0;

        while (e == 0 && !g->main) {
                x->seen[x->n_seen++] = g->address;
                if (has_seen(x, g->parent) || x->n_seen > PARENTS_MAX)
                        return PYSTACK_E_CORRUPT;
                e = greenlet_read(x->reader, g->parent, g);
                if (e == 0 && g->active && (g->home != home || !g->top))
                        return REFUSE(&x->thread->py->memory, PYSTACK_E_TORN, .field = "greenlet.top_frame",
                                      .address = g->address,
                                      .expected = "a frame, since it waits for another greenlet");
                if (e == 0 && g->active)
                        e = add_mark(x);
                if (e == 0 && g->active)
                        e = add_frames(x, g->top);
        }
        return e;
}

/* ---- at one moment -------------------------------------------------------------------------------- */

/* Whether the thread's state and all frames of its own greenlet are as the snapshot has them. */
static bool is_unmoved(struct extending *x, struct snapshot *s)
{
        const struct layout *l = &x->thread->py->runtime.layout;
        struct trail *trail = &x->reader->trail;
        const uint8_t *now, *first, *second;
        uint64_t generation;

        if (s->generation && (trail_word(trail, x->thread->interp + l->interp.code_generation, &generation) != 0 ||
                              generation != s->generation))
                return false;
        if (trail_read(trail, x->thread->tstate, l->tstate.size, &now) != 0 ||
            memcmp(now, s->first, l->tstate.size) != 0)
                return false;
        for (size_t i = 0; i < x->own; i++) {
                uint64_t addr = x->thread->py->scratch.raw[i].addr;
                if (!snapshot_at(x->thread, s, addr, l->frame.size, &first, &second) ||
                    trail_read(trail, addr, l->frame.size, &now) != 0 || memcmp(now, first, l->frame.size) != 0)
                        return false;
        }
        return true;
}

static bool is_still_frozen(const struct pystack_thread *t, const struct snapshot *s,
                            const struct pystack_uninterrupted *uninterrupted)
{
        return snapshot_is_open(s) && snapshot_holds(t, uninterrupted);
}

/* ---- all of it ------------------------------------------------------------------------------------ */

/* Whether the stack in the snapshot is that of @g, although the thread is switching away from it. */
static bool is_stack_of(struct extending *x, const struct greenlet_object *g)
{
        struct raw_frame innermost;
        bool more;
        size_t n;

        return x->own > 0 && greenlet_read_frames(x->reader, g->top, &innermost, 1, &n, &more) == 0 &&
               innermost.addr == x->thread->py->scratch.raw[0].addr;
}

/* Whether the thread runs a parent of @g already, while it switches away from @g or @g ends: then @g becomes that one. */
static bool has_reached_parent(struct extending *x, struct greenlet_object *g)
{
        struct greenlet_object parent = *g;

        for (unsigned i = 0; i < PARENTS_MAX && !parent.main; i++) {
                if (greenlet_read(x->reader, parent.parent, &parent) != 0)
                        return false;
                if (parent.active && !parent.top) {
                        *g = parent;
                        return true;
                }
        }
        return false;
}

/* @ret_other: the stack may be that of the greenlet that the thread is switching to. */
static int go_outside(struct extending *x, struct snapshot *s, const struct pystack_uninterrupted *uninterrupted,
                      bool *ret_other)
{
        struct greenlet_object current;
        int e = greenlet_read_current(x->reader, x->thread->pthread, &current);

        if (e != 0 || !current.address)
                return e;
        *ret_other = current.top && !is_stack_of(x, &current) && !has_reached_parent(x, &current);
        if (!current.active && has_reached_parent(x, &current) && x->own == 0)
                return PYSTACK_E_TORN;
        if (*ret_other || current.main)
                return 0;
        e = current.begun ? add_parents(x, &current) : PYSTACK_E_TORN;
        keep_plan(x->reader, x->thread->tstate);
        if (e == 0 && !is_still_frozen(x->thread, s, uninterrupted) &&
            !(is_unmoved(x, s) && trail_confirm(&x->reader->trail) == 0))
                e = PYSTACK_E_TORN;
        return e;
}

bool greenlets_extend(struct pystack_thread *t, struct snapshot *s, const struct pystack_uninterrupted *uninterrupted,
                      struct walk *walk, struct pystack_stack *stack)
{
        struct pystack *py = t->py;
        bool other = false;

        if (!py->greenlets.state) {
                py->greenlets.stale = true;
                return true;
        }
        if (!py->greenlets.wanted || walk->truncated)
                return true;
        struct extending x = { .thread = t, .own = walk->n, .n = walk->n };
        if (!(x.reader = begin_reading(t, s)) || go_outside(&x, s, uninterrupted, &other) != 0) {
                py->greenlets.unread++;
                return true;
        }
        if (other)
                return false;
        if (stack->mixed && walk->n > 0 && x.n > walk->n)
                native_root(t, walk->n, x.n);
        walk->n = stack->n = x.n;
        return true;
}

bool greenlets_resume(struct pystack_thread *t, const struct snapshot *s,
                      const struct pystack_uninterrupted *uninterrupted, struct walk *walk)
{
        struct extending x = { .thread = t };
        struct greenlet_object current;

        if (!t->py->greenlets.state || !(x.reader = begin_reading(t, s)))
                return false;
        if (greenlet_read_current(x.reader, t->pthread, &current) != 0 || !current.top ||
            add_frames(&x, current.top) != 0)
                return false;
        if (t->py->greenlets.wanted && add_parents(&x, &current) != 0)
                return false;
        if (!is_still_frozen(t, s, uninterrupted) && trail_confirm(&x.reader->trail) != 0)
                return false;
        t->py->greenlets.switching++;
        *walk = (struct walk){ .n = x.n };
        return true;
}
