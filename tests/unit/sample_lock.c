/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for our own locks does not look like one that waits for a target's memory. */
#include "agent/sample/internal.h"
#include "tests/unit/support/suite.h"

#include "nsutil/attempt.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

SUITE(sample_lock);

#define LOOKS 17 /* every 100 ms: for longer than NSUTIL_STILL_MS */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static _Atomic pid_t waiting;

static void *wait_for_turn(void *arg)
{
        waiting = gettid();
        target_lock_turn(&turn);
        pthread_mutex_unlock(&turn);
        return arg;
}

Test(sample_lock, waiting_for_a_turn_is_not_hanging)
{
        struct nsutil_pulse pulse = { 0 };
        bool stands = false;
        pthread_t thread;

        pthread_mutex_lock(&turn);
        cr_assert_eq(pthread_create(&thread, NULL, wait_for_turn, NULL), 0);
        while (waiting == 0)
                poll(NULL, 0, 1);
        for (int i = 0; i < LOOKS; i++) {
                stands |= nsutil_pulse_stands(&pulse, waiting);
                poll(NULL, 0, 100);
        }
        cr_expect(!stands);
        pthread_mutex_unlock(&turn);
        pthread_join(thread, NULL);
}

/* ---- the table ------------------------------------------------------------------------- */

#define HOGS 4
#define WORK_NS 20000000 /* of CPU time while the table is locked */

static struct table_lock table;
static _Atomic bool is_writing, over;

static uint64_t read_ns(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* All of them share one CPU. */
static void share_cpu(void)
{
        cpu_set_t cpus;

        CPU_ZERO(&cpus);
        CPU_SET(0, &cpus);
        cr_assert_eq(pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus), 0);
}

static void *hog(void *arg)
{
        share_cpu();
        while (!over)
                ;
        return arg;
}

static void *write_slowly(void *arg)
{
        const struct sched_param least = { 0 };

        share_cpu();
        table_write(&table);
        pthread_setschedparam(pthread_self(), SCHED_IDLE, &least);
        uint64_t end = read_ns(CLOCK_THREAD_CPUTIME_ID) + WORK_NS;
        is_writing = true;
        while (read_ns(CLOCK_THREAD_CPUTIME_ID) < end)
                ;
        table_write_end(&table);
        return arg;
}

static uint64_t waited_ns;

static void *read_at_once(void *arg)
{
        const struct sched_param realtime = { .sched_priority = 10 };

        share_cpu();
        if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &realtime) != 0)
                return arg; /* not allowed here */
        while (!is_writing)
                poll(NULL, 0, 1);
        uint64_t begin = read_ns(CLOCK_MONOTONIC);
        table_read(&table);
        waited_ns = read_ns(CLOCK_MONOTONIC) - begin;
        table_read_end(&table);
        return arg;
}

/* Without inheritance the reader waits until the writer, of the least priority, has got 20 ms beside four others: 20 s. */
Test(sample_lock, a_tick_does_not_wait_for_a_writer_that_gets_no_cpu)
{
        pthread_t hogs[HOGS], writer, reader;

        table_init(&table);
        cr_assert_eq(pthread_create(&reader, NULL, read_at_once, NULL), 0);
        cr_assert_eq(pthread_create(&writer, NULL, write_slowly, NULL), 0);
        for (int i = 0; i < HOGS; i++)
                cr_assert_eq(pthread_create(&hogs[i], NULL, hog, NULL), 0);
        pthread_join(reader, NULL);
        over = true;
        pthread_join(writer, NULL);
        for (int i = 0; i < HOGS; i++)
                pthread_join(hogs[i], NULL);
        cr_expect_lt(waited_ns, 2000000000u, "%llu ms", (unsigned long long)waited_ns / 1000000);
        table_deinit(&table);
}

Test(sample_lock, the_table_has_several_readers_or_a_writer)
{
        table_init(&table);
        table_read(&table);
        table_read(&table);
        cr_expect_not(table_try_write(&table));
        table_read_end(&table);
        table_read_end(&table);
        cr_assert(table_try_write(&table));
        cr_expect_not(table_try_write(&table));
        table_write_end(&table);
        table_write(&table);
        table_write_end(&table);
        table_read(&table);
        table_read_end(&table);
        table_deinit(&table);
}
