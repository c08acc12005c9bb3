/* SPDX-License-Identifier: Apache-2.0 */
/* A CPU's reader: pinned there, woken by its clock, it reads the thread that the clock has interrupted. */
#include "perf_reader.h"
#include "perf_wait.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* 16 KiB hold 500 ticks, at 20 kHz 25 ms without a reader. */
#define RING_PAGES 4

/* With contexts, records are up to 20 times as long. */
#define RING_PAGES_NATIVE 64

/* Threads that one wake-up may find ticks of. A reader is hardly ever more than one behind. */
#define BATCH_MAX 32

#define NS_PER_MS 1000000u

/* The period is drawn anew no more often than this: it costs a system call. */
#define VARY_NS 4000000u

/* False if this thread was relieved meanwhile. */
static bool read_batch(struct perf_reader *r, const struct perf_batch *batch, size_t n)
{
        struct sampler *s = r->sampler;
        uint64_t woken = clock_ns(CLOCK_MONOTONIC);
        bool sole = n == 1 && r->contexts && r->realtime && r->holds;

        if (sole)
                r->uninterrupted.begin(); /* the thread has not run since the tick, and does not until this is broken */

        for (size_t i = 0; i < n; i++) {
                pid_t pid = (pid_t)batch[i].pid;
                if (pid <= 0)
                        continue; /* outside our PID namespace, or ending */
                /*
                 * Only the newest tick of a thread gets a stack; the older ticks are counted as late. If the reader
                 * had no CPU for a while, the thread had none either, or its present stack is as good as any. The
                 * kernel does not say which thread lost ticks belonged to: they count for the next target that is read.
                 */
                struct tick_event event = { .pid = pid,
                                            .tid = (pid_t)batch[i].tid,
                                            .count = 1,
                                            .meets_all = r->machine,
                                            .ns = sampler_period_ns(s, batch[i].time),
                                            .event_id = batch[i].id,
                                            .at_ns = batch[i].time,
                                            .in_kernel = batch[i].in_kernel,
                                            .woken_ns = woken,
                                            .late = batch[i].ticks - 1 + r->untold,
                                            .cpu = r->cpu,
                                            .uninterrupted = r->holds ? &r->uninterrupted : NULL,
                                            .context = sole ? r->contexts : NULL,
                                            .jitter = r->machine ? NULL : &r->jitter };
                post_enter(&r->post);
                bool of_target = sampler_tick(s, &event);
                if (!post_leave(&r->post))
                        return false;
                if (of_target)
                        r->untold = 0;
        }
        return true;
}

/*
 * Draws the CPU's next interval. The interval is counted from the tick, not from now, so the mean stays the nominal
 * period. At high rates only some ticks draw. Then the time since the tick is too small a part of VARY_NS to matter.
 */
static void vary_period(struct perf_reader *r, uint64_t tick_ns)
{
        uint64_t period = atomic_load(&r->sampler->period_ns), interval, since;

        if (tick_ns < r->vary_at_ns)
                return;
        interval = jitter_interval(&r->jitter, period);
        since = clock_ns(CLOCK_MONOTONIC) - tick_ns;
        if (period >= VARY_NS && since >= interval / 2)
                return; /* so late that the clock would lose time */
        perf_set_period(r->fd, period >= VARY_NS ? interval - since : interval);
        r->vary_at_ns = tick_ns + VARY_NS;
}

static uint64_t newest_tick(const struct perf_batch *batch, size_t n)
{
        uint64_t newest = 0;

        for (size_t i = 0; i < n; i++)
                newest = batch[i].time > newest ? batch[i].time : newest;
        return newest;
}

/* False if this thread was relieved meanwhile. */
static bool empty_ring(struct perf_reader *r)
{
        struct perf_batch batch[BATCH_MAX];
        uint64_t before = r->ring.lost;
        size_t n = perf_ring_drain(&r->ring, batch, r->contexts, BATCH_MAX);

        r->untold += r->ring.lost - before;
        atomic_store(&r->lost, r->ring.lost);
        if (!read_batch(r, batch, n))
                return false;
        if (r->machine && n > 0)
                vary_period(r, newest_tick(batch, n));
        atomic_fetch_add(&r->turns, 1);
        return true;
}

/* Starts the CPU's clock after a random part of a period. False if the reader is to end. */
static bool begin_clock(struct perf_reader *r)
{
        uint64_t period = atomic_load(&r->sampler->period_ns);
        uint64_t phase = jitter_phase(&r->jitter, period);
        const struct timespec rest = { .tv_nsec = (long)(phase % NS_PER_MS) };

        if (perf_wait(r->wait_fd, (int)(phase / NS_PER_MS)) == PERF_END)
                return false;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
        perf_set_period(r->fd, jitter_interval(&r->jitter, period));
        perf_enable(r->fd, true);
        r->begun = true;
        return true;
}

/*
 * If a CPU has no tick for this time, its period is drawn anew. The clock of an idle CPU keeps its period. A program
 * that wakes on that CPU for moments might fall into step with the clock. -1: the ring is for the targets' own events,
 * so the CPU has no clock.
 */
static int patience_ms(const struct perf_reader *r)
{
        uint64_t periods_ms = 16 * atomic_load(&r->sampler->period_ns) / NS_PER_MS;

        return !r->machine ? -1 : periods_ms > 2000 ? (int)periods_ms : 2000;
}

/* False if this thread was relieved. */
static bool read_until_stopped(struct perf_reader *r)
{
        enum perf_woken woken;

        while ((woken = perf_wait(r->wait_fd, patience_ms(r))) != PERF_END) {
                if (woken != PERF_TICKS)
                        perf_set_period(r->fd, jitter_interval(&r->jitter, atomic_load(&r->sampler->period_ns)));
                else if (!empty_ring(r))
                        return false;
        }
        return true;
}

static void free_reader(struct perf_reader *r)
{
        free(r->contexts);
        free(r);
}

static void *run_reader(void *arg)
{
        struct perf_reader *r = arg;

        post_begin(&r->post);
        r->pinned = reader_pin(r->cpu);
        r->realtime = reader_realtime();
        r->holds = r->pinned && uninterrupted_open(r->cpu, &r->uninterrupted);
        sem_post(r->ready);
        if ((r->machine && !r->begun && !begin_clock(r)) || read_until_stopped(r))
                return NULL;
        struct sampler *s = r->sampler;
        free_reader(r);
        post_end(s);
        return NULL;
}

static void close_reader(struct perf_reader *r)
{
        perf_ring_close(&r->ring);
        close(r->fd);
        if (r->stop_fd >= 0)
                close(r->stop_fd);
        if (r->wait_fd >= 0)
                close(r->wait_fd);
}

static int start_reader_thread(struct perf_reader *r)
{
        return -post_start(&r->post, r->sampler, run_reader, r);
}

static int open_events(struct perf_reader *r)
{
        uint64_t period = atomic_load(&r->sampler->period_ns);

        r->fd = r->machine ? perf_open_cpu(r->cpu, period, r->contexts) : perf_open_ring_only(r->cpu);
        if (r->fd < 0)
                return r->fd;
        r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r->wait_fd = r->stop_fd < 0 ? -errno : perf_wait_open(r->fd, r->stop_fd);
        int e = r->wait_fd < 0 ? r->wait_fd
                               : perf_ring_open(r->fd, r->contexts ? RING_PAGES_NATIVE : RING_PAGES, &r->ring);
        if (e == 0)
                e = start_reader_thread(r);
        if (e != 0)
                close_reader(r);
        return e;
}

/* Makes room for the contexts of ticks, if native stacks are wanted. False: there is no memory. */
static bool add_contexts(struct perf_reader *r)
{
        if (!r->machine || !r->sampler->config.native)
                return true;
        r->contexts = calloc(BATCH_MAX, sizeof *r->contexts);
        return r->contexts;
}

int perf_reader_open(const struct perf_reader *how, int cpu, struct perf_reader **ret)
{
        struct perf_reader *r = calloc(1, sizeof *r);

        if (!r)
                return -ENOMEM;
        r->sampler = how->sampler;
        r->machine = how->machine;
        r->ready = how->ready;
        r->cpu = cpu;
        jitter_init(&r->jitter);
        int e = add_contexts(r) ? open_events(r) : -ENOMEM;
        if (e != 0)
                free_reader(r);
        else
                *ret = r;
        return e;
}

uint64_t perf_reader_close(struct perf_reader *r)
{
        uint64_t one = 1;

        if (!r)
                return 0;
        if (write(r->stop_fd, &one, sizeof one) < 0)
                abort(); /* an eventfd that was just made takes a write */
        bool ended = post_join(&r->post);
        uint64_t lost = atomic_load(&r->lost);
        close_reader(r);
        if (ended)
                free_reader(r);
        else
                post_release(&r->post);
        return lost;
}

/* Starts a reader that goes on where the thread of @r hangs. NULL: it could not be started. */
static struct perf_reader *new_successor(const struct perf_reader *r)
{
        struct perf_reader *new = malloc(sizeof *new);

        if (!new)
                return NULL;
        *new = (struct perf_reader){ .sampler = r->sampler,
                                     .machine = r->machine,
                                     .ready = r->ready,
                                     .begun = r->begun,
                                     .cpu = r->cpu,
                                     .fd = r->fd,
                                     .stop_fd = r->stop_fd,
                                     .wait_fd = r->wait_fd,
                                     .ring = r->ring,
                                     .jitter = r->jitter,
                                     .vary_at_ns = r->vary_at_ns,
                                     .untold = r->untold,
                                     .lost = r->lost,
                                     .count_seen = r->count_seen };
        if (add_contexts(new) && start_reader_thread(new) == 0)
                return new;
        free_reader(new);
        return NULL;
}

bool perf_reader_relieve(struct perf_reader **reader)
{
        struct perf_reader *r = *reader;

        if (!post_relieve(&r->post))
                return false;
        *reader = new_successor(r);
        if (!*reader)
                close_reader(r);
        post_release(&r->post);
        return true;
}

/* At 1 Hz a clock starts up to a second after its reader. This number of looks may find it not started yet. */
#define LOOKS_BEFORE_START 3

/* The clock of a CPU that goes offline stays stopped when the CPU is back. */
bool perf_reader_has_stopped(struct perf_reader *r)
{
        uint64_t before = r->count_seen;
        bool stands = read(r->fd, &r->count_seen, sizeof r->count_seen) < 0 || r->count_seen == before;

        r->stands = stands ? r->stands + 1 : 0;
        return r->stands > (before == 0 ? LOOKS_BEFORE_START : 0);
}

void perf_reader_check(struct perf_reader *r)
{
        uint64_t turns = atomic_load(&r->turns);
        bool stands = turns == r->turns_seen && !perf_ring_is_empty(&r->ring);

        r->stalled = stands ? r->stalled + 1 : 0;
        r->turns_seen = turns;
}
