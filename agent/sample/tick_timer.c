/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer tick. It has absolute deadlines, and each interval is drawn anew against lockstep. Missed deadlines are
 * skipped and counted. It serves modes wall and gil, which also want threads that have no CPU, and mode cpu if perf
 * events are refused.
 */
#include "timer_modes.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

long timer_switches(void)
{
        struct rusage usage;

        return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw + usage.ru_nivcsw : -1;
}

/*
 * Sleeps until the tick is due. An overdue tick interrupts no thread, since the reader itself had the CPU: then
 * @tick->asks is false. The clock of the machine does not ask which thread it interrupts.
 */
static void await_tick(struct timer_tick *tick, uint64_t due)
{
        if (tick->home < 0) {
                reader_sleep_until(due);
                return;
        }
        long before = timer_switches();

        reader_sleep_until(due);
        tick->switches = timer_switches();
        tick->asks = tick->switches != before;
        tick->on_cpu_since = 0;
}

/* Lists the targets that this tick may meet. So the table's lock is not held while they are read. */
static void gather_due_targets(struct timer_tick *tick, struct moment *at, uint64_t missed)
{
        const struct timer_mode *mode = &timer_modes[tick->sampler->config.mode];
        struct sampler *s = tick->sampler;

        table_read(&s->lock);
        at->n_targets = HASH_COUNT(s->targets);
        bool room = visit_begin(&tick->due, at->n_targets);
        for (struct target *t = s->targets; t && room; t = t->hh.next) {
                uint64_t weight = mode->weigh ? mode->weigh(tick, t, at) : 1;
                if ((weight == 0 && missed == 0) || target_is_silent(t))
                        continue;
                visit_add(&tick->due, t, weight);
        }
        table_read_end(&s->lock);
}

static void tick_target(struct timer_tick *tick, struct target *t, struct moment *at, uint64_t missed)
{
        const struct timer_mode *mode = &timer_modes[tick->sampler->config.mode];

        if (target_lock(t) == TARGET_SILENT)
                return;
        profile_counters(t->profile)->late += missed;
        if (at->weight > 0 && mode->is_due(tick, t, at))
                mode->serve(tick, t, at);
        target_unlock(t);
}

/* False if this thread was relieved meanwhile. */
static bool tick_targets(struct timer_tick *tick, uint64_t due, uint64_t missed)
{
        struct moment at = { .due = due, .now = clock_ns(CLOCK_MONOTONIC) };

        at.elapsed = at.now - tick->last_ns;
        tick->last_ns = at.now;
        gather_due_targets(tick, &at, missed);
        post_enter(&tick->post);
        for (size_t i = 0; i < tick->due.n; i++) {
                struct target *t = visit_take(&tick->due, i);
                if (!t)
                        break; /* this thread was relieved */
                at.weight = tick->due.items[i].weight;
                tick_target(tick, t, &at, missed);
                target_put(t);
        }
        return post_leave(&tick->post);
}

/* ---- the clocks --------------------------------------------------------------------- */

/*
 * While this thread has its CPU, no other thread runs there. So the clock of a CPU stands still meanwhile. If it went
 * on, threads would be met too soon after the last tick, and too often for the time that they have used. False if this
 * thread was relieved.
 */
static bool run_clock(struct timer_tick *tick)
{
        bool stands = timer_modes[tick->sampler->config.mode].each_cpu;
        uint64_t due = tick->last_ns = clock_ns(CLOCK_MONOTONIC);

        while (!atomic_load(&tick->stop)) {
                uint64_t period = atomic_load(&tick->sampler->period_ns);
                due += tick->blocking && stands ? jitter_memoryless(&tick->jitter, period)
                                                : jitter_interval(&tick->jitter, period);
                await_tick(tick, due);
                uint64_t now = clock_ns(CLOCK_MONOTONIC);
                uint64_t missed = now > due + period ? (now - due) / period : 0;
                due += missed * period;
                if (!tick_targets(tick, due, missed))
                        return false;
                due += stands ? clock_ns(CLOCK_MONOTONIC) - now : 0;
                atomic_fetch_add(&tick->turns, 1);
        }
        return true;
}

static void *run_timer_thread(void *arg)
{
        struct timer_tick *tick = arg;

        post_begin(&tick->post);
        tick->realtime = reader_realtime();
        tick->newest_fd = -1;
        nsutil_newest_open(&tick->newest_fd);
        timer_cpu_begin(tick);
        sem_post(tick->ready);
        bool told = run_clock(tick);
        timer_cpu_end(tick);
        if (tick->newest_fd >= 0)
                close(tick->newest_fd);
        visit_deinit(&tick->due);
        struct sampler *s = tick->sampler;
        if (!told) {
                free(tick);
                post_end(s);
        }
        return NULL;
}

struct timer_engine {
        struct sampler *sampler;
        bool blocking;
        sem_t ready;
        bool each_cpu; /* each CPU has a clock; else there is one */
        size_t n;
        struct timer_tick *ticks[]; /* NULL: no thread could be started */
};

/* Starts the thread of clock @i. 0 or negative errno. */
static int start_clock(struct timer_engine *engine, size_t i)
{
        struct timer_tick *tick = calloc(1, sizeof *tick);

        engine->ticks[i] = NULL;
        if (!tick)
                return -ENOMEM;
        *tick = (struct timer_tick){ .sampler = engine->sampler,
                                     .blocking = engine->blocking,
                                     .home = engine->each_cpu ? (int)i : -1,
                                     .cpu = -1,
                                     .spare_from = timer_spare_from(),
                                     .ready = &engine->ready };
        jitter_init(&tick->jitter);
        int e = post_start(&tick->post, engine->sampler, run_timer_thread, tick);
        if (e != 0)
                free(tick);
        else
                engine->ticks[i] = tick;
        return -e;
}

/* Takes the targets that a relieved thread has not come to away from it, and lets the thread go on. */
static void drop_due_targets(struct timer_tick *tick)
{
        visit_drop(&tick->due);
        post_release(&tick->post);
}

static void relieve_clock(void *state, pid_t tid)
{
        struct timer_engine *engine = state;

        for (size_t i = 0; i < engine->n; i++) {
                struct timer_tick *tick = engine->ticks[i];
                if (!tick || atomic_load(&tick->post.tid) != tid || !post_relieve(&tick->post))
                        continue;
                start_clock(engine, i);
                drop_due_targets(tick);
        }
}

static void check_timer(void *state, struct sampler_health *ret)
{
        struct timer_engine *engine = state;

        *ret = (struct sampler_health){ 0 };
        for (size_t i = 0; i < engine->n; i++) {
                if (!engine->ticks[i] && start_clock(engine, i) != 0)
                        continue;
                struct timer_tick *tick = engine->ticks[i];
                uint64_t turns = atomic_load(&tick->turns);
                tick->stalled = turns == tick->turns_seen ? tick->stalled + 1 : 0;
                tick->turns_seen = turns;
                ret->stalled = tick->stalled > ret->stalled ? tick->stalled : ret->stalled;
        }
}

static void stop_timer(void *state)
{
        struct timer_engine *engine = state;

        for (size_t i = 0; i < engine->n; i++)
                if (engine->ticks[i])
                        atomic_store(&engine->ticks[i]->stop, true);
        for (size_t i = 0; i < engine->n; i++) {
                struct timer_tick *tick = engine->ticks[i];
                if (tick && post_join(&tick->post))
                        free(tick);
                else if (tick)
                        drop_due_targets(tick);
        }
        sem_destroy(&engine->ready);
        free(engine);
}

static struct timer_engine *new_engine(struct sampler *s, bool blocking)
{
        bool each_cpu = timer_modes[s->config.mode].each_cpu;
        size_t n = each_cpu ? (size_t)get_nprocs_conf() : 1;
        struct timer_engine *engine = calloc(1, sizeof *engine + n * sizeof *engine->ticks);

        if (!engine)
                return NULL;
        engine->sampler = s;
        engine->blocking = blocking;
        engine->each_cpu = each_cpu;
        engine->n = n;
        sem_init(&engine->ready, 0, 0);
        return engine;
}

static int start_clocks(struct sampler *s, bool blocking, void **ret, char *reason, size_t reason_size)
{
        struct timer_engine *engine = new_engine(s, blocking);
        bool realtime = true;

        if (!engine)
                return -ENOMEM;
        for (size_t i = 0; i < engine->n; i++) {
                int e = start_clock(engine, i);
                if (e != 0) {
                        snprintf(reason, reason_size, "a thread cannot be started: %s", strerror(-e));
                        stop_timer(engine);
                        return e;
                }
                while (sem_wait(&engine->ready) < 0)
                        ;
                realtime = realtime && engine->ticks[i]->realtime;
        }
        snprintf(s->description, sizeof s->description, "%s, %s",
                 blocking ? "timer tick, threads stopped by ptrace" : "timer tick", reader_realtime_text(realtime));
        *ret = engine;
        return 0;
}

static int start_not_blocking(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        return start_clocks(s, false, ret, reason, reason_size);
}

static int start_blocking(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        return start_clocks(s, true, ret, reason, reason_size);
}

const struct tick tick_timer = {
        .name = "timer",
        .engine = SAMPLE_ENGINE_TIMER,
        .start = start_not_blocking,
        .stop = stop_timer,
        .relieve = relieve_clock,
        .check = check_timer,
};

const struct tick tick_blocking = {
        .name = "blocking",
        .engine = SAMPLE_ENGINE_BLOCKING,
        .start = start_blocking,
        .stop = stop_timer,
        .relieve = relieve_clock,
        .check = check_timer,
};
