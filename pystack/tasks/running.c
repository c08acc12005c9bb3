/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The task that a thread runs. Which tasks it may be, the module tells: the thread state from 3.14 on, before that a dict
 * that has the running task of each loop. Which one it is, the stack proves: the frame of its coroutine is on it.
 */
#include "running.h"

#include "chain.h"
#include "pystack/decode/dict.h"
#include "pystack/native/reading.h"
#include "state.h"

#include <string.h>

/* Running tasks that are tried: one for each loop of the interpreter. */
#define CANDIDATES_MAX 16

/* A stack that is being changed. */
struct rooting {
        struct pystack_thread *thread;
        struct task_reader *reader;
        struct task_stack stack;
};

/* ---- which task ------------------------------------------------------------------------------- */

static const struct task_module *get_module(const struct pystack_thread *t, const struct task_places *places)
{
        for (size_t i = 0; i < places->n; i++)
                if (places->modules[i].interp == t->interp)
                        return &places->modules[i];
        return NULL;
}

/* The values of _current_tasks. An entry whose value is NULL is free. */
static int read_current(struct task_reader *r, struct task_module *m, uint64_t ret[static CANDIDATES_MAX],
                        size_t *ret_n)
{
        struct dict d;
        const uint8_t *entries;
        int e = m->current ? dict_open(&r->trail, &r->py->runtime.layout, m->current, m->types.dict, &d) : 0;

        *ret_n = 0;
        if (e != 0 || !m->current || d.n == 0)
                return e;
        if (d.values || d.n > CANDIDATES_MAX || d.size != DICT_ENTRY_MAX)
                return PYSTACK_E_CORRUPT;
        e = trail_read(&r->trail, d.entries, d.n * d.size, &entries);
        for (uint64_t i = 0; e == 0 && i < d.n; i++)
                if (word_at(entries, (uint32_t)(i * d.size) + 16))
                        ret[(*ret_n)++] = word_at(entries, (uint32_t)(i * d.size) + 16);
        return e;
}

static int read_candidates(const struct pystack_thread *t, struct task_reader *r, uint64_t ret[static CANDIDATES_MAX],
                           size_t *ret_n)
{
        const struct task_offsets *o = &r->places->offsets;
        const struct task_module *found = get_module(t, r->places);

        *ret_n = 0;
        if (o->running != LAYOUT_NONE) {
                int e = trail_word(&r->trail, t->tstate + o->running, &ret[0]);
                *ret_n = e == 0 && ret[0];
                return e;
        }
        if (!found)
                return 0;
        struct task_module module = *found;
        return read_current(r, &module, ret, ret_n);
}

/* The place on the stack at which the frame at @frame lies; @n: it is not on it. */
static size_t locate_on_stack(const struct pystack *py, uint64_t frame, size_t n)
{
        size_t i = 0;

        while (i < n && py->scratch.raw[i].addr != frame)
                i++;
        return i;
}

static struct task_plan *get_plan(const struct rooting *r, uint64_t task)
{
        struct task_plan *plans = r->thread->py->tasks.state->plans;

        return plans ? &plans[task / 64 * 0x9e3779b97f4a7c15u >> 32 & (PLANS - 1)] : NULL;
}

static void read_ahead(const struct rooting *r, uint64_t task)
{
        const struct task_plan *plan = get_plan(r, task);

        if (plan && plan->task == task)
                trail_read_ahead(&r->reader->trail, plan->spans, plan->n);
}

static void keep_plan(const struct rooting *r, uint64_t task)
{
        struct task_plan *plan = get_plan(r, task);

        if (!plan)
                return;
        plan->n = trail_copy_spans(&r->reader->trail, plan->spans, PLAN_SPANS);
        plan->task = plan->n > 0 ? task : 0;
}

/* *@ret_place is @n if no task runs this stack. */
static int locate_running(struct rooting *r, size_t n, struct task_object *ret, size_t *ret_place)
{
        uint64_t candidates[CANDIDATES_MAX], frame;
        size_t n_candidates;
        int e = read_candidates(r->thread, r->reader, candidates, &n_candidates);

        *ret_place = n;
        for (size_t i = 0; e == 0 && i < n_candidates && *ret_place == n; i++) {
                read_ahead(r, candidates[i]);
                /* A task of Python's own class, or one that begins or ends at this moment, is none of these. */
                if (task_read(r->reader, candidates[i], false, ret) == 0 &&
                    coroutine_frame(r->reader, ret->coroutine, &frame) == 0)
                        *ret_place = locate_on_stack(r->thread->py, frame, n);
        }
        return e;
}

/* ---- at one moment ------------------------------------------------------------------------------ */

static bool is_frame_of(const struct layout *l, const uint8_t *frame, const struct raw_frame *raw)
{
        int64_t position = l->position <= POSITION_LASTI_UNITS ? (int64_t)half_at(frame, l->frame.position)
                                                               : (int64_t)word_at(frame, l->frame.position);

        return (word_at(frame, l->frame.code) & ~l->frame.tag_mask) == raw->code && position == raw->position;
}

/* Whether the thread is still where the snapshot has met it: its state and the frame at @place are as they were. */
static bool is_unmoved(struct rooting *r, struct snapshot *s, size_t place)
{
        const struct layout *l = &r->thread->py->runtime.layout;
        uint64_t addr = r->thread->py->scratch.raw[place].addr;
        const uint8_t *now, *first, *second;
        uint64_t generation;

        if (r->reader->generation &&
            (trail_word(&r->reader->trail, r->thread->interp + l->interp.code_generation, &generation) != 0 ||
             generation != r->reader->generation))
                return false;
        if (trail_read(&r->reader->trail, r->thread->tstate, l->tstate.size, &now) != 0 ||
            memcmp(now, s->first, l->tstate.size) != 0 || trail_read(&r->reader->trail, addr, l->frame.size, &now) != 0)
                return false;
        /* The frame of a greenlet that is suspended is not in the snapshot. */
        return snapshot_at(r->thread, s, addr, l->frame.size, &first, &second)
                       ? memcmp(now, first, l->frame.size) == 0
                       : is_frame_of(l, now, &r->thread->py->scratch.raw[place]);
}

static bool is_of_one_moment(struct rooting *r, struct snapshot *s, const struct pystack_uninterrupted *uninterrupted,
                             size_t place)
{
        if (snapshot_is_open(s) && snapshot_holds(r->thread, uninterrupted))
                return true;
        return is_unmoved(r, s, place) && trail_confirm(&r->reader->trail) == 0;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

/* The stack now begins at the task: the frames behind @place are of tasks. */
static void change_stack(struct rooting *r, size_t place, struct pystack_stack *stack)
{
        stack->n = r->stack.n;
        stack->truncated = false;
        stack->gc = stack->gc && stack->gc_at <= place;
        if (stack->mixed)
                native_root(r->thread, place + 1, r->stack.n);
}

static int make_root(struct rooting *r, struct snapshot *s, const struct pystack_uninterrupted *uninterrupted, size_t n,
                     struct pystack_stack *stack)
{
        struct task_object task;
        size_t place;
        int e = locate_running(r, n, &task, &place);

        if (e != 0 || place == n)
                return e;
        struct pystack_frame kept[PYSTACK_MAX_FRAMES], *frames = r->stack.frames;
        size_t n_kept = n - place - 1;
        memcpy(kept, frames + place + 1, n_kept * sizeof *kept);
        r->stack.n = place + 1;
        e = task_stack_add(&r->stack, &task, &frames[place]);
        if (e == 0)
                e = task_stack_add_awaiters(&r->stack, &task);
        if (e == 0 && !is_of_one_moment(r, s, uninterrupted, place))
                e = PYSTACK_E_TORN;
        keep_plan(r, r->stack.seen[0]);
        if (e == 0)
                change_stack(r, place, stack);
        else
                memcpy(frames + place + 1, kept, n_kept * sizeof *kept);
        return e;
}

/* Up to 3.10 nothing tells that a frame is a coroutine's. */
static bool may_have_task(const struct pystack *py, size_t n)
{
        const struct layout *l = &py->runtime.layout;

        if (l->frame.owner == LAYOUT_NONE)
                return n > 0;
        for (size_t i = 0; i < n; i++)
                if (!py->scratch.raw[i].on_data_stack && py->scratch.raw[i].from_c)
                        return true;
        return false;
}

void tasks_root(struct pystack_thread *t, struct snapshot *s, const struct pystack_uninterrupted *uninterrupted,
                const struct walk *walk, struct pystack_stack *stack)
{
        struct pystack *py = t->py;

        if (py->tasks.names == PYSTACK_TASKS_OFF || py->runtime.layout.coroutine.frame == LAYOUT_NONE ||
            !may_have_task(py, walk->n))
                return;
        if (!py->tasks.state) {
                py->tasks.stale = true;
                return;
        }
        struct rooting r = { .thread = t, .reader = tasks_reader(py) };
        r.stack = (struct task_stack){ .reader = r.reader, .frames = py->scratch.frames };
        if (r.reader) {
                r.reader->generation = s->generation;
                r.reader->interp = t->interp;
        }
        if (!r.reader || make_root(&r, s, uninterrupted, walk->n, stack) != 0)
                py->tasks.unread++;
}
