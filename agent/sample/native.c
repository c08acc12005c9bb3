/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mixed stacks. The registers are of the moment of the tick. The thread has not run since if three things hold: the reader
 * has SCHED_FIFO, so it came next on that CPU; it came at once; and it has had the CPU ever since, while the thread was
 * not moved to another one.
 */
#include "native.h"

#include "nsutil/nsutil.h"

#include <stdatomic.h>
#include <string.h>

/*
 * A reader that comes later than this was kept from its CPU: by the limit on real-time threads (sched_rt_runtime_us), say.
 * The thread may have had that CPU meanwhile.
 */
#define PROMPT_NS 2000000u

static bool is_prompt(const struct tick_event *event)
{
        return event->context && event->context->has_registers && event->uninterrupted && !event->left &&
               event->woken_ns - event->at_ns < PROMPT_NS;
}

/* Where memory does not tell that the thread is frozen, the kernel tells its CPU, and that it is ready to run. */
static bool has_stayed(void *ctx)
{
        const struct native_ask *ask = ctx;
        struct member *m = ask->member;
        int cpu = ask->event->cpu;
        struct nsutil_stat stat;

        if (m->clock.stat_fd < 0 && nsutil_stat_open(ask->event->pid, m->tid, &m->clock.stat_fd) != 0)
                return false;
        return nsutil_stat_reread(m->clock.stat_fd, &stat) == 0 && stat.state == 'R' && stat.cpu == cpu &&
               ask->event->uninterrupted->unbroken(cpu);
}

static void fill_request(struct native_ask *ret, struct member *m, const struct tick_event *event)
{
        *ret = (struct native_ask){ .event = event, .member = m };
        ret->request = (struct pystack_native_request){ .registers = event->context->registers,
                                                        .stayed = has_stayed,
                                                        .ctx = ret };
}

/* ---- threads that wait ------------------------------------------------------------------------ */

bool sample_call_stands(const struct nsutil_wait_thread *files, const struct nsutil_wait *wait)
{
        return wait->slices > 0 && nsutil_wait_holds(files, wait);
}

static bool has_waited(void *ctx)
{
        const struct native_ask *ask = ctx;

        return sample_call_stands(&ask->member->clock.files, &ask->event->look->reason.wait);
}

bool sample_call_registers(const struct nsutil_wait *wait, struct elfsym_registers *ret)
{
        *ret = (struct elfsym_registers){ .pc = wait->pc, .sp = wait->stack };
        return wait->pc && wait->stack && wait->slices > 0 && (wait->state == 'S' || wait->state == 'D');
}

static bool fill_request_of_wait(struct native_ask *ret, struct member *m, const struct tick_event *event)
{
        *ret = (struct native_ask){ .event = event, .member = m };
        ret->request = (struct pystack_native_request){ .stayed = has_waited, .ctx = ret };
        return sample_call_registers(&event->look->reason.wait, &ret->request.registers);
}

void native_ask(struct native_ask *ret, const struct target *t, const struct sampler *s, struct member *m,
                const struct tick_event *event)
{
        bool told = false;

        if (!target_is_mixed(t, s))
                return;
        if (event->look)
                told = fill_request_of_wait(ret, m, event);
        else if ((told = is_prompt(event)))
                fill_request(ret, m, event);
        if (told)
                pystack_native_ask(m->thread, &ret->request);
}

static void count_unmerged(struct target *t, enum pystack_unmerged reason, const struct tick_event *event)
{
        struct profile_counters *counters = profile_counters(t->profile);

        counters->unmerged += event->count > 0 ? event->count : 1;
        counters->unmerged_ns += event->ns;
        atomic_fetch_add(&t->decoder->sampler->unmerged[reason], event->count > 0 ? event->count : 1);
}

void native_count_costly(struct target *t, const struct tick_event *event)
{
        count_unmerged(t, PYSTACK_UNMERGED_COSTLY, event);
}

const struct pystack_mixed *native_count(struct target *t, const struct sampler *s, const struct pystack_mixed *mixed,
                                         const struct tick_event *event)
{
        bool merged = mixed && mixed->n > 0;

        if (!target_is_mixed(t, s))
                return NULL;
        /* A look at a thread that waits has no count yet. It is one stack. */
        profile_counters(t->profile)->mixed += event->count > 0 ? event->count : 1;
        if (!merged)
                count_unmerged(t, mixed ? mixed->reason : PYSTACK_UNMERGED_MOVED, event);
        if (pystack_native_is_stale(t->py))
                decoder_ask(t);
        return merged ? mixed : NULL;
}

const struct pystack_mixed *native_read(struct target *t, const struct sampler *s, struct member *m,
                                        const struct tick_event *event, struct pystack_mixed *ret)
{
        struct native_ask ask;

        if (!target_is_mixed(t, s) || !is_prompt(event))
                return NULL;
        fill_request(&ask, m, event);
        pystack_native_sample(t->py, &ask.request, ret);
        if (pystack_native_is_stale(t->py))
                decoder_ask(t);
        return ret->n > 0 && !ret->truncated ? native_count(t, s, ret, event) : NULL;
}

/* ---- outside of ticks -------------------------------------------------------------------- */

static bool lock_target(void *ctx)
{
        return target_lock(ctx) != TARGET_SILENT;
}

static void unlock_target(void *ctx)
{
        target_unlock(ctx);
}

/* As for threads without Python: see member.c. */
#define READ_PART 50
#define PAUSE_MIN_NS 50000000u

void native_refresh_when_due(struct target *t)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);

        if (!pystack_native_is_stale(t->py) || begin < t->native_due_ns)
                return;
        pystack_native_read(t->py, lock_target, unlock_target, t); /* if it fails, stacks stay without C code */
        uint64_t end = clock_ns(CLOCK_MONOTONIC), pause = (end - begin) * READ_PART;
        t->native_due_ns = end + (pause > PAUSE_MIN_NS ? pause : PAUSE_MIN_NS);
}

static void name_kernel(const struct sampler *s, uint64_t address, struct native_name *ret)
{
        ret->frame.kind = PROFILE_KERNEL;
        ret->frame.file = "[kernel]";
        ret->frame.name = s->kernel ? symbols_kernel_find(s->kernel, address) : NULL;
}

static void name_code(const struct target *t, const struct sampler *s, const struct pystack_image *image,
                      const struct backlog_frame *frame, struct native_name *ret)
{
        pystack_escape(image->map.path, strlen(image->map.path), ret->file, sizeof ret->file);
        ret->frame.file = ret->file;
        ret->frame.build_id = image->build_id;
        if (symbols_look_up_frame(s->symbols, t->pid, t->start_time, image, frame->value, &ret->symbol) == 0)
                ret->frame.name = ret->symbol.name;
        else
                ret->frame.start = pystack_native_function(t->py, frame->image, frame->value);
}

void native_name(const struct target *t, const struct sampler *s, const struct backlog_frame *frame,
                 struct native_name *ret)
{
        const struct pystack_image *image;

        ret->frame = (struct profile_native){ .kind = PROFILE_C, .file = "", .address = frame->value };
        if (frame->image == BACKLOG_KERNEL)
                name_kernel(s, frame->value, ret);
        else if ((image = pystack_native_image(t->py, frame->image)))
                name_code(t, s, image, frame, ret);
}
