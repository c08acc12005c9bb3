/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the threads that wait: their stacks, and why they wait. */
#include "internal.h"

#include "nsutil/nsutil.h"

/* Threads that are read at one go at most. The target's lock is held meanwhile, 20 us for each. */
#define READS_MAX 100

/* The files that tell why a thread waits stay open for a thread whose waits are short. */
#define LONG_WAIT_NS 100000000u

/* Reads the stack of a thread that waits, and why it does. Its member may be gone afterwards. Returns whether it could. */
static bool read_wait(struct target *t, const struct sampler *s, struct member *m)
{
        struct wait_look look = { .freezers = &s->freezers };
        struct pending found = { 0 };
        const struct tick_event event = { .pid = t->pid,
                                          .tid = m->tid,
                                          .cpu = -1,
                                          .held = &found,
                                          .look = m->switches.state == SWITCH_READY ? NULL : &look };
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);
        pid_t tid = m->tid;

        target_read(t, s, &event, PROFILE_IDLE);
        HASH_FIND_INT(t->members, &tid, m);
        if (!m || !found.stack)
                return false;
        m->clock.stack = found.stack;
        m->clock.mark = look.mark;
        m->switches.read_ready = !event.look || look.reason.kind == REASON_RUNNING;
        m->switches.read_begin_ns = begin;
        m->switches.read_end_ns = clock_ns(CLOCK_MONOTONIC);
        if (begin - m->switches.since_ns > LONG_WAIT_NS || m->switches.state == SWITCH_UNKNOWN)
                nsutil_wait_close(&m->clock.files);
        return true;
}

static bool wants_look(const struct member *m)
{
        return m->thread && !m->clock.stack && (switches_is_waiting(m) || m->switches.state == SWITCH_UNKNOWN);
}

/*
 * Reads at most @max of the waits that have no stack. Notes whether threads without Python, and waits, are left. Returns
 * whether there are waits that it did not come to.
 */
static bool look_at_members(struct target *t, const struct sampler *s, unsigned max)
{
        struct target_switches *w = &t->switches;
        struct member *before;
        bool more = false;

        w->unread = w->strangers = false;
        for (struct member *m = member_newest(t); m; m = before) {
                before = member_before(m);
                switches_note_python(t, m);
                w->strangers = w->strangers || !m->thread;
                if (!wants_look(m))
                        continue;
                more = max == 0;
                w->unread = more || !read_wait(t, s, m) || w->unread;
                max -= max > 0;
        }
        return more;
}

bool switches_look(struct target *t, const struct sampler *s)
{
        struct target_switches *w = &t->switches;

        if (!w->relist && !w->strangers && !w->unread)
                return false;
        if (w->relist)
                members_list(t);
        w->relist = false;
        members_introduce(t, s);
        return look_at_members(t, s, READS_MAX);
}
