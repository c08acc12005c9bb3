/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"
#include "tests/unit/send_bodies.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(send_protocol);

/* ---- OTLP ---------------------------------------------------------------- */

/*
 * How often all bodies together say @text; none is beyond the bound. No strstr():
 * the address sanitizer's looks at all of the body in every call.
 */
static size_t occurrences(const struct bodies *bodies, const char *text)
{
        size_t n = 0;

        for (size_t i = 0; i < bodies->n; i++) {
                cr_assert_leq(bodies->items[i].len, 16 << 20);
                for (const char *at = bodies->items[i].text; *at; at++)
                        n += *at == *text && strncmp(at, text, strlen(text)) == 0;
        }
        return n;
}

Test(send_protocol, otlp_batches_have_8000_profiles_at_most)
{
        struct profile_set set = { 0 };
        struct bodies bodies;

        for (int i = 0; i < 8001; i++)
                make_set(&set, "work");
        bodies_split(&send_otlp, &set, &bodies);
        cr_assert_eq(bodies.n, 2);
        cr_assert_eq(occurrences(&bodies, "\"timeUnixNano\""), 8001);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* One profile of some 17 MB of names: cut between its stacks. */
Test(send_protocol, otlp_profile_too_large_is_cut_between_stacks)
{
        struct profile_set set = { 0 };
        struct bodies bodies;
        char padding[3001];

        memset(padding, 'x', 3000);
        padding[3000] = '\0';
        profile_set_add(&set, bodies_profile(5700, padding));
        bodies_split(&send_otlp, &set, &bodies);
        cr_assert_eq(bodies.n, 2);
        cr_assert_eq(bodies.too_large, 0);
        cr_assert_eq(occurrences(&bodies, "\"stackIndex\""), 5700);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* ---- splitting ----------------------------------------------------------- */

/* A protocol whose bodies hold no more than 3 samples; they say profiles, samples and ticks. */
static int encode_few(const struct profile_set *set, bool all_labels, struct send_body *ret)
{
        uint64_t total = 0, ticks = 0;
        char *text;

        cr_assert(!all_labels);

        for (size_t i = 0; i < set->n; i++)
                total += profile_total(set->items[i]);
        if (total > 3)
                return -EFBIG;
        for (size_t i = 0; i < set->n; i++) {
                ticks += profile_counters_of(set->items[i])->ticks;
                cr_assert_str_eq(profile_attribute(set->items[i], "service.name"), "billing");
                cr_assert_eq(profile_settings(set->items[i])->period_ns, 10000000);
        }
        int len = asprintf(&text, "%zu/%zu/%zu", set->n, (size_t)total, (size_t)ticks);
        *ret = (struct send_body){ text, (size_t)len };
        return 0;
}

Test(send_protocol, halved_until_it_fits)
{
        static const struct send_protocol few = { .max_profiles = 2, .encode = encode_few };
        static const char *const wanted[] = { "1/2/5", "1/3/0", "1/1/1", "2/3/3" };
        struct profile_set set = { 0 };
        struct bodies bodies;

        profile_set_add(&set, bodies_profile(5, ""));
        profile_set_add(&set, bodies_profile(1, ""));
        struct profile *heavy = bodies_profile(0, "");
        profile_id frame = interned_frame(heavy, interned_function(heavy, "f", "", 1), 1);
        profile_add(heavy, interned_stack(heavy, &frame, 1), 0, PROFILE_RUNNING, 4, 4);
        profile_set_add(&set, heavy);
        profile_set_add(&set, bodies_profile(2, ""));
        profile_set_add(&set, bodies_profile(1, ""));
        bodies_split(&few, &set, &bodies);
        cr_assert_eq(bodies.too_large, 1, "a single stack cannot be cut");
        cr_assert_eq(bodies.n, 4);
        for (size_t i = 0; i < bodies.n; i++)
                cr_expect_str_eq(bodies.items[i].text, wanted[i]);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}
