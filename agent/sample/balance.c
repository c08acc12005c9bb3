/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of a target in mode cpu: the CPU time that the process used, as the kernel accounts it. A process that was
 * born after the sampler was opened is accounted from its birth. A process that was removed and has come back is
 * accounted from its removal, and any other process from now. In mode wall by switches, the books have the CPU time from
 * now on, beside the waits.
 */
#include "internal.h"

#include <math.h>

static const struct departed *get_departed(const struct sampler *s, const struct account *account)
{
        for (size_t i = 0; i < DEPARTED_MAX; i++)
                if (s->departed[i].pid == account->pid && s->departed[i].start_time == account->start_time)
                        return &s->departed[i];
        return NULL;
}

void balance_open(struct target *t, struct sampler *s)
{
        struct profile_counters *counters = profile_counters(t->profile);
        struct nsutil_stat stat = { 0 };
        bool born = nsutil_stat_read(t->pid, &stat) == 0 && stat.start_time >= s->opened_ticks;

        account_open(&t->account, t->pid, born);
        t->start_time = stat.start_time;
        t->start_stack = stat.start_stack;
        t->opened_cpu_ns = t->account.cpu_ns;
        t->switches.cpu_ns = t->account.cpu_ns;
        if (s->config.mode != PROFILE_MODE_CPU)
                return;
        const struct departed *departed = get_departed(s, &t->account);
        uint64_t from = departed ? departed->cpu_ns : born ? 0 : t->account.cpu_ns;
        counters->accounted_ns = t->account.cpu_ns - from;
        if (born && !departed && adoptions_is_copy(s, &stat))
                t->opened_cpu_ns = 0; /* a tick that had met it before would have added it */
        else
                counters->unopened_ns = counters->accounted_ns;
}

/* Corrections are spread. Many in a row would all meet the same call of a function. */
#define CORRECT_EVERY 4

/* A correction makes up for one tick, and for one more for each of this number of ticks that are missing. */
#define FAR_BEHIND 16

/* Chance leaves a difference of sqrt(n) ticks. A quarter of that, and one tick, may stay. */
#define CHANCE_DIVISOR 4

/*
 * Reading a thread has an effect: when the reader sleeps again, the scheduler chooses anew. So on a crowded CPU and at
 * high rates, ticks meet threads that run for long too often, and short ones too rarely. A busy loop among 12 others
 * was met a quarter too often at 1000 Hz. The blocking engine loses the ticks that come while it waits for a stop. If
 * the ticks differ from the account by more than a quarter of what chance explains, and one tick, every fourth tick
 * corrects the rest: that tick counts more than once, or not at all. This does not depend on the function that the tick
 * meets, so shares stay true.
 */
uint64_t balance_steer(struct target *t, const struct tick_event *event)
{
        if (!event->meets_all)
                return 1;
        if (account_read_at_tick(&t->account, event->at_ns)) {
                double period = (double)event->ns;
                double used = (double)(t->account.cpu_ns - t->opened_cpu_ns) / period;
                double behind = used - (double)t->ticked_ns / period, chance = sqrt(used) / CHANCE_DIVISOR + 1;
                t->correction = (int64_t)(behind > chance ? behind - chance : behind < -chance ? behind + chance : 0);
        }
        if (++t->uncorrected < CORRECT_EVERY)
                return 1;
        t->uncorrected = 0;
        int64_t add = t->correction > 0 ? 1 + t->correction / FAR_BEHIND : t->correction < 0 ? -1 : 0;
        t->correction -= add;
        return (uint64_t)(1 + add);
}

void balance_book(struct target *t, const struct sampler *s)
{
        if (s->config.mode == PROFILE_MODE_CPU || s->by_switches)
                profile_counters(t->profile)->accounted_ns += account_book(&t->account);
}
