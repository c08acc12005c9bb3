/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that do not hold still while they are read: no reading mixes two waits. */
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/nsutil_wait_stage.h"
#include "tests/unit/support/suite.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

SUITE(nsutil_wait_moving);

/* Sleeps, polls and waits for a futex in turn: what is said of one is never mixed with another. */
static void play_turns(struct stage *stage)
{
        struct timespec time = { .tv_nsec = 20000 };
        struct pollfd set = { .events = POLLIN };
        static uint32_t word;
        int fds[2];

        (void)!pipe(fds);
        set.fd = fds[0];
        prctl(PR_SET_TIMERSLACK, 1000);
        for (stage_begin(stage);;) {
                nanosleep(&time, NULL);
                syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0);
                ppoll(&set, 1, &time, NULL);
        }
}

static bool is_of_turns(const struct said *said)
{
        static const struct {
                enum nsutil_wait_kind kind;
                enum nsutil_wait_act act;
                int call;
        } turns[] = {
                { NSUTIL_WAIT_RUNNABLE, NSUTIL_ACT_NONE, -1 },
                { NSUTIL_WAIT_SLEEP, NSUTIL_ACT_NONE, SYS_clock_nanosleep },
                { NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, SYS_futex },
                { NSUTIL_WAIT_IO, NSUTIL_ACT_POLL, SYS_ppoll },
        };

        for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
                if (said->wait.kind == turns[i].kind)
                        return said->wait.act == turns[i].act && said->wait.call == turns[i].call &&
                               (said->detail.thing == NSUTIL_THING_UNKNOWN ||
                                (said->detail.thing == NSUTIL_THING_PIPE && said->wait.act == NSUTIL_ACT_POLL));
        return said->wait.kind == NSUTIL_WAIT_UNKNOWN;
}

Test(nsutil_wait_moving, no_mixture_of_two_waits)
{
        unsigned seen[NSUTIL_WAIT_KINDS] = { 0 }, moved = 0, mixed = 0;
        struct nsutil_wait_thread thread;
        struct stage *stage;
        struct said said;
        pid_t pid = stage_start(play_turns, &stage);

        cr_assert_eq(nsutil_wait_open(pid, stage->tid, &thread), 0);
        for (int i = 0; i < 50000; i++) {
                said_read(&thread, &said);
                seen[said.wait.kind]++;
                moved += !!(said.wait.missing & NSUTIL_MISSING_STILL);
                /* wchan of one wait and the call of another */
                mixed += !!(said.wait.missing & NSUTIL_MISSING_UNITY);
                cr_expect(is_of_turns(&said), "kind %d, act %d, call %d, thing %d", said.wait.kind, said.wait.act,
                          said.wait.call, said.detail.thing);
        }
        cr_log_info("sleep %u, futex %u, io %u, cpu %u, unknown %u, moved %u", seen[NSUTIL_WAIT_SLEEP],
                    seen[NSUTIL_WAIT_FUTEX], seen[NSUTIL_WAIT_IO], seen[NSUTIL_WAIT_RUNNABLE],
                    seen[NSUTIL_WAIT_UNKNOWN], moved);
        cr_expect_eq(mixed, 0, "%u", mixed);
        /* With a single CPU the thread hardly gets on while somebody looks. */
        cr_expect((seen[NSUTIL_WAIT_SLEEP] && seen[NSUTIL_WAIT_FUTEX] && seen[NSUTIL_WAIT_IO]) ||
                  sysconf(_SC_NPROCESSORS_ONLN) == 1);
        nsutil_wait_close(&thread);
        child_end(pid);
}

static void *sleep_a_moment(void *ctx)
{
        usleep(1000);
        return ctx;
}

/* Threads that live for 1 ms, four at a time. */
static void play_births(struct stage *stage)
{
        pthread_t threads[4];

        for (stage_begin(stage);;) {
                for (size_t i = 0; i < 4; i++)
                        if (pthread_create(&threads[i], NULL, sleep_a_moment, NULL))
                                _exit(1);
                for (size_t i = 0; i < 4; i++)
                        pthread_join(threads[i], NULL);
        }
}

Test(nsutil_wait_moving, threads_that_live_for_a_moment)
{
        unsigned seen[NSUTIL_WAIT_KINDS] = { 0 }, gone = 0;
        struct stage *stage;
        pid_t pid = stage_start(play_births, &stage), *tids;
        size_t n;

        for (int round = 0; round < 1000; round++) {
                cr_assert_eq(nsutil_tids_read(pid, &tids, &n), 0);
                for (size_t i = 0; i < n; i++) {
                        struct nsutil_wait_thread thread;
                        struct nsutil_wait wait;
                        int r = nsutil_wait_open(pid, tids[i], &thread);

                        if (r == 0) {
                                r = nsutil_wait_read(&thread, NULL, &wait);
                                nsutil_wait_close(&thread);
                        }
                        if (r == 0)
                                seen[wait.kind]++;
                        else
                                gone++;
                        cr_expect(r == 0 || r == NSUTIL_E_GONE, "%d", r);
                }
                free(tids);
        }
        cr_log_info("sleep %u, futex %u, signal %u, cpu %u, page %u, unknown %u, gone %u", seen[NSUTIL_WAIT_SLEEP],
                    seen[NSUTIL_WAIT_FUTEX], seen[NSUTIL_WAIT_SIGNAL], seen[NSUTIL_WAIT_RUNNABLE],
                    seen[NSUTIL_WAIT_PAGE], seen[NSUTIL_WAIT_UNKNOWN], gone);
        /* The first thread pauses, the one that makes others waits for their end. */
        cr_expect(seen[NSUTIL_WAIT_SLEEP] && seen[NSUTIL_WAIT_FUTEX] && seen[NSUTIL_WAIT_SIGNAL]);
        static const enum nsutil_wait_kind never[] = { NSUTIL_WAIT_IO, NSUTIL_WAIT_LOCK, NSUTIL_WAIT_CHILD,
                                                       NSUTIL_WAIT_STOPPED, NSUTIL_WAIT_FROZEN };
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
                cr_expect_eq(seen[never[i]], 0, "%d: %u", never[i], seen[never[i]]);
        child_end(pid);
}
