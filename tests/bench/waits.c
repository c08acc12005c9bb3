/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to say why threads do not run: CPU time for each of 1000 threads that sleep, and of 1000 that wait for
 * a peer. The least of ten rounds is told, since what else runs on the machine only adds to it.
 */
#include "nsutil/nsutil.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 1000
#define ROUNDS 10

struct shared {
        _Atomic unsigned n;
        bool connects;
        pid_t tids[THREADS];
};

static struct nsutil_wait_thread threads[THREADS];
static struct nsutil_wait waits[THREADS];
static struct nsutil_wait_detail details[THREADS];
static unsigned known; /* of the last round */

/* ---- threads that wait ------------------------------------------------------------------------ */

static int connect_to_nobody(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof address;
        int listening = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

        if (bind(listening, (struct sockaddr *)&address, len) || listen(listening, 1) ||
            getsockname(listening, (struct sockaddr *)&address, &len) || connect(fd, (struct sockaddr *)&address, len))
                exit(1);
        return fd;
}

static void *wait_for_ever(void *ctx)
{
        struct shared *shared = ctx;
        int fd = shared->connects ? connect_to_nobody() : -1;
        char byte;

        shared->tids[shared->n++] = gettid();
        if (fd >= 0)
                (void)!read(fd, &byte, 1);
        for (;;)
                sleep(100000);
        return NULL;
}

static pid_t start_threads(struct shared *shared)
{
        pid_t pid = fork();

        if (pid == 0) {
                pthread_attr_t small;
                pthread_t thread;

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                pthread_attr_init(&small);
                pthread_attr_setstacksize(&small, 65536);
                for (unsigned i = 0; i < THREADS; i++) {
                        if (pthread_create(&thread, &small, wait_for_ever, shared))
                                exit(1);
                        while (shared->n <= i)
                                usleep(100);
                }
                for (;;)
                        pause();
        }
        return pid;
}

/* ---- what is measured --------------------------------------------------------------------------- */

static void open_all(pid_t pid, const struct shared *shared)
{
        for (unsigned i = 0; i < THREADS; i++)
                if (nsutil_wait_open(pid, shared->tids[i], &threads[i]))
                        exit(1);
}

static void close_all(void)
{
        for (unsigned i = 0; i < THREADS; i++)
                nsutil_wait_close(&threads[i]);
}

static void read_all(void)
{
        known = 0;
        for (unsigned i = 0; i < THREADS; i++)
                known += nsutil_wait_read(&threads[i], NULL, &waits[i]) == 0 && waits[i].kind != NSUTIL_WAIT_UNKNOWN;
}

static void look_all(void)
{
        known = 0;
        for (unsigned i = 0; i < THREADS; i++)
                known += nsutil_wait_holds(&threads[i], &waits[i]);
}

static void detail_all(void)
{
        static struct nsutil_wait_detail *pointers[THREADS];

        read_all();
        for (unsigned i = 0; i < THREADS; i++) {
                pointers[i] = &details[i];
                if (nsutil_wait_detail(&threads[i], NULL, &waits[i], &details[i]))
                        details[i] = (struct nsutil_wait_detail){ .fd = -1 };
        }
        if (nsutil_wait_addresses(threads[0].pid, pointers, THREADS, NULL))
                exit(1);
        known = 0;
        for (unsigned i = 0; i < THREADS; i++)
                known += details[i].peer.is_set;
}

static double measure_us(void (*work)(void))
{
        double least = 1e9;

        for (int i = 0; i < ROUNDS; i++) {
                struct timespec begin, end;

                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
                work();
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
                double us = (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
                if (us < least)
                        least = us;
        }
        return least / THREADS;
}

static void report(bool connects)
{
        struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        shared->connects = connects;
        pid_t pid = start_threads(shared);
        while (shared->n < THREADS && waitpid(pid, NULL, WNOHANG) == 0)
                usleep(1000);
        usleep(200000);
        struct timespec begin, end;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
        open_all(pid, shared);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        printf("%s\n", connects ? "threads that wait for a peer" : "threads that sleep");
        printf("  to open      %6.2f us\n",
               ((double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3) / THREADS);
        printf("  to read      %6.2f us", measure_us(read_all));
        printf(", %u known\n", known);
        printf("  read before  %6.2f us", measure_us(look_all));
        printf(", %u unchanged\n", known);
        if (connects) {
                printf("  with peer    %6.2f us", measure_us(detail_all));
                printf(", %u known\n", known);
        }
        close_all();
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

int main(void)
{
        const struct rlimit many = { 16384, 16384 };

        if (setrlimit(RLIMIT_NOFILE, &many))
                return 1;
        report(false);
        report(true);
        return 0;
}
