/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is looked at every millisecond after it has executed a program, and less often as the program gets older.
 * It is looked at as long as it lives: at least every 50 ms for whether it has executed another program, and about
 * every 500 ms for whether it has loaded an interpreter.
 *
 * An exec shows in the address of the stack, which the kernel draws anew for each program. It does not show if address
 * space randomisation is switched off.
 */
#include "appear.h"
#include "target.h"

#include "refusals.h"

#include "agent/base/base.h"

#include "nsutil/nsutil.h"

#include <string.h>

#define NS_PER_MS 1000000u

/* The longest pause between two looks at what program it is, before and after its interpreter is found */
#define LOOK_MAX_NS (10 * NS_PER_MS)
#define FOUND_MAX_NS (50 * NS_PER_MS)
#define OPEN_MAX_NS (100 * NS_PER_MS)  /* between two attempts to open it */
#define OTHER_MAX_NS (500 * NS_PER_MS) /* between two attempts to open a process that is not Python so far */

/*
 * A young program's thread without a TID has not started yet. After this time, it is a thread of a C library that
 * pystack does not know, and its TID stays unknown.
 */
#define NAMELESS_NS (500 * NS_PER_MS)

/*
 * Opening takes some 100 us to a few ms. The pause after it is at least twice as long, so at most a third of the time
 * is spent on it.
 */
#define OPEN_COST_FACTOR 2

/* The pause before the next look: an eighth of the program's age, at least 1 ms, at most @max. */
static uint64_t pause_for(const struct appear *a, uint64_t now, uint64_t max)
{
        uint64_t pause = (now - a->since_ns) / 8;

        return pause < NS_PER_MS ? NS_PER_MS : pause > max ? max : pause;
}

void appear_begin(struct appear *a, pid_t pid, uint32_t abi)
{
        *a = (struct appear){
                .pid = pid, .abi = abi, .since_ns = clock_ns(CLOCK_MONOTONIC), .error = PYSTACK_E_NOT_PYTHON
        };
}

void appear_resume(struct appear *a, pid_t pid, uint32_t abi, uint64_t start_stack, bool found, int error)
{
        appear_begin(a, pid, abi);
        a->start_stack = start_stack;
        a->found = found;
        a->tried = found || error == PYSTACK_E_NOT_PYTHON;
        a->error = error;
}

/*
 * Whether the process has executed another program since the last look. In the midst of an exec it has no stack, and
 * nothing is known.
 */
static bool has_executed(struct appear *a)
{
        struct nsutil_stat stat;
        uint64_t before = a->start_stack;

        if (nsutil_stat_read(a->pid, &stat) != 0 || stat.start_stack == 0)
                return false;
        a->start_stack = stat.start_stack;
        return before != 0 && a->start_stack != before;
}

/*
 * An interpreter lists its first thread state before a thread has it. The interpreter is ready once a thread's TID is
 * known.
 */
static int check_threads(const struct appear *a, struct pystack **py)
{
        size_t n, named;
        int e = target_count_threads(a->pid, py, &n, &named);

        return e == PYSTACK_E_HANGS ? e : e != 0 || named == 0 ? PYSTACK_E_NOT_READY : 0;
}

static bool try_to_open(struct appear *a, struct pystack **ret)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC), end;
        const struct pystack_options options = { .pid = a->pid, .abi = a->abi, .trace = refusals_trace() };
        int before = a->tried ? a->error : 0;

        a->error = pystack_open(&options, ret, &a->info);
        if (a->error == PYSTACK_E_GONE && before == PYSTACK_E_NOT_PYTHON)
                a->error = before; /* it has no memory any more, which does not tell what it was */
        if (a->error == 0 && begin - a->since_ns < NAMELESS_NS && (a->error = check_threads(a, ret)) != 0)
                pystack_close(*ret);
        end = clock_ns(CLOCK_MONOTONIC);
        a->tried = true;
        a->open_ns = end + pause_for(a, end, a->error == PYSTACK_E_NOT_PYTHON ? OTHER_MAX_NS : OPEN_MAX_NS) +
                     OPEN_COST_FACTOR * (end - begin);
        return a->error == 0;
}

static enum appear_event look_at_program(struct appear *a, uint64_t now, struct pystack **ret)
{
        if (has_executed(a)) {
                bool had = a->found;
                a->found = a->tried = false;
                a->error = PYSTACK_E_NOT_PYTHON;
                a->since_ns = now;
                a->open_ns = 0;
                if (had)
                        return APPEAR_REPLACED;
        }
        if (a->found || now < a->open_ns)
                return APPEAR_NOTHING;
        a->found = try_to_open(a, ret);
        return a->found ? APPEAR_FOUND : APPEAR_NOTHING;
}

enum appear_event appear_look(struct appear *a, struct pystack **ret)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        if (now < a->look_ns)
                return APPEAR_NOTHING;
        enum appear_event event = look_at_program(a, now, ret);
        a->look_ns = now + pause_for(a, now, a->found ? FOUND_MAX_NS : LOOK_MAX_NS);
        return event;
}

int appear_delay_ms(const struct appear *a)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        return a->look_ns > now ? (int)((a->look_ns - now - 1) / NS_PER_MS) + 1 : 0;
}

bool appear_may_come(pid_t pid, int error)
{
        struct nsutil_stat stat;

        if (error != PYSTACK_E_NOT_READY && error != PYSTACK_E_TORN && error != PYSTACK_E_GONE)
                return false;
        return nsutil_stat_read(pid, &stat) == 0 && (!strchr("ZX", stat.state) || stat.threads > 1);
}
