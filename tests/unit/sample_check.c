/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking after readers. A CPU that goes offline takes its clock event with it;
 * here the event is switched off instead, which looks the same from outside.
 */
#include "agent/sample/internal.h"
#include "tests/unit/support/suite.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

SUITE(sample_check);

#define EVENTS_MAX 256

/* The descriptors of this process's perf events. */
static size_t events(int fds[static EVENTS_MAX])
{
        DIR *folder = opendir("/proc/self/fd");
        struct dirent *entry;
        size_t n = 0;

        while ((entry = readdir(folder)) && n < EVENTS_MAX) {
                char path[300], target[64] = "";

                snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
                if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "perf_event"))
                        fds[n++] = atoi(entry->d_name);
        }
        closedir(folder);
        return n;
}

static bool counts(int fd)
{
        uint64_t before = 0, after = 0;

        if (read(fd, &before, sizeof before) < 0 || read(fd, &after, sizeof after) < 0)
                return false;
        return after > before;
}

static struct sampler *open_sampler(enum sample_engine engine)
{
        const struct sample_config config = { .engine = engine, .scope = SAMPLE_SCOPE_MACHINE, .rate = 1000 };
        struct sampler *sampler = NULL;
        char reason[256] = "";

        if (sampler_open(&config, &sampler, reason, sizeof reason) != 0)
                cr_skip_test("%s", reason);
        return sampler;
}

Test(sample_check, a_reader_whose_event_has_ended_is_replaced)
{
        struct sampler *sampler = open_sampler(SAMPLE_ENGINE_PERF);
        struct sampler_health health;
        int fds[EVENTS_MAX];
        size_t n = events(fds);

        cr_assert_gt(n, 0);
        usleep(50000); /* a clock starts at a moment of chance */
        sampler_check(sampler, &health);
        for (size_t i = 0; i < n; i++) {
                cr_expect(counts(fds[i]));
                cr_assert_eq(ioctl(fds[i], PERF_EVENT_IOC_DISABLE, 0), 0);
        }
        sampler_check(sampler, &health); /* it has counted since the last look */
        sampler_check(sampler, &health);
        cr_assert_eq(events(fds), n);
        usleep(50000);
        for (size_t i = 0; i < n; i++)
                cr_expect(counts(fds[i]), "event %zu of %zu", i, n);
        sampler_close(sampler);
}

Test(sample_check, a_reader_that_moves_is_well)
{
        static const enum sample_engine engines[] = { SAMPLE_ENGINE_PERF, SAMPLE_ENGINE_TIMER };

        for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
                struct sampler *sampler = open_sampler(engines[i]);
                struct sampler_health health = { .stalled = 77 };

                for (int j = 0; j < 5; j++) {
                        usleep(100000);
                        sampler_check(sampler, &health);
                }
                cr_expect_leq(health.stalled, 1, "a crowded machine may hold one up for 0.1 s");
                sampler_close(sampler);
        }
}

Test(sample_check, rates_change_while_readers_run)
{
        struct sampler *sampler = open_sampler(SAMPLE_ENGINE_PERF);
        struct sampler_health health;

        for (unsigned rate = SAMPLE_RATE_MIN; rate <= SAMPLE_RATE_MAX; rate *= 10) {
                sampler_set_rate(sampler, rate);
                sampler_trim(sampler);
                usleep(10000);
                sampler_check(sampler, &health);
                cr_expect_eq(sampler_period_ns(sampler, clock_ns(CLOCK_MONOTONIC)), 1000000000u / rate);
        }
        sampler_close(sampler);
}
