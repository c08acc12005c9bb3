/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel counts how often a process calls the function that frees code objects, by a breakpoint of the CPU. No memory
 * of the process is written, and it is not stopped: the kernel takes the exception, counts, and lets the thread go on.
 * That costs the thread time for each code object that is freed: 17 us on a virtual machine. Few programs free code objects
 * except those of modules that have been run. One that frees many is left alone for a while.
 *
 * It pays from some hundred samples a second on. Below, nothing of this is done.
 */
#include "each_thread.h"
#include "internal.h"
#include "perf_event.h"

#include <errno.h>
#include <unistd.h>

#define FREES_RATE_MIN 250

/* A process is counted when samples of it stand for this long, so that short ones are not. */
#define WORTH_NS 200000000u

/*
 * It is judged this often whether counting pays: at least half of the samples have to need no proofs, and what is freed may
 * take the process half a per cent of a CPU. The first judgement comes soon, for a process that frees many.
 */
#define JUDGE_FIRST_NS 50000000u
#define JUDGE_EVERY_NS 500000000u
#define FREES_PER_S_MAX 300
#define PAUSE_MIN_NS 1000000000u
#define PAUSE_MAX_NS 60000000000u

/* ---- whether this machine counts ------------------------------------------------------ */

#define TRIAL_CALLS 3

static __attribute__((noinline)) void be_called(void)
{
        __asm__ volatile("");
}

/* Some hypervisors accept breakpoints, and do nothing. */
static bool try_to_count(void)
{
        uint64_t count = 0;
        int fd = perf_open_calls(0, (uint64_t)(uintptr_t)be_called);

        if (fd < 0)
                return false;
        for (unsigned i = 0; i < TRIAL_CALLS; i++)
                be_called();
        bool counted = read(fd, &count, sizeof count) == sizeof count && count == TRIAL_CALLS;
        close(fd);
        return counted;
}

/* ---- counting ------------------------------------------------------------------------- */

static bool count_calls(void *ctx, uint64_t *ret)
{
        const struct frees *f = ctx;
        uint64_t sum = 0, count;

        for (unsigned i = 0; i < f->n; i++) {
                if (read(f->fds[i], &count, sizeof count) != sizeof count)
                        return false;
                sum += count;
        }
        *ret = sum;
        return true;
}

static void close_events(struct frees *f)
{
        while (f->n > 0)
                close(f->fds[--f->n]);
}

/* A thread that another one starts meanwhile may be counted twice. Only whether the sum stays counts. */
static int count_thread(pid_t tid, void *ctx)
{
        struct frees *f = ctx;

        if (f->n == FREES_THREADS_MAX)
                return -ENOSPC;
        int fd = perf_open_calls(tid, f->function);
        if (fd < 0)
                return fd == -ESRCH ? 0 : fd; /* the thread has ended */
        f->fds[f->n++] = fd;
        return 0;
}

static bool open_events(struct target *t, struct frees *f)
{
        unsigned n;

        if (f->function == 0 && (!try_to_count() || pystack_frees_find(t->py, &f->function) != 0))
                return false;
        if (each_thread(t->pid, count_thread, f, &n) == 0 && f->n > 0)
                return true;
        close_events(f);
        return false;
}

/* Takes what was counted since the last time. False if that is more than may be. */
static bool take_few(struct frees *f)
{
        uint64_t count, now = clock_ns(CLOCK_MONOTONIC), since = f->judged_ns, before = f->judged_count;

        if (!count_calls(f, &count))
                return false;
        f->judged_count = count;
        f->judged_ns = now;
        return (count - before) * 1000000000 <= FREES_PER_S_MAX * (now - since);
}

static void begin_counting(struct target *t)
{
        struct frees *f = &t->frees;
        bool opened = open_events(t, f);

        f->judged_count = 0;
        f->judged_ns = clock_ns(CLOCK_MONOTONIC);

        if (target_lock(t) == TARGET_SILENT)
                return;
        f->state = opened ? FREES_COUNTED : FREES_REFUSED;
        f->due_ns = f->judged_ns + JUDGE_FIRST_NS;
        if (opened)
                pystack_frees_watch(t->py, &(struct pystack_frees){ count_calls, f });
        target_unlock(t);
}

/* Ends counting for a while if it does not pay. */
static void judge_counting(struct target *t)
{
        struct frees *f = &t->frees;
        uint64_t stayed, changed;

        if (target_lock(t) == TARGET_SILENT)
                return;
        pystack_frees_tell(t->py, &stayed, &changed);
        f->due_ns = clock_ns(CLOCK_MONOTONIC) + JUDGE_EVERY_NS;
        bool pays = take_few(f) && stayed >= changed;
        if (!pays) {
                f->pause_ns = f->pause_ns == 0 ? PAUSE_MIN_NS : 2 * f->pause_ns;
                f->pause_ns = f->pause_ns > PAUSE_MAX_NS ? PAUSE_MAX_NS : f->pause_ns;
                f->due_ns += f->pause_ns;
                f->state = FREES_PAUSED;
                pystack_frees_watch(t->py, NULL);
        }
        target_unlock(t);
        if (!pays)
                close_events(f);
}

/* Readers add to @counted_ns under the target's lock, which not all callers hold. */
static bool is_to_be_looked_at(const struct target *t, const struct sampler *s)
{
        return __atomic_load_n(&t->counted_ns, __ATOMIC_RELAXED) >= WORTH_NS &&
               atomic_load(&s->period_ns) <= 1000000000u / FREES_RATE_MIN && t->frees.state != FREES_REFUSED &&
               clock_ns(CLOCK_MONOTONIC) >= t->frees.due_ns;
}

void frees_note(struct target *t, const struct sampler *s)
{
        if (is_to_be_looked_at(t, s))
                decoder_ask(t);
}

void frees_refresh_when_due(struct target *t, const struct sampler *s)
{
        if (!is_to_be_looked_at(t, s))
                return;
        if (t->frees.state == FREES_COUNTED)
                judge_counting(t);
        else
                begin_counting(t);
}

void frees_close(struct target *t)
{
        close_events(&t->frees);
}
