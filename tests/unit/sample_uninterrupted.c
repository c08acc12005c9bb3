/* SPDX-License-Identifier: Apache-2.0 */
/* A reader that tells whether it was switched out, without a system call. */
#include "tests/unit/support/suite.h"

#include "agent/sample/internal.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

SUITE(sample_uninterrupted);

static int pin(void)
{
        int cpu = sched_getcpu();

        cr_assert(reader_pin(cpu));
        return cpu;
}

static uint64_t switches(void)
{
        struct nsutil_times times;
        int fd;

        cr_assert_eq(nsutil_times_open(getpid(), gettid(), &fd), 0);
        cr_assert_eq(nsutil_times_read(fd, &times), 0);
        close(fd);
        return times.slices;
}

/* A sleep whose time is over before it has begun, for the host took the CPU away, is no switch. */
static bool is_missed_at_a_sleep(const struct pystack_uninterrupted *uninterrupted)
{
        struct timespec moment = { .tv_nsec = 100000 };
        uint64_t before = switches();

        uninterrupted->begin();
        nanosleep(&moment, NULL);
        return uninterrupted->unbroken(uninterrupted->cpu) && switches() != before;
}

Test(sample_uninterrupted, a_switch_is_noticed_every_time_and_a_system_call_is_none)
{
        struct pystack_uninterrupted uninterrupted;
        int cpu = pin(), kept = 0;

        if (!uninterrupted_open(cpu, &uninterrupted))
                cr_skip_test("this kernel does not tell of switches inside of system calls");
        for (int i = 0; i < 200; i++) {
                cr_assert_not(is_missed_at_a_sleep(&uninterrupted));
                uninterrupted.begin();
                getppid();
                kept += uninterrupted.unbroken(cpu);
                cr_assert_not(uninterrupted.unbroken(cpu + 1));
        }
        cr_expect_gt(kept, 150);
}

/* Preempted in its own code: by a thread that is pinned to the same CPU and wakes all the time. */
static void *disturb(void *arg)
{
        _Atomic bool *stop = arg;

        while (!atomic_load(stop)) {
                struct timespec moment = { .tv_nsec = 50000 };
                nanosleep(&moment, NULL);
        }
        return NULL;
}

Test(sample_uninterrupted, a_preemption_is_noticed_every_time)
{
        struct pystack_uninterrupted uninterrupted;
        _Atomic bool stop = false;
        pthread_t thread;
        int cpu = pin(), preempted = 0, whole = 0, false_alarms = 0;

        if (!uninterrupted_open(cpu, &uninterrupted))
                cr_skip_test("this kernel does not tell of switches inside of system calls");
        cr_assert_eq(pthread_create(&thread, NULL, disturb, &stop), 0);
        for (int i = 0; i < 20000 && preempted < 100; i++) {
                uint64_t before = switches();
                uninterrupted.begin();
                for (volatile int j = 0; j < 20000; j++)
                        ;
                bool unbroken = uninterrupted.unbroken(cpu);
                uint64_t after = switches();
                preempted += !unbroken;
                whole += after == before;
                false_alarms += after == before && !unbroken;
        }
        atomic_store(&stop, true);
        pthread_join(thread, NULL);
        cr_expect_geq(preempted, 100);
        /* The kernel also aborts the section for what is no switch; that costs a second reading, so it has to be rare. */
        cr_expect(false_alarms <= 3 + whole / 100, "%d of %d", false_alarms, whole);
}
