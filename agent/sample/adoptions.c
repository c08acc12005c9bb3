/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader whose tick has met a copy of a target adds the copy. That takes the reader 200 us. A thread that watches
 * births would need a CPU first. On a crowded machine it gets one only when a child of 20 ms has ended already.
 *
 * A process that has executed a program is no copy. The address of its stack tells that, since the kernel draws the
 * address anew for each program. Without address space randomisation the address may stay the same. Then pystack finds
 * no interpreter in another program, or it finds the same interpreter.
 */
#include "internal.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The number of generations between a copy and its target at most. No tick has met the processes between. */
#define GENERATIONS_MAX 8

/*
 * How long a PID counts as another program. A later process may get the PID, or the process's parent may become a
 * target.
 */
#define OTHER_PROGRAM_MS 50

/* The number of copies that wait for sampler_adopted() at most. Only a fork bomb makes more. */
#define ADOPTED_MAX 65536

void adoptions_init(struct adoptions *a)
{
        inheriting_lock_init(&a->lock);
}

void adoptions_deinit(struct adoptions *a)
{
        pthread_mutex_destroy(&a->lock);
        free(a->items);
}

/* ---- other programs ------------------------------------------------------------------------ */

static uint64_t monotonic_ms(void)
{
        return clock_ns(CLOCK_MONOTONIC) / 1000000u;
}

static bool is_other_program(struct adoptions *a, pid_t pid)
{
        uint64_t known = atomic_load(&a->other_programs[(unsigned)pid % OTHER_PROGRAMS]);

        return (pid_t)(known & UINT32_MAX) == pid && monotonic_ms() < known >> 32;
}

static void note_other_program(struct adoptions *a, pid_t pid)
{
        atomic_store(&a->other_programs[(unsigned)pid % OTHER_PROGRAMS],
                     (monotonic_ms() + OTHER_PROGRAM_MS) << 32 | (uint32_t)pid);
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* The target that the process is a copy of, or NULL. The table's lock is held. */
static struct target *original_target_of(const struct sampler *s, const struct nsutil_stat *stat)
{
        struct nsutil_stat at = *stat;
        struct target *t = NULL;

        for (unsigned i = 0; !t && i < GENERATIONS_MAX; i++) {
                pid_t parent = at.ppid;
                HASH_FIND_INT(s->targets, &parent, t);
                if (!t && (parent <= 1 || nsutil_stat_read(parent, &at) != 0 || at.start_stack != stat->start_stack))
                        return NULL;
        }
        return t && stat->start_stack != 0 && t->start_stack == stat->start_stack ? t : NULL;
}

bool sampler_adopts(const struct sampler *s)
{
        return s->config.adopts && s->meets_all;
}

bool adoptions_is_copy(struct sampler *s, const struct nsutil_stat *stat)
{
        if (!sampler_adopts(s))
                return false;
        table_read(&s->lock);
        bool found = original_target_of(s, stat) != NULL;
        table_read_end(&s->lock);
        return found;
}

/* A child of vfork(2) has its parent's memory, and is about to execute a program. */
static bool has_memory_of(pid_t child, pid_t parent)
{
        return syscall(SYS_kcmp, parent, child, KCMP_VM, 0, 0) == 0;
}

/* Opens the process if it is a copy. NULL: it is no copy, or it cannot be read now. Then the next tick may read it. */
static struct pystack *open_copy(struct sampler *s, const struct nsutil_stat *stat, bool *ret_python_only)
{
        struct pystack *py = NULL;

        table_read(&s->lock);
        struct target *t = original_target_of(s, stat);
        if (t)
                target_use(t);
        table_read_end(&s->lock);
        if (!t) {
                note_other_program(&s->adoptions, stat->pid);
                return NULL;
        }
        *ret_python_only = t->python_only;
        if (target_lock(t) != TARGET_SILENT) {
                if (has_memory_of(stat->pid, t->pid) || pystack_fork(t->py, stat->pid, &py) != 0)
                        py = NULL;
                target_unlock(t);
        }
        target_put(t);
        return py;
}

static bool list_adopted(struct adoptions *a, const struct sample_target *target)
{
        pthread_mutex_lock(&a->lock);
        if (a->n == a->cap && a->cap < ADOPTED_MAX) {
                size_t cap = a->cap ? 2 * a->cap : 64;
                struct sample_target *items = reallocarray(a->items, cap, sizeof *items);
                if (items) {
                        a->items = items;
                        a->cap = cap;
                }
        }
        bool told = a->n < a->cap;
        if (told)
                a->items[a->n++] = *target;
        pthread_mutex_unlock(&a->lock);
        return told;
}

bool sampler_adopted(struct sampler *s, struct sample_target *ret)
{
        struct adoptions *a = &s->adoptions;

        pthread_mutex_lock(&a->lock);
        bool any = a->n > 0;
        if (any)
                *ret = a->items[--a->n];
        pthread_mutex_unlock(&a->lock);
        return any;
}

bool adoptions_take(struct sampler *s, const struct tick_event *event)
{
        struct nsutil_stat stat;
        struct target *t;
        bool python_only = false;

        if (is_other_program(&s->adoptions, event->pid))
                return false;
        struct pystack *py = nsutil_stat_read(event->pid, &stat) == 0 ? open_copy(s, &stat, &python_only) : NULL;
        if (!py)
                return false;
        if (target_new(event->pid, py, s, &t) < 0) {
                pystack_close(py);
                return false;
        }
        t->python_only = python_only;
        const struct sample_target named = { t->pid, t->start_time }; /* once inserted, it may be removed */
        int e = sampler_insert(s, t, true);
        if (e != 0)
                target_free(t); /* added by somebody else meanwhile, or the table is in use */
        return e == -EEXIST || (e == 0 && list_adopted(&s->adoptions, &named));
}
