/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"
#include "tests/unit/send_bodies.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(send_parts);

/* ---- dividing ------------------------------------------------------------ */

static void check_equal(const struct send_body *part, const struct send_protocol *protocol,
                        const struct profile_set *set)
{
        struct send_body wanted;

        cr_assert_eq(protocol->encode(set, false, &wanted), 0);
        cr_expect_eq(part->len, wanted.len, "%s", protocol->name);
        cr_expect(part->len == wanted.len && memcmp(part->text, wanted.text, part->len) == 0, "%s", protocol->name);
        free(wanted.text);
        free(part->text);
}

/* A part of a body is what the same profiles would have been sent as, with the same ids. */
Test(send_parts, parts_of_a_body)
{
        static const struct send_protocol *const protocols[] = { &send_otlp, &send_pyroscope, &send_parca };
        static const struct send_choice some = { .items = { 1, 3, 4 }, .n = 3 }, wrong = { .items = { 5 }, .n = 1 };

        for (size_t i = 0; i < 3; i++) {
                struct send_body parts[5], whole;
                struct profile_set set = { 0 };

                for (size_t k = 0; k < 5; k++) {
                        profile_set_add(&set, bodies_profile(1 + k, ""));
                        profile_set_attribute(set.items[k], "container.id", "0123");
                }
                cr_assert_eq(protocols[i]->encode(&set, false, &whole), 0);
                cr_assert_eq(send_body_count(protocols[i], &whole), 5);
                cr_assert_eq(send_body_divide(protocols[i], &whole, false, NULL, 2, parts), 0);
                check_equal(&parts[0], protocols[i], &(struct profile_set){ .items = set.items, .n = 2 });
                check_equal(&parts[1], protocols[i], &(struct profile_set){ .items = set.items + 2, .n = 3 });
                cr_assert_eq(send_body_divide(protocols[i], &whole, false, NULL, 5, parts), 0);
                for (size_t k = 0; k < 5; k++)
                        check_equal(&parts[k], protocols[i], &(struct profile_set){ .items = set.items + k, .n = 1 });
                cr_assert_eq(send_body_divide(protocols[i], &whole, false, &some, 1, parts), 0);
                struct profile *chosen[] = { set.items[1], set.items[3], set.items[4] };
                check_equal(&parts[0], protocols[i], &(struct profile_set){ .items = chosen, .n = 3 });
                cr_expect_eq(send_body_divide(protocols[i], &whole, false, NULL, 6, parts), -E2BIG);
                cr_expect_eq(send_body_divide(protocols[i], &whole, false, &wrong, 1, parts), -EINVAL);
                free(whole.text);
                profile_set_deinit(&set);
        }
}

Test(send_parts, junk_is_not_divided)
{
        static const struct send_protocol *const protocols[] = { &send_otlp, &send_pyroscope, &send_parca };
        static const char *const junk[] = { "",
                                            "{}",
                                            "[]",
                                            "7",
                                            "null",
                                            "{\"series\":7}",
                                            "\xff",
                                            "\n\x7f",
                                            "\n\x02",
                                            "\n\x01\n",
                                            "\x0a\xff\xff\xff\xff\x0f" };

        for (size_t i = 0; i < 3; i++) {
                for (size_t k = 0; k < sizeof(junk) / sizeof(junk[0]); k++) {
                        char *text = strdup(junk[k]);
                        const struct send_body body = { text, strlen(text) };
                        struct send_body halves[2];
                        int r = send_body_divide(protocols[i], &body, false, NULL, 2, halves);

                        cr_expect(r == -EINVAL || r == -E2BIG, "%s: %s", protocols[i]->name, junk[k]);
                        cr_expect_leq(send_body_count(protocols[i], &body), 0);
                        free(text);
                }
        }
}

/* ---- answers ------------------------------------------------------------- */

#define NAMED(index) \
        "push series with index " index " and id 0123 failed: resource_exhausted: push rate limit (4.0 MiB)"

Test(send_parts, pyroscope_names_what_has_failed)
{
        static const struct {
                const char *answer;
                size_t n, first, last; /* n 0: it tells nothing */
        } rows[] = {
                { "", 0, 0, 0 },
                { "{\"code\":\"resource_exhausted\",\"message\":\"push rate limit (4.0 MiB) exceeded\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"" NAMED("3") "\"}", 1, 3, 3 },
                { "{\"code\":\"unknown\",\"message\":\"2 errors: " NAMED("12") "; " NAMED("3") "\"}", 2, 12, 3 },
                { "{\"code\":\"unknown\",\"message\":\"3 errors: " NAMED("12") "; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\": \"unknown\", \"message\": \"2 errors: " NAMED("12") "; " NAMED("3") "\"}", 2, 12, 3 },
                { "{\"code\": \"unknown\", \"message\": \"3 errors: " NAMED("12") "; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"2 errors: gzip: bad header; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"2 errors: " NAMED("3") "; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"" NAMED("3") "; " NAMED("4") "\"}", 0, 0, 0 },
                { "\"message\":\"push series with index ", 0, 0, 0 },
                { "\"message\":\"push series with index x", 0, 0, 0 },
                { "\"message\":\"", 0, 0, 0 },
                { "\"message\":\"2", 0, 0, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                size_t len = strlen(rows[i].answer);
                struct send_choice failed = { .n = 0 };
                bool told = send_pyroscope.failed(guard_copy(rows[i].answer, len), len, &failed);

                cr_expect_eq(told, rows[i].n > 0, "row %zu", i);
                if (!told || rows[i].n == 0)
                        continue;
                cr_expect_eq(failed.n, rows[i].n, "row %zu", i);
                cr_expect_eq(failed.items[0], rows[i].first);
                cr_expect_eq(failed.items[failed.n - 1], rows[i].last);
        }
}
