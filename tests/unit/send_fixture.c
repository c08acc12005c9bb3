/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/send_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void on_state(void *ctx, bool up, const char *reason)
{
        struct said *said = ctx;

        __atomic_fetch_add(up ? &said->ups : &said->downs, 1, __ATOMIC_SEQ_CST);
        if (reason)
                snprintf(said->reason, sizeof(said->reason), "%s", reason);
}

static void on_rejected(void *ctx, const char *reason)
{
        struct said *said = ctx;

        snprintf(said->reason, sizeof(said->reason), "%s", reason);
        __atomic_fetch_add(&said->rejections, 1, __ATOMIC_SEQ_CST);
}

struct send *open_at(uint16_t port, size_t max_bytes, struct said *said)
{
        struct send_config config = {
                .queue_max_bytes = max_bytes,
                .on_state = on_state,
                .on_rejected = on_rejected,
                .ctx = said,
        };
        struct send *send;
        char url[64];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
        config.url = url;
        cr_assert_eq(send_open(&config, &send), 0);
        return send;
}

void make_set(struct profile_set *set, const char *function)
{
        struct profile *p = profile_new();
        profile_id frame = profile_intern_frame(p, profile_intern_function(p, function, "/app/main.py", 3), 7);

        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10000000, .start_ns = 1767225600000000000,
                                                            .duration_ns = 10000000000, .engine = "perf" });
        profile_set_attribute(p, "service.name", "billing");
        cr_assert_eq(profile_add(p, profile_intern_stack(p, &frame, 1), 0, PROFILE_RUNNING, 5, 50000000), 0);
        cr_assert_eq(profile_set_add(set, p), 0);
}

void send_one(struct send *send, const char *function)
{
        struct profile_set set = { 0 };

        make_set(&set, function);
        cr_assert_eq(send_profiles(send, &set), 0);
        profile_set_deinit(&set);
}

int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct send_counters wait_for_end(struct send *send, uint64_t n)
{
        int64_t until = now_ms() + 8000;
        struct send_counters c;

        do {
                usleep(2000);
                send_counters(send, &c);
        } while (c.delivered + c.rejected < n && now_ms() < until);
        cr_assert_eq(c.delivered + c.rejected, n);
        cr_assert_eq(c.queued, c.delivered + c.rejected + c.dropped + c.waiting);
        return c;
}

void wait_until(const unsigned *flag)
{
        for (int i = 0; i < 2500 && __atomic_load_n(flag, __ATOMIC_SEQ_CST) == 0; i++)
                usleep(2000);
        cr_assert_gt(__atomic_load_n(flag, __ATOMIC_SEQ_CST), 0);
}
