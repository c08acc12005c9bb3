/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sampler: the table of targets, and the tick that reads them. Each tick reads the table. The table is written when
 * a process comes or goes. The table is not locked while a process is opened, so readers never wait for long.
 */
#include "own_events.h"
#include "tasks.h"

#include "agent/symbol/symbol.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The engines, best first. Engine perf does not look for the GIL. The user has to ask for the blocking engine. */
static const struct {
        const struct tick *tick;
        bool serves_gil;
        bool on_demand;
} engines[] = {
        { .tick = &tick_perf },
        { .tick = &tick_timer, .serves_gil = true },
        { .tick = &tick_blocking, .serves_gil = true, .on_demand = true },
};

static bool is_eligible(const struct sample_config *config, size_t i)
{
        bool for_gil = config->mode == PROFILE_MODE_GIL || config->mode == PROFILE_MODE_BLAME;
        if (for_gil && !engines[i].serves_gil)
                return false;
        return config->engine == SAMPLE_ENGINE_AUTO ? !engines[i].on_demand : engines[i].tick->engine == config->engine;
}

static int start_tick(struct sampler *s, char *reason, size_t reason_size)
{
        int r = SAMPLE_E_ENGINE;

        snprintf(reason, reason_size, "this engine does not serve mode %s", profile_mode_name(s->config.mode));
        for (size_t i = 0; r == SAMPLE_E_ENGINE && i < sizeof engines / sizeof *engines; i++) {
                if (!is_eligible(&s->config, i))
                        continue;
                s->tick = engines[i].tick;
                r = s->tick->start(s, &s->tick_state, reason, reason_size);
                if (r == SAMPLE_E_ENGINE)
                        snprintf(s->refused, sizeof s->refused, "%s", reason);
        }
        return r;
}

static bool looks_at_tasks(const struct sampler *s)
{
        return s->config.mode == PROFILE_MODE_WALL && s->config.tasks != PYSTACK_TASKS_OFF;
}

static void stop_helpers(struct sampler *s)
{
        looker_close(&s->looker);
        namer_close(&s->namer);
        decoder_close(&s->decoder);
}

static int start_helpers(struct sampler *s, char *reason, size_t reason_size)
{
        int r = decoder_open(&s->decoder, s);

        if (r != 0)
                return r;
        if (s->config.threads)
                r = namer_open(&s->namer, s);
        if (r == 0 && looks_at_tasks(s))
                r = looker_open(&s->looker, s);
        if (r < 0)
                stop_helpers(s);
        if (r < 0)
                snprintf(reason, reason_size, "a thread cannot be started: %s", strerror(-r));
        return r;
}

static int start_threads(struct sampler *s, char *reason, size_t reason_size)
{
        int r = start_helpers(s, reason, reason_size);

        if (r != 0)
                return r;
        r = start_tick(s, reason, reason_size);
        if (r == 0 && (r = watchdog_start(s)) != 0)
                s->tick->stop(s->tick_state);
        if (r != 0)
                stop_helpers(s);
        return r;
}

static void free_sampler(struct sampler *s)
{
        symbols_free(s->symbols);
        symbols_kernel_close(s->kernel);
        looker_deinit(&s->looker);
        namer_deinit(&s->namer);
        decoder_deinit(&s->decoder);
        adoptions_deinit(&s->adoptions);
        table_deinit(&s->lock);
        pthread_mutex_destroy(&s->engine);
        free(s);
}

/* What the tables of symbols take at most. That of a large library has 10 MB. */
#define SYMBOLS_BYTES ((size_t)32 << 20)

/* Without the kernel's names there are addresses. */
static int open_symbols(struct sampler *s)
{
        if (!s->config.native)
                return 0;
        s->symbols = symbols_new(SYMBOLS_BYTES);
        if (s->config.kernel)
                symbols_kernel_open(s->config.kallsyms, &s->kernel);
        return s->symbols ? 0 : -ENOMEM;
}

int sampler_open(const struct sample_config *config, struct sampler **ret, char *reason, size_t reason_size)
{
        struct sampler *s = calloc(1, sizeof *s);

        if (!s)
                return -ENOMEM;
        s->config = *config;
        s->opened_ticks = clock_ns(CLOCK_BOOTTIME) / (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
        atomic_init(&s->period_ns, 1000000000u / config->rate);
        table_init(&s->lock);
        adoptions_init(&s->adoptions);
        nsutil_freezers_find(&s->freezers); /* if it fails, no freezer is known */
        pthread_mutex_init(&s->engine, NULL);
        int r = open_symbols(s);
        if (r == 0)
                r = start_threads(s, reason, reason_size);
        if (r != 0)
                free_sampler(s);
        else
                *ret = s;
        return r;
}

void sampler_close(struct sampler *s)
{
        struct target *t, *next;

        if (!s)
                return;
        pthread_mutex_lock(&s->engine);
        s->closing = true;
        pthread_mutex_unlock(&s->engine);
        s->tick->stop(s->tick_state);
        stop_helpers(s); /* before the watchdog, which tells the decoder of targets that are silent */
        watchdog_stop(s);
        HASH_ITER(hh, s->targets, t, next) {
                HASH_DEL(s->targets, t);
                if (atomic_load(&s->strays) > 0)
                        atomic_store(&t->silent, true); /* then a thread that wakes up here makes no more requests */
                target_put(t);
        }
        if (atomic_load(&s->strays) == 0) /* else a thread may wake up that uses the sampler */
                free_sampler(s);
}

const char *sampler_describe(const struct sampler *s)
{
        return s->description;
}

const char *sampler_refused(const struct sampler *s)
{
        return s->refused;
}

bool sampler_tells_native(const struct sampler *s, const char **ret_reason)
{
        bool machine = s->tick == &tick_perf && s->meets_all;

        *ret_reason =
                !machine ? "clock events of every CPU (CAP_PERFMON, and engine perf)"
                : !s->realtime
                        ? "readers that come before all else on their CPU: SCHED_FIFO (CAP_SYS_NICE)"
                        : "readers that can prove that they ran all the time: rseq(2), which the C library registers";
        return machine && s->realtime && s->holds;
}

uint64_t sampler_without_task(const struct sampler *s)
{
        return atomic_load(&s->without_task);
}

void sampler_unmerged(const struct sampler *s, uint64_t ret[static PYSTACK_UNMERGED_REASONS])
{
        for (unsigned i = 0; i < PYSTACK_UNMERGED_REASONS; i++)
                ret[i] = atomic_load(&s->unmerged[i]);
}

int sampler_insert(struct sampler *s, struct target *t, bool now)
{
        struct target *present;

        if (!now)
                table_write(&s->lock);
        else if (!table_try_write(&s->lock))
                return -EBUSY;
        HASH_FIND_INT(s->targets, &t->pid, present);
        if (!present)
                HASH_ADD_INT(s->targets, pid, t);
        int r = !present ? t->hh.tbl ? 0 : -ENOMEM : present->start_time == t->start_time ? -EEXIST : -EBUSY;
        table_write_end(&s->lock);
        return r;
}

static int add_process(struct sampler *s, pid_t pid, struct pystack *py, bool python_only, struct sample_target *ret)
{
        struct target *t;
        int r = target_new(pid, py, s, &t);

        if (r < 0)
                return r;
        tasks_begin(t, s);
        t->python_only = python_only;
        if (target_is_mixed(t, s))
                pystack_native_read(py, NULL, NULL, NULL); /* if it fails, stacks stay without C code */
        pthread_mutex_lock(&s->engine);
        if (s->tick->add)
                r = s->tick->add(s->tick_state, t);
        pthread_mutex_unlock(&s->engine);
        *ret = (struct sample_target){ t->pid, t->start_time };
        if (r == 0)
                r = sampler_insert(s, t, false);
        if (r == 0)
                return 0;
        t->py = NULL;
        target_free(t);
        return r;
}

int sampler_add(struct sampler *s, pid_t pid, struct pystack *py, struct sample_target *ret)
{
        return add_process(s, pid, py, false, ret);
}

int sampler_add_python_only(struct sampler *s, pid_t pid, struct pystack *py, struct sample_target *ret)
{
        return add_process(s, pid, py, true, ret);
}

void target_tick(struct target *t, const struct sampler *s, const struct tick_event *event)
{
        struct tick_event counted = *event;

        if (s->by_switches) {
                counted.ns = switches_weigh_tick(t, s, &counted.count);
                target_add_late(t, event->late, 0);
        } else {
                counted.count = balance_steer(t, event) * event->count;
                counted.ns = counted.count * event->ns;
                t->ticked_ns += counted.ns + event->late * event->ns;
                target_add_late(t, event->late, event->ns);
        }
        if (counted.ns > 0)
                target_read(t, s, &counted, PROFILE_RUNNING);
        if (event->jitter)
                own_events_vary(t, event->event_id, event->tid, event->at_ns, event->ns, event->jitter);
}

static bool tick_if_target(struct sampler *s, const struct tick_event *event)
{
        struct target *t = sampler_get(s, event->pid);
        struct tick_event had = *event;

        if (!t)
                return false;
        enum target_held held = target_lock(t);
        had.left = held == TARGET_HELD_LATE;
        if (held != TARGET_SILENT) {
                target_tick(t, s, &had);
                target_unlock(t);
        }
        target_put(t);
        return true;
}

bool sampler_tick(struct sampler *s, const struct tick_event *event)
{
        if (tick_if_target(s, event))
                return true;
        return sampler_adopts(s) && adoptions_take(s, event) && tick_if_target(s, event);
}

/* ---- the whole -------------------------------------------------------------- */

uint64_t sampler_period_ns(const struct sampler *s, uint64_t at_ns)
{
        return at_ns < atomic_load(&s->period_since_ns) ? atomic_load(&s->period_before_ns)
                                                        : atomic_load(&s->period_ns);
}

void sampler_set_rate(struct sampler *s, unsigned rate)
{
        uint64_t period = 1000000000u / rate;

        if (period == atomic_load(&s->period_ns))
                return;
        s->config.rate = rate;
        atomic_store(&s->period_before_ns, atomic_load(&s->period_ns));
        atomic_store(&s->period_ns, period);
        atomic_store(&s->period_since_ns, clock_ns(CLOCK_MONOTONIC));
        pthread_mutex_lock(&s->engine);
        if (s->tick->set_period)
                s->tick->set_period(s->tick_state);
        pthread_mutex_unlock(&s->engine);
}

void sampler_limit_memory(struct sampler *s, size_t bytes)
{
        atomic_store(&s->memory.max, bytes);
}

struct sampler_memory sampler_memory(const struct sampler *s)
{
        return (struct sampler_memory){ .max = atomic_load(&s->memory.max),
                                        .leased = atomic_load(&s->memory.leased),
                                        .refused = atomic_load(&s->memory.refused) };
}

/* False if the timer cannot be started: then the engine goes on. */
static bool go_over_to_timer(struct sampler *s)
{
        void *timer;

        if (tick_timer.start(s, &timer, s->refused, sizeof s->refused) != 0)
                return false;
        s->tick->stop(s->tick_state);
        s->by_switches = s->meets_all = false;
        s->tick = &tick_timer;
        s->tick_state = timer;
        return true;
}

void sampler_check(struct sampler *s, struct sampler_health *ret)
{
        pthread_mutex_lock(&s->engine);
        s->tick->check(s->tick_state, ret);
        if ((ret->too_costly > 0 || ret->too_many > 0) && (s->closing || !go_over_to_timer(s)))
                ret->too_costly = ret->too_many = 0;
        pthread_mutex_unlock(&s->engine);
}
