/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of refusals by process and field. Its memory is taken before the first refusal. Readers of several CPUs may
 * each have a refusal at the same moment. Then one refusal is kept, and the others are only counted. A thread that
 * hangs at a process may wake up at any time and have a refusal. If refusals are printed at that moment, that refusal
 * is only counted too. The table is never freed, since that thread may come late.
 */
#include "refusals.h"

#include "agent/command/cli/messages.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The number of different refusals that are kept: three for each of a thousand processes that are not Python. */
#define REFUSALS_MAX 3072
#define SLOTS 4096

struct slot {
        struct pystack_refusal first;
        uint64_t count; /* 0: the slot is free */
        size_t order;   /* the number of refusals that were kept before it */
        bool dropped;   /* it is not printed, unless it comes again */
};

static struct {
        struct slot *slots; /* by PID and field, open addressing; NULL: not made yet */
        size_t n;
        bool asked; /* refusals are to be kept */
        atomic_flag busy;
        _Atomic uint64_t left_out; /* refusals without room, or that met another thread at the table */
} kept = { .busy = ATOMIC_FLAG_INIT };

static struct slot *slot_of(pid_t pid, const char *field)
{
        size_t i = ((uintptr_t)field ^ (uint64_t)pid << 32) * 0x9e3779b97f4a7c15u >> 32 & (SLOTS - 1);

        while (kept.slots[i].count > 0 && (kept.slots[i].first.pid != pid || kept.slots[i].first.field != field))
                i = (i + 1) & (SLOTS - 1);
        return &kept.slots[i];
}

static void keep_refusal(void *ctx, const struct pystack_refusal *refusal)
{
        (void)ctx;
        if (atomic_flag_test_and_set(&kept.busy)) {
                kept.left_out++;
                return;
        }
        struct slot *slot = slot_of(refusal->pid, refusal->field);
        if (slot->count == 0 && kept.n == REFUSALS_MAX) {
                kept.left_out++;
        } else if (kept.asked && (slot->count == 0 || slot->dropped)) {
                *slot = (struct slot){ .first = *refusal, .count = 1, .order = slot->dropped ? slot->order : kept.n++ };
        } else if (kept.asked) {
                slot->count++;
        }
        atomic_flag_clear(&kept.busy);
}

void refusals_keep(void)
{
        if (!kept.slots)
                kept.slots = calloc(SLOTS, sizeof *kept.slots);
        kept.asked = kept.slots != NULL;
}

struct pystack_trace refusals_trace(void)
{
        return (struct pystack_trace){ .refused = kept.asked ? keep_refusal : NULL };
}

static int order_slots(const void *left, const void *right)
{
        const struct slot *a = *(struct slot *const *)left, *b = *(struct slot *const *)right;

        if (a->first.pid != b->first.pid)
                return a->first.pid < b->first.pid ? -1 : 1;
        return a->order < b->order ? -1 : 1;
}

static void say_refusal(const struct slot *slot)
{
        char line[PYSTACK_REFUSAL_SIZE], times[48] = "";

        pystack_refusal_text(&slot->first, line);
        if (slot->count > 1)
                snprintf(times, sizeof times, " (the first of %" PRIu64 ")", slot->count);
        say("process %d: refused: %s%s", slot->first.pid, line, times);
}

/* Prints the refusals of one process. @slots are its @n slots. */
static void say_process(struct slot *const *slots, size_t n)
{
        uint64_t more = 0;

        for (size_t i = 0; i < n && i < REFUSALS_SAID_MAX; i++)
                say_refusal(slots[i]);
        for (size_t i = REFUSALS_SAID_MAX; i < n; i++)
                more += slots[i]->count;
        if (more > 0)
                say("process %d: refused: %" PRIu64 " more, of %zu other fields", (*slots)->first.pid, more,
                    n - REFUSALS_SAID_MAX);
}

/* Waits for the table. A reader holds the table only while it copies a refusal. */
static void lock_table(void)
{
        while (atomic_flag_test_and_set(&kept.busy))
                sched_yield();
}

static void say_refusals(pid_t pid)
{
        struct slot **order = kept.n > 0 ? malloc(kept.n * sizeof(struct slot *)) : NULL;
        size_t n = 0;

        for (size_t i = 0; order && i < SLOTS; i++)
                if (kept.slots[i].count > 0 && !kept.slots[i].dropped && (pid == 0 || kept.slots[i].first.pid == pid))
                        order[n++] = &kept.slots[i];
        if (n > 0)
                qsort(order, n, sizeof *order, order_slots);
        for (size_t i = 0, end; i < n; i = end) {
                for (end = i; end < n && order[end]->first.pid == order[i]->first.pid;)
                        end++;
                say_process(order + i, end - i);
        }
        free(order);
}

void refusals_say(pid_t pid)
{
        lock_table();
        say_refusals(pid);
        atomic_flag_clear(&kept.busy);
        if (pid == 0 && kept.left_out > 0)
                say("%" PRIu64 " refusals were not kept", kept.left_out);
}

void refusals_drop(pid_t pid)
{
        lock_table();
        for (size_t i = 0; kept.slots && i < SLOTS; i++)
                if (kept.slots[i].count > 0 && kept.slots[i].first.pid == pid)
                        kept.slots[i].dropped = true;
        atomic_flag_clear(&kept.busy);
}

void refusals_end(void)
{
        lock_table();
        if (kept.slots)
                memset(kept.slots, 0, SLOTS * sizeof *kept.slots);
        kept.asked = false;
        kept.n = 0;
        kept.left_out = 0;
        atomic_flag_clear(&kept.busy);
}
