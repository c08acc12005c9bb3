/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(nsutil_threads);

#define N 20

struct thread {
        pthread_t thread;
        pthread_barrier_t *started, *end;
        pid_t tid;
};

static void *thread_main(void *arg)
{
        struct thread *thread = arg;

        thread->tid = gettid();
        prctl(PR_SET_NAME, "odd\n\\name");
        pthread_barrier_wait(thread->started);
        pthread_barrier_wait(thread->end);
        return NULL;
}

static bool is_listed(const struct nsutil_thread *threads, size_t n, pid_t tid)
{
        for (size_t i = 0; i < n; i++)
                if (threads[i].tid == tid)
                        return threads[i].inner_tid == tid && !strcmp(threads[i].name, "odd\n\\name");
        return false;
}

Test(nsutil_threads, a_tid_leads_to_its_process)
{
        pthread_barrier_t started, end;
        struct thread thread = { .started = &started, .end = &end };
        pid_t process = 0;

        pthread_barrier_init(&started, NULL, 2);
        pthread_barrier_init(&end, NULL, 2);
        cr_assert_eq(pthread_create(&thread.thread, NULL, thread_main, &thread), 0);
        pthread_barrier_wait(&started);
        cr_expect_neq(thread.tid, getpid());
        cr_expect_eq(nsutil_process_of(thread.tid, &process), 0);
        cr_expect_eq(process, getpid());
        pthread_barrier_wait(&end);
        pthread_join(thread.thread, NULL);
        cr_expect_eq(nsutil_process_of(getpid(), &process), 0);
        cr_expect_eq(process, getpid());
        cr_expect_eq(nsutil_process_of(gone_pid(), &process), NSUTIL_E_GONE);
}

Test(nsutil_threads, every_thread_is_listed)
{
        pthread_barrier_t started, end;
        struct thread threads[N];
        struct nsutil_thread *list;
        size_t n;

        pthread_barrier_init(&started, NULL, N + 1);
        pthread_barrier_init(&end, NULL, N + 1);
        for (int i = 0; i < N; i++) {
                threads[i] = (struct thread){ .started = &started, .end = &end };
                cr_assert_eq(pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]), 0);
        }
        pthread_barrier_wait(&started);
        cr_assert_eq(nsutil_threads_read(getpid(), &list, &n), 0);
        cr_expect_geq(n, N + 1);
        for (int i = 0; i < N; i++)
                cr_expect(is_listed(list, n, threads[i].tid));
        free(list);
        pthread_barrier_wait(&end);
        for (int i = 0; i < N; i++)
                pthread_join(threads[i].thread, NULL);
        pthread_barrier_destroy(&started);
        pthread_barrier_destroy(&end);

        struct nsutil_thread ended = { .tid = -7 };
        cr_expect_eq(nsutil_thread_read(getpid(), threads[0].tid, &ended), NSUTIL_E_GONE);
        cr_expect_eq(ended.tid, -7);
}

Test(nsutil_threads, cpu_time_grows_with_work_and_slices_with_sleep)
{
        struct nsutil_times before, after;
        volatile unsigned work = 0;
        int fd;

        cr_assert_eq(nsutil_times_open(getpid(), gettid(), &fd), 0);
        cr_assert_eq(nsutil_times_read(fd, &before), 0);
        while (work < 30000000)
                work++;
        usleep(1000);
        cr_assert_eq(nsutil_times_read(fd, &after), 0);
        cr_expect_gt(after.cpu_ns, before.cpu_ns + 1000000);
        cr_expect_gt(after.slices, before.slices);
        close(fd);
}

Test(nsutil_threads, times_of_a_thread_that_ends)
{
        struct nsutil_times times = { .slices = 7 };
        pid_t child = fork();
        int fd;

        if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                pause();
                _exit(0);
        }
        cr_assert_eq(nsutil_times_open(child, child, &fd), 0);
        cr_assert_eq(nsutil_times_read(fd, &times), 0);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        cr_expect_eq(nsutil_times_read(fd, &times), NSUTIL_E_GONE);
        close(fd);
}

Test(nsutil_threads, of_a_process_that_has_ended)
{
        struct nsutil_thread *list = NULL;
        size_t n = 77;
        pid_t pid = gone_pid();
        int fd = 77;

        cr_expect_eq(nsutil_threads_read(pid, &list, &n), NSUTIL_E_GONE);
        cr_expect_eq(nsutil_times_open(pid, pid, &fd), NSUTIL_E_GONE);
        cr_expect_null(list);
        cr_expect_eq(n, 77);
        cr_expect_eq(fd, 77);
}
