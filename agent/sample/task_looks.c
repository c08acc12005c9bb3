/* SPDX-License-Identifier: Apache-2.0 */
/* Samples tasks that wait: see task_looks.h. */
#include "task_looks.h"

#include "internal.h"
#include "pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The part of the time that looks take at most, and the pauses between two looks at one target. */
#define LOOK_SHARE 200
#define PAUSE_MIN_NS 100000000u
#define PAUSE_MAX_NS 30000000000u

/* CPU time of one look. 10 000 tasks take some 0.3 s. */
#define LOOK_CPU_NS 1000000000u

/* What the code objects of tasks take while a look lasts. */
#define LOOK_BYTES ((size_t)4 << 20)

/* A frame, named outside of the target's lock. */
struct named_frame {
        char *name, *file;
        uint32_t first_line, line;
};

/* A look that is being taken. */
struct task_look {
        struct target *target;
        const struct sampler *sampler;
        uint64_t ns, count; /* that each task counts for */
        struct named_frame frames[PYSTACK_MAX_FRAMES];
        size_t n;
        struct pystack_text text;
};

/* ---- one task ------------------------------------------------------------------------------------ */

static struct reason_frame show_frame(void *ctx, size_t i)
{
        const struct task_look *look = ctx;

        return (struct reason_frame){ look->frames[i].name, look->frames[i].file };
}

static void free_frames(struct task_look *look)
{
        for (size_t i = 0; i < look->n; i++) {
                free(look->frames[i].name);
                free(look->frames[i].file);
        }
        look->n = 0;
}

static bool name_stack(struct task_look *look, const struct pystack *py, const struct pystack_frame *frames, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct named_frame *f = &look->frames[i];
                pystack_text(frames[i].code, &look->text);
                *f = (struct named_frame){ .name = strdup(look->text.name),
                                           .file = strdup(look->text.file),
                                           .first_line = frames[i].code->first_line,
                                           .line = pystack_line_apart(py, &frames[i]) };
                look->n++;
                if (!f->name || !f->file)
                        return false;
        }
        return true;
}

/* The leaf frame: why the task does not run. */
static void name_reason(const struct task_look *look, const struct pystack_task *task, char *ret, size_t size)
{
        const struct reason_stack stack = { task->n, show_frame, (void *)(uintptr_t)look };
        const struct reason_task reason = reason_task_of(task, &stack);
        static const char *const texts[REASON_TASK_KINDS] = {
                [REASON_TASK_SLEEP] = "[sleeps]",
                [REASON_TASK_READY] = "[waits: event loop]",
                [REASON_TASK_NEW] = "[waits: event loop]",
                [REASON_TASK_UNKNOWN] = "[waits: unknown]",
        };

        if (texts[reason.kind])
                snprintf(ret, size, "%s", texts[reason.kind]);
        else
                snprintf(ret, size, "[waits: %s]", reason.what ? reason.what : reason_task_word(reason.kind));
}

static int intern_task(struct task_look *look, const char *reason, bool truncated, profile_id *ret)
{
        struct profile *p = look->target->profile;
        profile_id ids[PYSTACK_MAX_FRAMES + 2], function;
        size_t n = 0;

        ids[n++] = stacks_pseudo_frame(p, reason);
        if (truncated)
                ids[n++] = stacks_pseudo_frame(p, "(truncated)");
        for (size_t i = 0; i < look->n; i++) {
                const struct named_frame *f = &look->frames[i];
                int r = profile_intern_function(p, f->name, f->file, f->first_line, &function);
                if (r == 0)
                        r = profile_intern_frame(p, function, f->line, &ids[n++]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n; i++)
                if (!ids[i])
                        return -ENOSPC;
        return profile_intern_stack(p, ids, n, ret);
}

/* What has no room in the profile is counted as failed. */
static void count_task(struct task_look *look, const char *reason, bool truncated)
{
        struct pending found = { .state = PROFILE_IDLE, .count = look->count, .ns = look->ns };
        struct profile_counters *counters = profile_counters(look->target->profile);

        memory_bound_profile(look->target, look->sampler->config.profile_bytes);
        if (intern_task(look, reason, truncated, &found.stack) < 0)
                found.stack = 0;
        counters->accounted_ns += look->ns;
        counters->ticks += look->count;
        pending_count(look->target, &found);
}

/* Tasks or greenlets that changed while they were read: they are counted as torn. */
static void count_unread(struct task_look *look, uint64_t n)
{
        struct target *t = look->target;

        if (target_lock(t) == TARGET_SILENT)
                return;
        struct profile_counters *counters = profile_counters(t->profile);
        counters->accounted_ns += n * look->ns;
        counters->ticks += n * look->count;
        pending_lose(counters, PYSTACK_E_TORN, n * look->count, n * look->ns);
        target_unlock(t);
}

/* Counts what @look has the frames of, and forgets them. False: the target does not answer. */
static bool count_waiting(struct task_look *look, const char *reason, bool truncated)
{
        struct target *t = look->target;
        bool locked = target_lock(t) != TARGET_SILENT;

        if (locked) {
                memory_prepare(t);
                count_task(look, reason, truncated);
                memory_return(t);
                target_unlock(t);
        }
        free_frames(look);
        return locked;
}

static bool take_task(void *ctx, const struct pystack_task *task)
{
        struct task_look *look = ctx;
        char reason[64];

        if (task->state == PYSTACK_TASK_RUNS)
                return true; /* its thread's samples have it */
        if (!name_stack(look, look->target->looks.py, task->stack, task->stack_n)) {
                free_frames(look);
                return false;
        }
        name_reason(look, task, reason, sizeof reason);
        return count_waiting(look, reason, task->truncated);
}

/* What a greenlet waits for, its frames do not say: another one has to switch to it. */
#define GREENLET_REASON "[waits: switch]"

/* A thread's own greenlet waits with its thread, whose stack has it. */
static bool take_greenlet(void *ctx, const struct pystack_greenlet *g)
{
        struct task_look *look = ctx;
        struct named_frame *mark;

        if (g->state != PYSTACK_GREENLET_SUSPENDED || g->main || g->n == 0)
                return true;
        if (!name_stack(look, look->target->looks.py, g->frames, g->n)) {
                free_frames(look);
                return false;
        }
        mark = &look->frames[look->n++];
        *mark = (struct named_frame){ .name = strdup(PYSTACK_GREENLET_MARK), .file = strdup("") };
        if (!mark->name || !mark->file) {
                free_frames(look);
                return false;
        }
        return count_waiting(look, GREENLET_REASON, g->truncated);
}

/* ---- one look ------------------------------------------------------------------------------------ */

static bool open_tasks(struct target *t, const struct sampler *s)
{
        struct task_looks *looks = &t->looks;

        if (!looks->py && pystack_again(t->py, &looks->py) != 0)
                return false;
        pystack_tasks_want(looks->py, s->config.tasks);
        pystack_limit_bytes(looks->py, LOOK_BYTES);
        if (!looks->ready)
                looks->ready = pystack_tasks_read(looks->py, NULL, NULL, NULL) == 0;
        if (!looks->has_greenlets)
                looks->has_greenlets = pystack_greenlets_read(looks->py, NULL, NULL, NULL) == 0;
        return looks->ready || looks->has_greenlets;
}

/* The samples that the time stands for: at least one. What is too much is left out of the next looks. */
static uint64_t count_periods(struct task_looks *looks, uint64_t period, uint64_t ns)
{
        int64_t count = (looks->excess_ns + (int64_t)ns) / (int64_t)period;

        count = count > 1 ? count : 1;
        looks->excess_ns += (int64_t)ns - count * (int64_t)period;
        return (uint64_t)count;
}

static void look_at_all(struct target *t, const struct sampler *s, uint64_t now)
{
        struct task_look *look = calloc(1, sizeof *look);
        struct pystack_tasks_seen seen = { 0 };
        struct pystack_greenlets_seen greenlets = { 0 };

        if (!look)
                return;
        look->target = t;
        look->sampler = s;
        look->ns = now - t->looks.since_ns;
        look->count = count_periods(&t->looks, atomic_load(&s->period_ns), look->ns);
        t->looks.since_ns = now;
        if (t->looks.ready && pystack_tasks(t->looks.py, LOOK_CPU_NS, true, take_task, look, &seen) >= 0 &&
            seen.unread > 0)
                count_unread(look, seen.unread);
        if (t->looks.has_greenlets &&
            pystack_greenlets(t->looks.py, LOOK_CPU_NS, take_greenlet, look, &greenlets) >= 0 && greenlets.unread > 0)
                count_unread(look, greenlets.unread);
        pystack_trim(t->looks.py);
        free(look);
}

/* A process without tasks is looked at less and less. */
static void plan_next(struct task_looks *looks, bool found, uint64_t begin)
{
        uint64_t end = clock_ns(CLOCK_MONOTONIC), pause = (end - begin) * LOOK_SHARE;

        looks->pause_ns = found ? PAUSE_MIN_NS : 2 * looks->pause_ns;
        if (looks->pause_ns < PAUSE_MIN_NS)
                looks->pause_ns = PAUSE_MIN_NS;
        if (looks->pause_ns > PAUSE_MAX_NS)
                looks->pause_ns = PAUSE_MAX_NS;
        atomic_store(&looks->due_ns, end + (pause > looks->pause_ns ? pause : looks->pause_ns));
}

void task_looks_take(struct target *t, const struct sampler *s)
{
        struct task_looks *looks = &t->looks;

        if (!looks->wanted)
                return;
        pthread_mutex_lock(&looks->turn);
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);
        bool found = open_tasks(t, s);
        if (found && begin > looks->since_ns)
                look_at_all(t, s, begin);
        plan_next(looks, found, begin);
        pthread_mutex_unlock(&looks->turn);
}

void task_looks_open(struct target *t, bool wanted)
{
        t->looks.wanted = wanted;
        t->looks.since_ns = clock_ns(CLOCK_MONOTONIC);
        pthread_mutex_init(&t->looks.turn, NULL);
}

void task_looks_close(struct target *t)
{
        pystack_close(t->looks.py);
        pthread_mutex_destroy(&t->looks.turn);
}

/* ---- the thread ----------------------------------------------------------------------------------- */

/* Targets that are looked at in a round. The others come in the next one. */
#define ROUND_TARGETS 64

static size_t list_due_targets(struct sampler *s, struct target *ret[static ROUND_TARGETS])
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        size_t n = 0;

        table_read(&s->lock);
        for (struct target *t = s->targets; t && n < ROUND_TARGETS; t = t->hh.next) {
                if (target_is_silent(t) || !t->looks.wanted || now < atomic_load(&t->looks.due_ns))
                        continue;
                target_use(t);
                ret[n++] = t;
        }
        table_read_end(&s->lock);
        return n;
}

static void *run_looker(void *arg)
{
        struct looker *l = arg;
        struct target *targets[ROUND_TARGETS];

        while (!atomic_load(&l->stop)) {
                const struct timespec at = clock_after(CLOCK_MONOTONIC, PAUSE_MIN_NS);
                size_t n = list_due_targets(l->sampler, targets);
                for (size_t i = 0; i < n; i++) {
                        if (!atomic_load(&l->stop))
                                errand_look_at_tasks(l->sampler, targets[i]);
                        target_put(targets[i]);
                }
                int r = sem_clockwait(&l->stopped, CLOCK_MONOTONIC, &at);
                (void)r; /* whatever has woken it, it looks */
        }
        return NULL;
}

int looker_open(struct looker *l, struct sampler *s)
{
        l->sampler = s;
        sem_init(&l->stopped, 0, 0);
        int e = pthread_create(&l->thread, NULL, run_looker, l);
        l->running = e == 0;
        return -e;
}

void looker_close(struct looker *l)
{
        if (!l->running)
                return;
        atomic_store(&l->stop, true);
        sem_post(&l->stopped);
        pthread_join(l->thread, NULL);
        l->running = false;
}

void looker_deinit(struct looker *l)
{
        if (l->sampler)
                sem_destroy(&l->stopped);
}
