/* SPDX-License-Identifier: Apache-2.0 */
#include "switch_watch.h"

#include "internal.h"
#include "jitter.h"
#include "perf_event.h"
#include "post.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

/*
 * A ring of 128 KiB holds 2000 switches of its CPU. The rings are emptied every 10 ms, or every period if that is
 * shorter. So a CPU of 200 000 switches a second loses none.
 */
#define RING_PAGES 32
#define EMPTY_EVERY_NS 10000000u

/* Records of targets that wait for the next look: 1.5 MiB. */
#define RECORDS_MAX 65536

struct switch_ring {
        int fd; /* -1: the CPU is offline */
        struct perf_ring ring;
};

struct switch_watch {
        struct sampler *sampler;
        struct post post;
        _Atomic bool stop, reopen;
        _Atomic uint64_t turns; /* the number of times that the rings were emptied */
        uint64_t turns_seen;    /* @turns at the last check */
        unsigned stalled;       /* checks in a row in which @turns had not moved */
        struct jitter jitter;
        struct switch_ring *rings; /* by CPU */
        size_t n_rings;
        struct perf_switch *records;
        size_t n, cap;
        bool lost; /* records are missing since the last look */
        /* The targets of the present look. Each has a user for the thread that takes it from here; NULL: it is taken */
        _Atomic(struct target *) *targets;
        size_t n_targets, cap_targets;
};

/* ---- rings ---------------------------------------------------------------------------------- */

static void close_rings(struct switch_watch *w)
{
        for (size_t i = 0; i < w->n_rings; i++) {
                perf_ring_close(&w->rings[i].ring);
                if (w->rings[i].fd >= 0)
                        close(w->rings[i].fd);
                w->rings[i].fd = -1;
        }
}

static int open_ring(struct switch_ring *ring, int cpu)
{
        ring->fd = perf_open_switches(cpu);
        if (ring->fd == -ENODEV) {
                ring->fd = -1; /* offline */
                return 0;
        }
        return ring->fd < 0 ? ring->fd : perf_ring_open(ring->fd, RING_PAGES, &ring->ring);
}

static int open_rings(struct switch_watch *w)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < w->n_rings; i++)
                e = open_ring(&w->rings[i], (int)i);
        if (e != 0)
                close_rings(w);
        return e;
}

/* ---- records ---------------------------------------------------------------------------------- */

static bool grow_records(struct switch_watch *w)
{
        size_t cap = w->cap ? 2 * w->cap : 1024;

        if (w->n < w->cap)
                return true;
        struct perf_switch *records = w->n < RECORDS_MAX ? reallocarray(w->records, cap, sizeof *records) : NULL;
        if (!records)
                return false;
        w->records = records;
        w->cap = cap;
        return true;
}

/* Keeps a record if it is of a target. The table's lock is held. */
static void keep_record(const struct perf_event_header *header, void *ctx)
{
        struct switch_watch *w = ctx;
        struct perf_switch record;
        struct target *t;

        if (!perf_switch_read(header, &record))
                return;
        if (record.kind == PERF_SWITCH_LOST) {
                w->lost = true;
                return;
        }
        pid_t pid = (pid_t)record.pid;
        if (pid <= 0)
                return;
        HASH_FIND_INT(w->sampler->targets, &pid, t);
        if (!t)
                return;
        if (grow_records(w))
                w->records[w->n++] = record;
        else
                w->lost = true;
}

static void empty_rings(struct switch_watch *w)
{
        pthread_rwlock_rdlock(&w->sampler->lock);
        for (size_t i = 0; i < w->n_rings; i++)
                if (w->rings[i].fd >= 0)
                        perf_ring_each(&w->rings[i].ring, keep_record, w);
        pthread_rwlock_unlock(&w->sampler->lock);
        atomic_fetch_add(&w->turns, 1);
}

static int compare_records(const void *a, const void *b)
{
        const struct perf_switch *l = a, *r = b;

        if (l->pid != r->pid)
                return l->pid < r->pid ? -1 : 1;
        if (l->tid != r->tid)
                return l->tid < r->tid ? -1 : 1;
        return (l->time > r->time) - (l->time < r->time);
}

/* Moves records of after @now behind the others, and sorts the others. Returns the number of the others. */
static size_t sort_records(struct switch_watch *w, uint64_t now)
{
        size_t n = w->n;

        for (size_t i = 0; i < n;) {
                if (w->records[i].time <= now) {
                        i++;
                        continue;
                }
                struct perf_switch later = w->records[i];
                w->records[i] = w->records[--n];
                w->records[n] = later;
        }
        qsort(w->records, n, sizeof *w->records, compare_records);
        return n;
}

static void drop_records(struct switch_watch *w, size_t n)
{
        memmove(w->records, w->records + n, (w->n - n) * sizeof *w->records);
        w->n -= n;
}

/* The first of the @n records that is of @pid or a later one. */
static size_t find_records_of(const struct switch_watch *w, size_t n, uint32_t pid)
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (w->records[middle].pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* ---- targets ---------------------------------------------------------------------------------- */

static bool make_room_for_targets(struct switch_watch *w, size_t n)
{
        if (n <= w->cap_targets)
                return true;
        _Atomic(struct target *) *targets = reallocarray(w->targets, 2 * n, sizeof *targets);
        if (!targets)
                return false;
        w->targets = targets;
        w->cap_targets = 2 * n;
        return true;
}

static void gather_targets(struct switch_watch *w)
{
        struct sampler *s = w->sampler;

        w->n_targets = 0;
        pthread_rwlock_rdlock(&s->lock);
        bool room = make_room_for_targets(w, HASH_COUNT(s->targets));
        for (struct target *t = s->targets; t && room; t = t->hh.next)
                if (!target_is_silent(t)) {
                        target_use(t);
                        atomic_init(&w->targets[w->n_targets++], t);
                }
        pthread_rwlock_unlock(&s->lock);
}

static void serve_target(struct switch_watch *w, struct target *t, size_t n, uint64_t now)
{
        size_t first = find_records_of(w, n, (uint32_t)t->pid), after = find_records_of(w, n, (uint32_t)t->pid + 1);

        if (target_lock(t) == TARGET_SILENT)
                return;
        if (w->lost)
                switches_lose(t, now);
        else
                switches_apply(t, w->records + first, after - first, now);
        switches_look(t, w->sampler);
        target_unlock(t);
}

/* Applies all records until @now, and looks at the threads that wait. False if this thread was relieved. */
static bool serve_targets(struct switch_watch *w, uint64_t now)
{
        size_t n = sort_records(w, now);

        gather_targets(w);
        post_enter(&w->post);
        for (size_t i = 0; i < w->n_targets; i++) {
                struct target *t = atomic_exchange(&w->targets[i], NULL);
                if (!t)
                        break; /* this thread was relieved */
                serve_target(w, t, n, now);
                target_put(t);
        }
        if (!post_leave(&w->post))
                return false;
        drop_records(w, n);
        w->lost = false;
        return true;
}

/* ---- the thread ----------------------------------------------------------------------------------- */

static void sleep_until_ns(uint64_t at)
{
        const struct timespec time = { .tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u) };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
                ;
}

static void reopen_rings(struct switch_watch *w)
{
        close_rings(w);
        open_rings(w);
        w->lost = true;
}

/* False if this thread was relieved. */
static bool watch_switches(struct switch_watch *w)
{
        uint64_t due = clock_ns(CLOCK_MONOTONIC), now = due;

        due += jitter_phase(&w->jitter, atomic_load(&w->sampler->period_ns));
        while (!atomic_load(&w->stop)) {
                sleep_until_ns(due < now + EMPTY_EVERY_NS ? due : now + EMPTY_EVERY_NS);
                if (atomic_exchange(&w->reopen, false))
                        reopen_rings(w);
                now = clock_ns(CLOCK_MONOTONIC);
                empty_rings(w);
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
        free(w->records);
        free(w->targets);
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

static struct switch_watch *new_watch(struct sampler *s, struct switch_ring *rings, size_t n)
{
        struct switch_watch *w = calloc(1, sizeof *w);

        if (!w)
                return NULL;
        w->sampler = s;
        w->rings = rings;
        w->n_rings = n;
        jitter_init(&w->jitter);
        return w;
}

int switch_watch_start(struct sampler *s, struct switch_watch **ret)
{
        size_t n = (size_t)get_nprocs_conf();
        struct switch_ring *rings = calloc(n, sizeof *rings);
        struct switch_watch *w = rings ? new_watch(s, rings, n) : NULL;
        int e = w ? open_rings(w) : -ENOMEM;

        if (e == 0 && (e = -post_start(&w->post, s, run_switch_watch, w)) != 0)
                close_rings(w);
        if (e != 0) {
                free(rings);
                free(w);
                return e;
        }
        *ret = w;
        return 0;
}

/* Takes the targets that a relieved thread has not come to away from it, and lets the thread go on. */
static void release_watch(struct switch_watch *w)
{
        for (size_t i = 0; i < w->n_targets; i++) {
                struct target *t = atomic_exchange(&w->targets[i], NULL);
                if (t)
                        target_put(t);
        }
        post_release(&w->post);
}

static void drop_rings(struct switch_watch *w)
{
        close_rings(w);
        free(w->rings);
}

void switch_watch_stop(struct switch_watch *w)
{
        if (!w)
                return;
        atomic_store(&w->stop, true);
        bool ended = post_join(&w->post);
        drop_rings(w);
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
        *watch = new_watch(w->sampler, w->rings, w->n_rings);
        if (*watch)
                (*watch)->lost = true;
        if (*watch && post_start(&(*watch)->post, w->sampler, run_switch_watch, *watch) != 0) {
                free_watch(*watch);
                *watch = NULL;
        }
        if (!*watch)
                drop_rings(w);
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
