/* SPDX-License-Identifier: Apache-2.0 */
#include "switch_watch.h"

#include "internal.h"
#include "jitter.h"
#include "post.h"
#include "switch_records.h"
#include "visit.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The rings are emptied this often, or every period if that is shorter. */
#define EMPTY_EVERY_NS 10000000u

struct switch_watch {
        struct sampler *sampler;
        struct post post;
        _Atomic bool stop, reopen;
        _Atomic uint64_t turns;              /* the number of times that the rings were emptied */
        uint64_t turns_seen;                 /* @turns at the last check */
        unsigned stalled;                    /* checks in a row in which @turns had not moved */
        _Atomic uint64_t took_ns;            /* the CPU time that reading records has taken */
        uint64_t took_seen_ns;               /* @took_ns when switch_watch_cost() was last called */
        uint64_t cost_at_ns;                 /* when that was (CLOCK_MONOTONIC) */
        _Atomic unsigned looks, lossy_looks; /* since switch_watch_losses() was last called; with records lost before */
        struct jitter jitter;
        struct switch_rings rings;
        struct switch_records records;
        struct visit targets; /* of the present look */
};

/* ---- targets ---------------------------------------------------------------------------------- */

static void gather_targets(struct switch_watch *w)
{
        struct sampler *s = w->sampler;

        table_read(&s->lock);
        bool room = visit_begin(&w->targets, HASH_COUNT(s->targets));
        for (struct target *t = s->targets; t && room; t = t->hh.next)
                if (!target_is_silent(t))
                        visit_add(&w->targets, t, 1);
        table_read_end(&s->lock);
}

/* A look takes this part of a period at most, if a target has more waits than are read at one go. */
#define LOOK_PART 4

static void look_at_more(struct switch_watch *w, struct target *t, uint64_t since)
{
        uint64_t until = since + atomic_load(&w->sampler->period_ns) / LOOK_PART;
        bool more = true;

        while (more && clock_ns(CLOCK_MONOTONIC) < until && target_lock(t) != TARGET_SILENT) {
                more = switches_look(t, w->sampler);
                target_unlock(t);
        }
}

static void serve_target(struct switch_watch *w, struct target *t, size_t n, uint64_t now)
{
        size_t first = switch_records_find(&w->records, n, (uint32_t)t->pid);
        size_t after = switch_records_find(&w->records, n, (uint32_t)t->pid + 1);

        if (target_lock(t) == TARGET_SILENT)
                return;
        if (w->records.lost)
                switches_lose(t, now);
        else
                switches_apply(t, w->records.items + first, after - first, now);
        bool more = switches_look(t, w->sampler);
        target_unlock(t);
        if (more)
                look_at_more(w, t, now);
}

/* Applies all records until @now, and looks at the threads that wait. False if this thread was relieved. */
static bool serve_targets(struct switch_watch *w, uint64_t now)
{
        size_t n = switch_records_sort(&w->records, now);

        gather_targets(w);
        post_enter(&w->post);
        for (size_t i = 0; i < w->targets.n; i++) {
                struct target *t = visit_take(&w->targets, i);
                if (!t)
                        break; /* this thread was relieved */
                serve_target(w, t, n, now);
                target_put(t);
        }
        if (!post_leave(&w->post))
                return false;
        switch_records_drop(&w->records, n);
        atomic_fetch_add(&w->looks, 1);
        atomic_fetch_add(&w->lossy_looks, w->records.lost);
        w->records.lost = false;
        return true;
}

/* ---- the thread ----------------------------------------------------------------------------------- */

static void reopen_rings(struct switch_watch *w)
{
        switch_rings_reopen(&w->rings);
        w->records.lost = true;
}

static void take_records(struct switch_watch *w)
{
        uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

        switch_records_take(&w->records, &w->rings, w->sampler);
        atomic_fetch_add(&w->took_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin);
        atomic_fetch_add(&w->turns, 1);
}

/* False if this thread was relieved. */
static bool watch_switches(struct switch_watch *w)
{
        uint64_t due = clock_ns(CLOCK_MONOTONIC), now = due;

        due += jitter_phase(&w->jitter, atomic_load(&w->sampler->period_ns));
        while (!atomic_load(&w->stop)) {
                reader_sleep_until(due < now + EMPTY_EVERY_NS ? due : now + EMPTY_EVERY_NS);
                if (atomic_exchange(&w->reopen, false))
                        reopen_rings(w);
                now = clock_ns(CLOCK_MONOTONIC);
                take_records(w);
                if (now < due)
                        continue;
                if (!serve_targets(w, now))
                        return false;
                uint64_t interval = jitter_interval(&w->jitter, atomic_load(&w->sampler->period_ns));
                due = due + interval > now ? due + interval : now + interval;
        }
        return true;
}

static void free_watch(struct switch_watch *w)
{
        switch_records_deinit(&w->records);
        visit_deinit(&w->targets);
        free(w);
}

static void *run_switch_watch(void *arg)
{
        struct switch_watch *w = arg;

        post_begin(&w->post);
        reader_realtime();
        if (watch_switches(w))
                return NULL;
        struct sampler *s = w->sampler;
        free_watch(w);
        post_end(s);
        return NULL;
}

/* It owns @rings. NULL: there is no memory. */
static struct switch_watch *new_watch(struct sampler *s, const struct switch_rings *rings)
{
        struct switch_watch *w = calloc(1, sizeof *w);

        if (!w)
                return NULL;
        w->sampler = s;
        w->rings = *rings;
        w->cost_at_ns = clock_ns(CLOCK_MONOTONIC);
        jitter_init(&w->jitter);
        return w;
}

int switch_watch_start(struct sampler *s, struct switch_watch **ret)
{
        struct switch_rings rings;
        int e = switch_rings_open(&rings);

        if (e != 0)
                return e;
        struct switch_watch *w = new_watch(s, &rings);
        e = w ? -post_start(&w->post, s, run_switch_watch, w) : -ENOMEM;
        if (e == 0) {
                *ret = w;
                return 0;
        }
        switch_rings_close(&rings);
        free(w);
        return e;
}

/* Takes the targets that a relieved thread has not come to away from it, and lets the thread go on. */
static void release_watch(struct switch_watch *w)
{
        visit_drop(&w->targets);
        post_release(&w->post);
}

void switch_watch_stop(struct switch_watch *w)
{
        if (!w)
                return;
        atomic_store(&w->stop, true);
        bool ended = post_join(&w->post);
        switch_rings_close(&w->rings);
        if (ended)
                free_watch(w);
        else
                release_watch(w);
}

/* The thread that hangs keeps its records and the list of targets. What the records told is lost. */
void switch_watch_relieve(struct switch_watch **watch, pid_t tid)
{
        struct switch_watch *w = *watch;

        if (!w || atomic_load(&w->post.tid) != tid || !post_relieve(&w->post))
                return;
        *watch = new_watch(w->sampler, &w->rings);
        if (*watch)
                (*watch)->records.lost = true;
        if (*watch && post_start(&(*watch)->post, w->sampler, run_switch_watch, *watch) != 0) {
                free_watch(*watch);
                *watch = NULL;
        }
        if (!*watch)
                switch_rings_close(&w->rings);
        release_watch(w);
}

void switch_watch_reopen(struct switch_watch *w)
{
        if (w)
                atomic_store(&w->reopen, true);
}

unsigned switch_watch_check(struct switch_watch *w)
{
        if (!w)
                return 0;
        uint64_t turns = atomic_load(&w->turns);
        w->stalled = turns == w->turns_seen ? w->stalled + 1 : 0;
        w->turns_seen = turns;
        return w->stalled;
}

/* Of fewer looks a part tells nothing. */
#define LOOKS_MIN 8

double switch_watch_losses(struct switch_watch *w)
{
        if (!w)
                return 0;
        unsigned looks = atomic_exchange(&w->looks, 0), lossy = atomic_exchange(&w->lossy_looks, 0);
        return looks < LOOKS_MIN ? 0 : (double)lossy / (double)looks;
}

double switch_watch_cost(struct switch_watch *w)
{
        if (!w)
                return 0;
        uint64_t took = atomic_load(&w->took_ns), now = clock_ns(CLOCK_MONOTONIC);
        double share = (double)(took - w->took_seen_ns) / (double)(now - w->cost_at_ns + 1);
        w->took_seen_ns = took;
        w->cost_at_ns = now;
        return share;
}
