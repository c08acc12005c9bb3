/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a thread of a target, and counts its stack in the target's profile. */
#include "native.h"
#include "tasks.h"

/* If a thread does not hold still, it is read this often. Then the reader looks for it on other CPUs. */
#define TRIES_HERE 2

/*
 * @ret gets the id that the stack is counted by. The decoder makes the names of a new stack later. A mixed stack for which
 * there is no room counts as its Python stack.
 */
static int get_stack_id(struct target *t, const struct sampler *s, const struct pystack_stack *stack,
                        const struct tick_event *event, profile_id *ret)
{
        const struct pystack_mixed *mixed = native_count(t, s, stack->mixed, event);
        struct pystack_stack shown;
        struct backlog_view view;

        tasks_note(t);
        frees_note(t, s);
        memory_bound_profile(t, s->config.profile_bytes);
        backlog_view(stack, mixed, s->config.kernel ? event->context : NULL, &shown, &view);
        int e = stacks_find(&t->stacks, t->profile, t->py, &view, ret);
        if (e == PYSTACK_E_COSTLY && mixed) {
                native_count_costly(t, event);
                backlog_view(stack, NULL, NULL, &shown, &view);
                e = stacks_find(&t->stacks, t->profile, t->py, &view, ret);
        }
        if (t->stacks.backlog.batch.n_stacks > 0)
                decoder_ask(t);
        return e;
}

/* Whether the thread, which was asleep, is ready to run by now. */
static bool has_woken(const struct tick_event *event)
{
        return event->look && event->look->reason.kind == REASON_RUNNING;
}

static profile_id count_read_stack(struct target *t, const struct sampler *s, struct member *m,
                                   const struct pystack_stack *stack, profile_id id, const struct tick_event *event,
                                   enum profile_state state)
{
        struct pending found = {
                .stack = id,
                .thread = member_id(t, s, m),
                .state = has_woken(event) ? PROFILE_RUNNING : state,
                .count = event->count,
                .ns = event->ns,
                .mark = event->look ? event->look->mark : stack->opcode,
                .retried = stack->retries > 0,
        };

        if (event->held)
                *event->held = found;
        else if (stack->provisional)
                pending_add(t, &found);
        else if (!pending_count(t, &found))
                return 0;
        return found.stack;
}

/*
 * The reader has preempted the thread on the reader's CPU. If the thread does not hold still all the same, the kernel
 * has moved it to another CPU, and the reader follows it.
 */
static int read_member(struct target *t, const struct sampler *s, struct member *m, const struct tick_event *event,
                       struct pystack_stack *ret)
{
        struct native_ask ask;

        native_ask(&ask, t, s, m, event);
        int e = pystack_sample_frozen(t->py, m->thread, event->uninterrupted, TRIES_HERE, ret);

        if (e != PYSTACK_E_TORN)
                return e;
        if (reader_pursue(t->py, m->thread, m->tid, event->cpu, ret, &e) && event->cpu >= 0)
                reader_pin(event->cpu);
        if (e == 0)
                ret->retries += TRIES_HERE;
        return e;
}

/* A thread that moves while it is looked at is looked at this often. */
#define LOOKS_MAX 3

/* Reads the stack, and why the thread does not run: both are of one moment, or the reason is unknown. */
static int look_and_read(struct target *t, const struct sampler *s, struct member *m, const struct tick_event *event,
                         struct pystack_stack *ret)
{
        struct wait_look *look = event->look;
        int e = 0;

        if (!look)
                return read_member(t, s, m, event, ret);
        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                if (!look->has_begun)
                        wait_look_begin(look, t, m);
                e = read_member(t, s, m, event, ret);
                if (e != 0 || wait_look_end(look, m))
                        break;
        }
        if (e == 0 && look->reason.kind != REASON_RUNNING)
                look->mark = waits_mark(&t->waits, &look->reason);
        if (t->waits.nameless > 0)
                decoder_ask(t);
        return e;
}

/* Reads the thread once. @ret gets the stack's id if the thread runs Python. 0, or why there is no stack. */
static int read_once(struct target *t, const struct sampler *s, const struct tick_event *event,
                     enum profile_state state, profile_id *ret)
{
        struct member *m = member_get(t, s, event->tid);
        struct pystack_stack stack;

        if (!m)
                return PYSTACK_E_GONE;
        if (!m->thread) {
                member_read_native(t, s, m, event);
                return 0;
        }
        pending_allow(t, event->ns, state);
        int e = look_and_read(t, s, m, event, &stack);
        if (e == PYSTACK_E_GONE)
                member_leave_python(m);
        profile_id id = 0;
        if (e == 0)
                e = get_stack_id(t, s, &stack, event, &id);
        if (e != 0)
                return e;
        profile_counters(t->profile)->ticks += event->count;
        *ret = count_read_stack(t, s, m, &stack, id, event, state);
        return 0;
}

static int read_and_note_restraint(struct target *t, const struct sampler *s, const struct tick_event *event,
                                   enum profile_state state, profile_id *ret)
{
        int e = read_once(t, s, event, state, ret);

        /* A thread runs on for a while after its Python thread has ended. Then it is a thread without Python. */
        if (e == PYSTACK_E_GONE && !member_end(t, s, event))
                e = read_once(t, s, event, state, ret);
        else if (e == PYSTACK_E_GONE)
                e = 0;
        restraint_note(t, e);
        return e;
}

profile_id target_read(struct target *t, const struct sampler *s, const struct tick_event *event,
                       enum profile_state state)
{
        struct profile_counters *counters = profile_counters(t->profile);
        profile_id stack = 0;

        memory_prepare(t);
        int e = restraint_rests(t) ? PYSTACK_E_COSTLY : read_and_note_restraint(t, s, event, state, &stack);

        if (e != 0) {
                counters->ticks += event->count;
                pending_lose(counters, e, event->count, event->ns);
        }
        memory_return(t);
        return stack;
}

void target_add_known(struct target *t, const struct sampler *s, const struct tick_event *event, struct member *m,
                      profile_id stack, uint32_t mark, enum profile_state state)
{
        struct pending known = { .stack = stack,
                                 .thread = m ? member_id(t, s, m) : 0,
                                 .state = state,
                                 .count = event->count,
                                 .ns = event->ns,
                                 .mark = mark };

        profile_counters(t->profile)->ticks += event->count;
        pending_count(t, &known);
}

void target_add_pseudo(struct target *t, const struct sampler *s, const struct tick_event *event, const char *name,
                       enum profile_state state)
{
        target_add_known(t, s, event, NULL, stacks_pseudo(t->profile, name), 0, state);
}
