/* SPDX-License-Identifier: Apache-2.0 */
/*
 * births RATE: starts programs that are not Python, as a build does: RATE processes a second, forever. Of seven, three
 * end within 2 ms, one each lives for 20 ms and for 0.1 s, and two for 0.3 s. Shells that fork or execute are among them.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const struct {
        int births;
        char *const arguments[4];
} programs[] = {
        { 1, { "/bin/true" } },
        { 1, { "/bin/sleep", "0.02" } },
        { 1, { "/bin/sh", "-c", "exec /bin/sleep 0.1" } },
        { 2, { "/bin/sh", "-c", "/bin/sleep 0.3; :" } },
        { 2, { "/bin/sh", "-c", "(:); :" } },
};

/* On a machine that is too crowded for the rate, births that are late by more than this are left out. */
#define LATE_NS 200000000

#define N_PROGRAMS (sizeof programs / sizeof *programs)

static long long ns_of(const struct timespec *at)
{
        return at->tv_sec * 1000000000LL + at->tv_nsec;
}

static void wait_until(long long ns)
{
        const struct timespec at = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                ;
}

int main(int argc, char **argv)
{
        double rate = argc > 1 ? atof(argv[1]) : 0;
        struct timespec now;
        long long next = 0;

        if (rate <= 0)
                return EXIT_FAILURE;
        signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
        puts("ready");
        fflush(stdout);
        for (size_t i = 0;; i++) {
                const size_t n = i % N_PROGRAMS;
                pid_t pid;

                clock_gettime(CLOCK_MONOTONIC, &now);
                if (next < ns_of(&now) - LATE_NS)
                        next = ns_of(&now);
                wait_until(next);
                if (posix_spawn(&pid, programs[n].arguments[0], NULL, NULL, programs[n].arguments, environ) != 0)
                        return EXIT_FAILURE;
                next += (long long)(programs[n].births * 1e9 / rate);
        }
}
