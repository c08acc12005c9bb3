/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping a thread by ptrace: it stops, goes on, and gets its signals. */
#include "tests/unit/support/suite.h"

#include "agent/sample/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(sample_stop);

static volatile sig_atomic_t *signals; /* shared with the child */

static void on_signal(int number)
{
        (void)number;
        (*signals)++;
}

static pid_t new_child(void)
{
        signals = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(signals, MAP_FAILED);
        pid_t child = fork();
        if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                signal(SIGUSR1, on_signal);
                (*signals)++; /* ready */
                for (;;)
                        ;
        }
        while (*signals == 0)
                usleep(1000);
        *signals = 0;
        return child;
}

static char state_of(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 ? stat.state : '?';
}

static void wait_for_signals(int n)
{
        for (int i = 0; i < 2000 && *signals < n; i++)
                usleep(1000);
        cr_expect_eq(*signals, n);
}

static void end_child(pid_t child)
{
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
}

Test(sample_stop, stops_and_goes_on)
{
        pid_t child = new_child();
        struct stopped stopped;

        for (int i = 0; i < 50; i++) {
                cr_assert(thread_stop(child, &stopped));
                cr_expect_eq(state_of(child), 't');
                thread_release(&stopped);
        }
        cr_expect_eq(state_of(child), 'R');
        end_child(child);
}

Test(sample_stop, signals_sent_meanwhile_arrive)
{
        pid_t child = new_child();
        struct stopped stopped;

        for (int i = 1; i <= 50; i++) {
                cr_assert(thread_stop(child, &stopped));
                kill(child, SIGUSR1);
                thread_release(&stopped);
                wait_for_signals(i);
        }
        for (int i = 51; i <= 100; i++) {
                kill(child, SIGUSR1); /* may be the reason why it stops */
                if (thread_stop(child, &stopped))
                        thread_release(&stopped);
                wait_for_signals(i);
        }
        end_child(child);
}

Test(sample_stop, a_stopped_job_stays_stopped)
{
        pid_t child = new_child();
        struct stopped stopped;

        kill(child, SIGSTOP);
        while (state_of(child) != 'T')
                usleep(1000);
        cr_assert(thread_stop(child, &stopped));
        thread_release(&stopped);
        usleep(20000);
        cr_expect_eq(state_of(child), 'T');
        kill(child, SIGCONT);
        usleep(20000);
        cr_expect_eq(state_of(child), 'R');
        end_child(child);
}

Test(sample_stop, the_exit_status_of_our_own_child_is_left_to_its_waiter)
{
        for (int i = 0; i < 30; i++) {
                pid_t child = fork();
                struct stopped stopped;
                int status;
                if (child == 0)
                        _exit(7);
                usleep((useconds_t)i * 30);
                if (thread_stop(child, &stopped))
                        thread_release(&stopped);
                cr_assert_eq(waitpid(child, &status, 0), child);
                cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        }
}

Test(sample_stop, a_thread_that_is_not_there_is_no_harm)
{
        struct stopped stopped;
        pid_t child = new_child();

        end_child(child);
        cr_expect_not(thread_stop(child, &stopped));
        cr_expect_not(thread_stop(gettid(), &stopped));
}
