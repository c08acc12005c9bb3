/* SPDX-License-Identifier: Apache-2.0 */
/* The ticks of threads that run no Python, or of which that is not known yet. */
#include "native.h"

#include "nsutil/nsutil.h"

#include <string.h>
#include <unistd.h>

/* Each byte of a name may become \xNN. */
#define ESCAPED_SIZE (4 * NSUTIL_COMM_SIZE)

/* The name of threads that ended before their names were read. */
#define ENDED "(ended threads)"

/* The id of the stack of a thread without Python. The thread's name comes from the target, so it is escaped. */
static profile_id intern_native(struct target *t, struct member *m)
{
        char name[ESCAPED_SIZE];

        if (!m->native) {
                pystack_escape(m->name, strlen(m->name), name, sizeof name);
                m->native = stacks_native(t->profile, name);
        }
        return m->native;
}

static void count_native_stack(struct target *t, const struct sampler *s, struct member *m, profile_id stack,
                               uint64_t count, uint64_t ns)
{
        struct profile_counters *counters = profile_counters(t->profile);
        struct pending found = {
                .stack = stack, .thread = m ? member_id(t, s, m) : 0, .state = PROFILE_RUNNING, .count = count, .ns = ns
        };
        counters->ticks += count;
        if (pending_count(t, &found))
                counters->native_ns += ns;
}

void member_count_native(struct target *t, const struct sampler *s, struct member *m, uint64_t count, uint64_t ns)
{
        if (count == 0)
                return; /* a look at a thread that waits: it has left Python */
        if (s->config.no_native)
                profile_counters(t->profile)->left_out_ns += ns;
        else
                count_native_stack(t, s, m, m ? intern_native(t, m) : stacks_native(t->profile, ENDED), count, ns);
}

/*
 * A thread that the tick has met in the kernel runs no code of its own before the reader runs, unless another CPU takes
 * the thread over. Even then a thread that ends within this time had no Python frame any more: it takes longer to give
 * up the thread state and the GIL, to wake the thread that joins it, and to end.
 */
#define PROMPT_NS 150000u

static bool was_ending(const struct tick_event *event)
{
        return event->in_kernel && !event->left && clock_ns(CLOCK_MONOTONIC) - event->woken_ns < PROMPT_NS;
}

bool member_end(struct target *t, const struct sampler *s, const struct tick_event *event)
{
        struct member *m;
        pid_t tid = event->tid;
        int fd;

        if (!was_ending(event))
                return false;
        if (nsutil_stat_open(t->pid, tid, &fd) == 0) {
                close(fd);
                return false;
        }
        HASH_FIND_INT(t->members, &tid, m);
        member_count_native(t, s, m, event->count, event->ns);
        if (m)
                member_free(t, m);
        return true;
}

/* Whether the kernel ends the thread: then it runs no Python any more. */
static bool is_ending(const struct target *t, struct member *m, const struct tick_event *event)
{
        struct nsutil_stat stat;

        if (!event->in_kernel)
                return false;
        if (m->clock.stat_fd < 0 && nsutil_stat_open(t->pid, m->tid, &m->clock.stat_fd) != 0)
                return was_ending(event);
        return nsutil_stat_reread(m->clock.stat_fd, &stat) == 0 ? stat.ending : was_ending(event);
}

/* Counts the thread by its C stack, if that shows that it runs no Python. */
static bool count_code(struct target *t, const struct sampler *s, struct member *m, const struct tick_event *event)
{
        const struct pystack_stack none = { .n = 0 };
        struct pystack_mixed room;
        const struct pystack_mixed *mixed = s->config.no_native ? NULL : native_read(t, s, m, event, &room);
        struct pystack_stack shown;
        struct backlog_view view;
        char name[ESCAPED_SIZE];
        profile_id stack;

        if (!mixed)
                return false;
        backlog_view(&none, mixed, s->config.kernel ? event->context : NULL, &shown, &view);
        pystack_escape(m->name, strlen(m->name), name, sizeof name);
        stacks_native_frames(t->profile, name, view.outside);
        if (stacks_find(&t->stacks, t->profile, t->py, &view, &stack) != 0) {
                native_count_costly(t, event);
                return false;
        }
        decoder_ask(t);
        count_native_stack(t, s, m, stack, event->count, event->ns);
        return true;
}

void member_read_native(struct target *t, const struct sampler *s, struct member *m, const struct tick_event *event)
{
        if (count_code(t, s, m, event))
                return;
        if ((m->looked_now && m->native_now) || is_ending(t, m, event)) {
                member_count_native(t, s, m, event->count, event->ns);
                return;
        }
        m->unsure += event->count;
        m->unsure_ns += event->ns;
}
