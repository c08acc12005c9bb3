/* SPDX-License-Identifier: Apache-2.0 */
/* The books of a profile in every format, and out of those that are read back. */
#include "tests/unit/format_helper.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

SUITE(format_coverage);

#define SECOND 1000000000ull

#define SENTENCE                                                                                                      \
        "50.0 %: of 0.20 s of CPU time, samples stand for 0.10 s; not seen by any tick 0.07 s, before it was opened " \
        "0.03 s"

/* The small service, which the kernel says ran twice as long as its samples stand for. */
static struct profile *accounted(void)
{
        struct profile *p = helper_service();
        struct profile_counters *c = profile_counters(p);

        c->accounted_ns = SECOND / 5;
        c->sampled_ns = SECOND / 10;
        c->unopened_ns = 3 * SECOND / 100;
        return p;
}

/* What each format says of it, and does not say of the service whose time was not accounted. */
static const struct {
        const char *format, *part;
} parts[] = {
        { "text", "\nCoverage   " SENTENCE "\n" },
        { "html", ",\"coverage\":{\"share\":0.5,\"low\":false,\"sentence\":\"" SENTENCE "\"," },
        { "html", "\"losses\":[{\"name\":\"unseen\",\"reason\":\"not seen by any tick\",\"seconds\":0.07}," },
        { "html", "\"accounted_ns\":200000000," },
        { "otlp", "\"value\":{\"doubleValue\":0.5000}" },
        { "otlp", "\"podflame.accounted_ns\"" },
        { "otlp", "\"podflame.coverage\"" },
        { "speedscope", "; coverage 50.0 %\"" },
};

Test(format_coverage, is_told_where_the_time_was_accounted)
{
        struct profile_set with = helper_set(accounted()), without = helper_set(helper_service());

        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
                char *told = helper_format(parts[i].format, &with), *untold = helper_format(parts[i].format, &without);

                cr_expect_not_null(strstr(told, parts[i].part), "%s: no %s in %s", parts[i].format, parts[i].part,
                                   told);
                cr_expect_null(strstr(untold, parts[i].part), "%s: %s", parts[i].format, untold);
                free(told);
                free(untold);
        }
        profile_set_deinit(&with);
        profile_set_deinit(&without);
}

Test(format_coverage, several_profiles_are_told_as_one)
{
        struct profile_set set = helper_set(accounted());
        struct profile *other = accounted();

        profile_counters(other)->sampled_ns = SECOND / 5;
        profile_set_add(&set, other);
        char *text = helper_format("text", &set);
        cr_expect_not_null(strstr(text, "\nCoverage   75.0 %: of 0.40 s of CPU time"), "%s", text);
        free(text);
        profile_set_deinit(&set);
}

static void expect_kept(const char *format)
{
        const struct profile_counters expected = { .accounted_ns = SECOND / 5,
                                                   .sampled_ns = SECOND / 10,
                                                   .unopened_ns = 3 * SECOND / 100,
                                                   .ticks = 12,
                                                   .ok = 10,
                                                   .retried = 1,
                                                   .torn = 2 };
        struct profile_set set = helper_set(accounted()), back = { 0 };
        const char *error = "";
        size_t len;
        char *bytes = helper_write(format_by_name(format)->write, &set, &len);

        cr_assert_eq(format_read(bytes, len, &back, &error), 0, "%s: %s", format, error);
        cr_assert_eq(back.n, 1);
        cr_expect_arr_eq(profile_counters_of(back.items[0]), &expected, sizeof expected, "%s", format);
        cr_expect_null(profile_attribute(back.items[0], "podflame.coverage"), "it follows from the counters");
        free(bytes);
        profile_set_deinit(&back);
        profile_set_deinit(&set);
}

Test(format_coverage, is_kept_by_what_is_read_back)
{
        expect_kept("otlp");
        expect_kept("pprof");
}

Test(format_coverage, as_an_object_has_the_losses_from_the_greatest_down)
{
        struct profile *p = accounted();
        struct json_object *coverage = format_coverage(profile_counters_of(p), PROFILE_MODE_CPU, SECOND / 100), *value;

        cr_assert_not_null(coverage);
        cr_assert_eq(json_pointer_get(coverage, "/losses", &value), 0);
        cr_expect_eq(json_object_array_length(value), 2);
        cr_assert_eq(json_pointer_get(coverage, "/losses/1/name", &value), 0);
        cr_expect_str_eq(json_object_get_string(value), "unopened");
        cr_assert_eq(json_pointer_get(coverage, "/accounted", &value), 0);
        cr_expect_float_eq(json_object_get_double(value), 0.2, 1e-9);
        json_object_put(coverage);
        profile_free(p);
}
