/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a target as they were met, and which of them run Python. */
#include "internal.h"

#include "nsutil/nsutil.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A thread without Python may run Python later: a thread that is just starting, or one of a C++ pool. So podflame looks
 * again at the next tick. Looking takes 1/LOOK_PART of the time at most, and the pause between two looks is
 * LOOK_PAUSE_MAX_NS at most. A thread that is just starting comes to Python soon or never, and a thread that has left
 * Python ends soon or never. So there is no pause in the first YOUNG_NS, and later the pause is no longer than the time
 * for which the thread has run no Python.
 */
#define LOOK_PART 50
#define LOOK_PAUSE_MAX_NS 1000000000ull
#define YOUNG_NS 1000000u

struct member *member_add(struct target *t, pid_t tid)
{
        struct member *m = calloc(1, sizeof *m);

        if (!m)
                return NULL;
        m->tid = tid;
        m->since_ns = m->met_ns = clock_ns(CLOCK_MONOTONIC);
        m->switches.since_ns = m->switches.told_ns = m->met_ns;
        m->clock.fd = m->clock.stat_fd = m->clock.last_ran_fd = -1;
        m->clock.files = (struct nsutil_wait_thread)NSUTIL_WAIT_CLOSED;
        HASH_ADD_INT(t->members, tid, m);
        if (m->hh.tbl)
                return m;
        free(m);
        return NULL;
}

/* When to look again at a thread that has no Python, after a look that took until @end. */
static void set_retry(struct member *m, uint64_t begin, uint64_t end)
{
        uint64_t pause = (end - begin) * LOOK_PART, known = end - m->since_ns;

        pause = pause < LOOK_PAUSE_MAX_NS ? pause : LOOK_PAUSE_MAX_NS;
        m->retry_ns = known < YOUNG_NS ? end : end + (pause < known ? pause : known);
}

/* Ticks of a thread that has ended before anybody knew what it ran. */
static void count_gone_thread(struct target *t, uint64_t count, uint64_t ns)
{
        struct profile_counters *counters = profile_counters(t->profile);

        counters->ticks += count;
        counters->gone += count;
        counters->gone_ns += ns;
}

void member_free(struct target *t, struct member *m)
{
        count_gone_thread(t, m->unsure, m->unsure_ns);
        switches_forget(t, m);
        names_detach(t, m);
        HASH_DEL(t->members, m);
        pystack_thread_close(m->thread);
        if (m->clock.fd >= 0)
                close(m->clock.fd);
        timer_wall_release(t, m);
        nsutil_wait_close(&m->clock.files);
        if (m->clock.stat_fd >= 0)
                close(m->clock.stat_fd);
        if (m->clock.last_ran_fd >= 0)
                close(m->clock.last_ran_fd);
        free(m);
}

void member_leave_python(struct member *m)
{
        pystack_thread_close(m->thread);
        m->thread = NULL;
        m->since_ns = clock_ns(CLOCK_MONOTONIC);
        m->retry_ns = 0;
}

/* Each byte of a name may become \xNN. */
#define ESCAPED_SIZE (4 * NSUTIL_COMM_SIZE)

profile_id member_id(struct target *t, const struct sampler *s, struct member *m)
{
        char name[ESCAPED_SIZE];

        if (s->config.threads && !m->id) {
                pystack_escape(m->name, strlen(m->name), name, sizeof name);
                if (profile_intern_thread(t->profile, (uint64_t)m->tid, name, &m->id) < 0)
                        return 0;
                names_attach(t, m);
        }
        return m->id;
}

/*
 * Decides on the ticks since the last look. If the thread is without Python now as then, they are native; else failed.
 */
static void count_unsure(struct target *t, const struct sampler *s, struct member *m, bool native)
{
        struct profile_counters *counters = profile_counters(t->profile);

        if (native && m->unsure > 0) {
                member_count_native(t, s, m, m->unsure, m->unsure_ns);
        } else {
                counters->ticks += m->unsure;
                counters->failed += m->unsure;
                counters->failed_ns += m->unsure_ns;
        }
        m->unsure = m->unsure_ns = 0;
}

/* ---- looking ----------------------------------------------------------------------- */

/* Finds the Python thread that the target itself calls @inner_tid. 0 and *@ret NULL: there is none. */
static int open_thread(struct target *t, pid_t inner_tid, struct pystack_thread **ret)
{
        const struct pystack_thread_ref *refs;
        size_t n;
        int r = pystack_threads(t->py, &refs, &n);

        for (size_t i = 0; r == 0 && i < n; i++)
                if (refs[i].inner_tid == inner_tid)
                        return pystack_thread_open(t->py, &refs[i], ret);
        return r;
}

/* Finds out whether the thread runs Python by now. False if it has ended. */
static bool look_for_python_thread(struct target *t, const struct sampler *s, struct member *m)
{
        struct nsutil_thread thread;
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);

        if (nsutil_thread_read(t->pid, m->tid, &thread) != 0)
                return false;
        memcpy(m->name, thread.name, sizeof m->name);
        m->id = m->native = 0;
        int r = open_thread(t, thread.inner_tid, &m->thread);
        m->looked_now = true;
        m->native_now = r == 0 && !m->thread;
        count_unsure(t, s, m, m->native_now);
        set_retry(m, begin, clock_ns(CLOCK_MONOTONIC));
        return true;
}

struct member *member_get(struct target *t, const struct sampler *s, pid_t tid)
{
        struct member *m;

        HASH_FIND_INT(t->members, &tid, m);
        if (m && m->thread)
                return m;
        if (!m && !(m = member_add(t, tid)))
                return NULL;
        m->looked_now = false;
        if (clock_ns(CLOCK_MONOTONIC) < m->retry_ns || look_for_python_thread(t, s, m))
                return m;
        member_free(t, m);
        return NULL;
}

void members_settle(struct target *t, const struct sampler *s)
{
        struct member *m, *next;

        HASH_ITER(hh, t->members, m, next)
                if (m->unsure > 0 && !look_for_python_thread(t, s, m))
                        member_free(t, m);
}

/* ---- listing ----------------------------------------------------------------------- */

static int by_inner_tid(const void *a, const void *b)
{
        pid_t left = ((const struct pystack_thread_ref *)a)->inner_tid;
        pid_t right = ((const struct pystack_thread_ref *)b)->inner_tid;

        return (left > right) - (left < right);
}

/*
 * Lists the Python threads, sorted by TID. The list is a copy, since opening a thread may overwrite pystack's. The
 * caller frees @ret. False if the threads cannot be read now.
 */
static bool list_refs(struct target *t, struct pystack_thread_ref **ret, size_t *ret_n)
{
        const struct pystack_thread_ref *refs;

        *ret = NULL;
        if (pystack_threads(t->py, &refs, ret_n) != 0)
                return false;
        *ret = malloc((*ret_n + 1) * sizeof **ret);
        if (!*ret)
                return false;
        memcpy(*ret, refs, *ret_n * sizeof **ret);
        qsort(*ret, *ret_n, sizeof **ret, by_inner_tid);
        return true;
}

/* Reads the name of a thread, and opens its Python thread if @refs has one. Does nothing if @refs is NULL. */
static void identify_member(struct target *t, const struct sampler *s, struct member *m,
                            const struct pystack_thread_ref *refs, size_t n)
{
        struct nsutil_thread thread;

        if (nsutil_thread_read(t->pid, m->tid, &thread) != 0 || !refs)
                return;
        const struct pystack_thread_ref key = { .inner_tid = thread.inner_tid };
        const struct pystack_thread_ref *ref = bsearch(&key, refs, n, sizeof *refs, by_inner_tid);
        memcpy(m->name, thread.name, sizeof m->name);
        m->id = m->native = 0;
        if (ref)
                pystack_thread_open(t->py, ref, &m->thread);
        count_unsure(t, s, m, !ref);
}

static void add_members(struct target *t, const pid_t *tids, size_t n, uint64_t now)
{
        for (size_t i = 0; i < n; i++) {
                struct member *m;
                HASH_FIND_INT(t->members, &tids[i], m);
                if (m || (m = member_add(t, tids[i])))
                        m->listed_ns = now;
        }
}

void members_list(struct target *t)
{
        struct member *m, *next;
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        pid_t *tids;
        size_t n;

        if (nsutil_tids_read(t->pid, &tids, &n) != 0)
                return;
        add_members(t, tids, n, now);
        HASH_ITER(hh, t->members, m, next)
                if (m->listed_ns != now)
                        member_free(t, m);
        free(tids);
}

void members_introduce(struct target *t, const struct sampler *s)
{
        struct pystack_thread_ref *refs;
        uint64_t begin = clock_ns(CLOCK_MONOTONIC), end;
        size_t n = 0;
        struct member *m = t->members;

        while (m && (m->thread || begin < m->retry_ns))
                m = m->hh.next;
        if (!m)
                return;
        bool known = list_refs(t, &refs, &n);
        for (m = t->members; m; m = m->hh.next)
                if (!m->thread && begin >= m->retry_ns)
                        identify_member(t, s, m, known ? refs : NULL, n);
        free(refs);
        end = clock_ns(CLOCK_MONOTONIC);
        for (m = t->members; m; m = m->hh.next)
                if (!m->thread && begin >= m->retry_ns)
                        set_retry(m, begin, end);
}

struct member *member_newest(const struct target *t)
{
        return t->members ? ELMT_FROM_HH(t->members->hh.tbl, t->members->hh.tbl->tail) : NULL;
}

struct member *member_before(const struct member *m)
{
        return m->hh.prev;
}
