/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/send_bodies.h"
#include "tests/unit/support/interned.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int keep(void *ctx, const struct send_body *body)
{
        struct bodies *bodies = ctx;

        cr_assert_lt(bodies->n, 64);
        char *copy = malloc(body->len + 1);
        memcpy(copy, body->text, body->len + 1);
        bodies->items[bodies->n++] = (struct send_body){ copy, body->len };
        return 0;
}

static void count(void *ctx)
{
        ((struct bodies *)ctx)->too_large++;
}

void bodies_split(const struct send_protocol *protocol, const struct profile_set *set, struct bodies *ret)
{
        const struct send_split spec = { .protocol = protocol, .body = keep, .too_large = count, .ctx = ret };

        *ret = (struct bodies){ 0 };
        cr_assert_eq(send_split(&spec, set), 0);
}

void bodies_deinit(struct bodies *bodies)
{
        for (size_t i = 0; i < bodies->n; i++)
                free(bodies->items[i].text);
}

struct profile *bodies_profile(size_t stacks, const char *padding)
{
        struct profile *p = profile_new();
        profile_id threads[] = { interned_thread(p, 7, "one"), interned_thread(p, 8, "two") };
        char name[4096];

        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10000000,
                                                            .start_ns = 1767225600000000000,
                                                            .duration_ns = 10000000000,
                                                            .engine = "perf" });
        profile_set_attribute(p, "service.name", "billing");
        profile_counters(p)->ticks = profile_counters(p)->ok = stacks;
        for (size_t i = 0; i < stacks; i++) {
                snprintf(name, sizeof(name), "f%zu%s", i, padding);
                profile_id frame = interned_frame(p, interned_function(p, name, "/app/main.py", 3), 7);
                cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), threads[i % 2], PROFILE_RUNNING, 1, 10000000),
                             0);
        }
        return p;
}
