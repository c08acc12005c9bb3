/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader's proof that it ran all the time while it read. The kernel clears rseq_cs when it has switched the thread
 * out and the thread is not in that critical section (rseq(2), linux/rseq.h). So a section that is never entered tells
 * without a system call whether there was a switch. Newer kernels do not clear it after a switch inside a system call,
 * so uninterrupted_open() tries what this kernel does.
 */
#include "internal.h"

#include <sys/rseq.h>
#include <time.h>

#if (defined __x86_64__ || defined __aarch64__) && defined RSEQ_SIG

/* The kernel wants the signature before the address to go to when interrupted. */
static const struct {
        uint32_t signature;
        uint32_t abort;
} nowhere = { .signature = RSEQ_SIG };

static struct rseq *own_rseq(void)
{
        return (struct rseq *)(void *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static void begin_critical_section(void)
{
        static const struct rseq_cs never = {
                .start_ip = (uintptr_t)&nowhere.signature,
                .post_commit_offset = 1,
                .abort_ip = (uintptr_t)&nowhere.abort,
        };

        own_rseq()->rseq_cs = (uintptr_t)&never;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static bool is_unbroken(int cpu)
{
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        const volatile struct rseq *rseq = own_rseq();
        return rseq->rseq_cs != 0 && rseq->cpu_id == (uint32_t)cpu;
}

/* Whether a sleep of @ns is noticed, and nothing where there was none. */
static bool is_sleep_noticed(int cpu, long ns)
{
        struct timespec moment = { .tv_nsec = ns };

        begin_critical_section();
        bool before = is_unbroken(cpu);
        begin_critical_section();
        nanosleep(&moment, NULL);
        return before && !is_unbroken(cpu);
}

/*
 * The reader may be switched out while it tries. And where a host takes the CPU away for a moment, the time of a sleep can
 * be over before the sleep has begun. So there are several tries, and their sleeps double after each ten: 7 ms in all. The
 * shortest is longer than any timer slack.
 */
#define TRIES 30
#define TRY_NS 100000L

bool uninterrupted_open(int cpu, struct pystack_uninterrupted *ret)
{
        *ret = (struct pystack_uninterrupted){ .cpu = cpu, .begin = begin_critical_section, .unbroken = is_unbroken };
        for (unsigned i = 0; __rseq_size != 0 && i < TRIES; i++)
                if (is_sleep_noticed(cpu, TRY_NS << i / 10))
                        return true;
        return false;
}

#else

bool uninterrupted_open(int cpu, struct pystack_uninterrupted *ret)
{
        (void)cpu;
        (void)ret;
        return false;
}

#endif
