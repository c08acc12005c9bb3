/* SPDX-License-Identifier: Apache-2.0 */
/* Work that holds up whoever does it is left; work that only takes long is waited for. */
#include "tests/unit/support/suite.h"

#include "nsutil/nsutil.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

SUITE(nsutil_attempt);

static _Atomic unsigned discarded;

struct job {
        int fd;        /* to be waited for; -1: none */
        double busy_s; /* to run for */
        double nap_s;  /* to sleep for at a time, until busy_s has gone by */
        bool inner;    /* to do work of the same kind */
        bool done;
};

static double now_s(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void discard(void *job)
{
        free(job);
        atomic_fetch_add(&discarded, 1);
}

static void run(void *arg);
static const struct nsutil_work work = { .run = run, .discard = discard };

static void run(void *arg)
{
        struct job *job = arg, inner = { .fd = -1 };
        char byte;

        if (job->fd >= 0 && read(job->fd, &byte, 1) < 0)
                abort();
        for (double end = now_s(CLOCK_MONOTONIC) + job->busy_s; now_s(CLOCK_MONOTONIC) < end;)
                if (job->nap_s > 0)
                        poll(NULL, 0, (int)(job->nap_s * 1000));
        job->done = !job->inner || (nsutil_attempt(getpid(), &work, &inner) == 0 && inner.done);
}

static struct job *new_job(struct job what)
{
        struct job *job = malloc(sizeof *job);

        cr_assert(job);
        *job = what;
        return job;
}

/* Whether the job could be done. */
static bool try(pid_t pid, struct job what)
{
        struct job *job = new_job(what);
        int r = nsutil_attempt(pid, &work, job);

        if (r != 0) {
                cr_expect_eq(r, NSUTIL_E_HANGS);
                return false;
        }
        bool done = job->done;
        free(job);
        return done;
}

static pid_t start_process(void)
{
        pid_t pid = fork();

        if (pid == 0)
                for (;;)
                        pause();
        cr_assert_gt(pid, 0);
        return pid;
}

static void end_process(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

Test(nsutil_attempt, work_is_done)
{
        for (int i = 0; i < 1000; i++)
                cr_assert(try(getpid(), (struct job){ .fd = -1 }));
        cr_expect(try(getpid(), (struct job){ .fd = -1, .inner = true }), "work within work");
        cr_expect_eq(discarded, 0);
}

static void *let_go(void *end)
{
        cr_expect(try(getpid(), (struct job){ .fd = -1 }));
        cr_expect_eq(write(*(int *)end, "", 1), 1);
        return NULL;
}

Test(nsutil_attempt, work_may_wait_for_another_callers_work)
{
        pthread_t other;
        int ends[2];

        cr_assert_eq(pipe(ends), 0);
        cr_assert_eq(pthread_create(&other, NULL, let_go, &ends[1]), 0);
        cr_expect(try(getpid(), (struct job){ .fd = ends[0] }));
        pthread_join(other, NULL);
        close(ends[0]);
        close(ends[1]);
}

Test(nsutil_attempt, work_that_takes_long_is_waited_for)
{
        cr_expect(try(getpid(), (struct job){ .fd = -1, .busy_s = 2.0 * NSUTIL_HANG_MS / 1000 }));
        cr_expect(!nsutil_is_given_up(getpid()));
}

/* A crowded kernel makes callers wait for its own locks, again and again. */
Test(nsutil_attempt, work_that_sleeps_and_goes_on_is_waited_for)
{
        cr_expect(try(getpid(), (struct job){ .fd = -1,
                                              .busy_s = 2.0 * NSUTIL_HANG_MS / 1000,
                                              .nap_s = 0.5 * NSUTIL_STILL_MS / 1000 }));
        cr_expect(!nsutil_is_given_up(getpid()));
}

Test(nsutil_attempt, a_process_that_holds_up_is_left_alone_for_good)
{
        pid_t silent = start_process(), other = start_process();
        int ends[2];

        cr_assert_eq(pipe(ends), 0);
        cr_expect(!try(silent, (struct job){ .fd = ends[0] }));
        cr_expect(nsutil_is_given_up(silent));
        cr_expect(!nsutil_is_given_up(other));
        cr_expect_eq(discarded, 0, "what it does is still being done");
        double before = now_s(CLOCK_MONOTONIC);
        cr_expect(!try(silent, (struct job){ .fd = -1 }));
        cr_expect_eq(discarded, 1, "it is not even tried");
        cr_expect_lt(now_s(CLOCK_MONOTONIC) - before, NSUTIL_HANG_MS / 1000.0);
        cr_expect(try(other, (struct job){ .fd = -1 }), "others have a thread");
        cr_assert_eq(write(ends[1], "", 1), 1);
        for (int i = 0; i < 1000 && discarded < 2; i++)
                poll(NULL, 0, 10);
        cr_expect_eq(discarded, 2, "it has gone on, and has ended with what it had");
        end_process(silent);
        end_process(other);
        close(ends[0]);
        close(ends[1]);
}

Test(nsutil_attempt, so_many_may_hang, .timeout = 60)
{
        pid_t silent[NSUTIL_HANGING_LAST];
        int ends[2];

        cr_assert_eq(pipe(ends), 0);
        for (size_t i = 0; i < NSUTIL_HANGING_LAST; i++) {
                silent[i] = start_process();
                cr_expect(!try(silent[i], (struct job){ .fd = ends[0] }));
        }
        cr_expect(!try(getpid(), (struct job){ .fd = -1 }), "nobody's work is done any more");
        char bytes[NSUTIL_HANGING_LAST] = { 0 };
        cr_assert_eq(write(ends[1], bytes, sizeof bytes), (ssize_t)sizeof bytes);
        for (int i = 0; i < 1000 && discarded < NSUTIL_HANGING_LAST + 1; i++)
                poll(NULL, 0, 10);
        bool again = false;
        for (int i = 0; i < 1000 && !again; i++) {
                again = try(getpid(), (struct job){ .fd = -1 });
                poll(NULL, 0, again ? 0 : 10);
        }
        cr_expect(again);
        for (size_t i = 0; i < NSUTIL_HANGING_LAST; i++)
                end_process(silent[i]);
        close(ends[0]);
        close(ends[1]);
}
