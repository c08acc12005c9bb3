/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/interned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(otlp_read);

static int read_back(const char *json, size_t len, struct profile_set *ret, const char **ret_error)
{
        return format_read_otlp(guard_copy(json, len), len, ret, ret_error);
}

static char *otlp(const struct profile_set *set)
{
        return helper_format("otlp", set);
}

/* ---- round trips ----------------------------------------------------------- */

/* What is read writes the same bytes again. */
static void expect_round_trip(struct profile_set set)
{
        struct profile_set back = { 0 };
        char *first = otlp(&set), *second;

        cr_assert_eq(read_back(first, strlen(first), &back, NULL), 0);
        second = otlp(&back);
        cr_expect_str_eq(first, second);
        free(first);
        free(second);
        profile_set_deinit(&set);
        profile_set_deinit(&back);
}

Test(otlp_read, round_trip)
{
        expect_round_trip(helper_set(helper_service()));
        expect_round_trip(helper_set(helper_frame("f", "a.py", 0)));
        expect_round_trip(helper_set(profile_new()));
        expect_round_trip((struct profile_set){ 0 });
}

Test(otlp_read, round_trip_of_several)
{
        static const struct helper_frame frame = { "f", "a.py", 1, 2 };
        struct profile_set set = helper_set(helper_service());
        struct profile *other = helper_service();
        struct profile_settings settings = *profile_settings(other);

        settings.mode = PROFILE_MODE_GIL;
        settings.engine = "timer";
        profile_set_settings(other, &settings);
        helper_add(other, &frame, 1, interned_thread(other, 7, "a thread"), PROFILE_IDLE, 5);
        helper_add(other, &frame, 1, interned_thread(other, 8, ""), PROFILE_RUNNING, 6);
        profile_set_add(&set, other);
        profile_set_add(&set, helper_service());
        expect_round_trip(set);
}

/* The same, of a profile that chance made. */
Test(otlp_read, round_trip_of_random_profiles)
{
        unsigned seed = 11;

        for (int round = 0; round < 40; round++) {
                struct profile *p = profile_new();

                for (int i = 0; i < 20; i++) {
                        struct helper_frame frames[12];
                        char names[12][12];
                        size_t n = 1 + (size_t)rand_r(&seed) % 12;

                        for (size_t k = 0; k < n; k++) {
                                snprintf(names[k], sizeof(names[k]), "f%d\"<\n\xff", rand_r(&seed) % 5);
                                frames[k] = (struct helper_frame){ names[k], "a.py", 1, (uint32_t)rand_r(&seed) % 3 };
                        }
                        helper_add(p, frames, n, rand_r(&seed) % 2 ? interned_thread(p, 5, names[0]) : 0,
                                   rand_r(&seed) % 2 ? PROFILE_IDLE : PROFILE_RUNNING, 1 + (uint64_t)rand_r(&seed) % 9);
                }
                expect_round_trip(helper_set(p));
        }
}

Test(otlp_read, all_of_a_profile)
{
        struct profile_set set = helper_set(helper_service()), back = { 0 };
        char *json = otlp(&set);

        cr_assert_eq(read_back(json, strlen(json), &back, NULL), 0);
        cr_assert_eq(back.n, 1);
        const struct profile *p = back.items[0];
        const struct profile_settings *settings = profile_settings(p);
        cr_expect_eq(settings->mode, PROFILE_MODE_CPU);
        cr_expect_eq(settings->period_ns, 10000000);
        cr_expect_eq(settings->start_ns, 1767225600000000000);
        cr_expect_eq(settings->duration_ns, 10000000000);
        cr_expect_str_eq(settings->engine, "perf");
        cr_expect_eq(profile_counters_of(p)->ticks, 12);
        cr_expect_eq(profile_counters_of(p)->torn, 2);
        cr_expect_str_eq(profile_attribute(p, "process.pid"), "42");
        cr_expect_str_eq(profile_attribute(p, "container.name"), "web");
        cr_expect_eq(profile_attributes(p), 4);
        cr_expect_eq(profile_total(p), 10);
        cr_assert_eq(profile_samples(p), 2);
        cr_expect_eq(profile_sample(p, 0)->nanoseconds, 70000000);
        char *before = helper_format("folded", &set), *after = helper_format("folded", &back);
        cr_expect_str_eq(before, after);
        free(before);
        free(after);
        free(json);
        profile_set_deinit(&set);
        profile_set_deinit(&back);
}

/* ---- what others send ------------------------------------------------------ */

#define STRINGS                                                                                                        \
        "\"stringTable\":[\"\",\"f\",\"a.py\",\"cpu\",\"nanoseconds\",\"thread.name\",\"w\",\"thread.id\",\"podflame." \
        "ok\"]"
#define TABLES                                                                                                        \
        STRINGS ",\"functionTable\":[{},{\"nameStrindex\":1,\"filenameStrindex\":2,\"startLine\":\"1\"}],"            \
                "\"locationTable\":[{},{\"lines\":[{\"functionIndex\":1,\"line\":\"3\"}]},"                           \
                "{\"lines\":[{\"functionIndex\":1,\"line\":4},{\"functionIndex\":1,\"line\":5}]},{}],"                \
                "\"attributeTable\":[{},{\"keyStrindex\":5,\"value\":{\"stringValueStrindex\":6}},"                   \
                "{\"keyStrindex\":7,\"value\":{\"intValue\":9}},{\"keyStrindex\":7,\"value\":{\"intValue\":-20140}}," \
                "{\"keyStrindex\":8,\"value\":{\"intValue\":\"-5\"}},"                                                \
                "{\"keyStrindex\":7,\"value\":{\"stringValue\":\"99999999999999999999\"}}],"                          \
                "\"stackTable\":[{},{\"locationIndices\":[1]},{\"locationIndices\":[2,\"1\"]},"                       \
                "{\"locationIndices\":[3]}]"
#define REQUEST(profile, tables) \
        "{\"resourceProfiles\":[{\"scopeProfiles\":[{\"profiles\":[{" profile "}]}]}],\"dictionary\":{" tables "}}"
#define SAMPLES(samples) REQUEST("\"samples\":[" samples "]", TABLES)

static const struct {
        const char *json, *folded;
} accepted[] = {
        { "{}", "" },
        { " {} \n", "" },
        { "{\"resourceProfiles\":null,\"dictionary\":null}", "" },
        { "{\"resourceProfiles\":[{}],\"unknown\":[1,{\"x\":2}]}", "" },
        { REQUEST("\"samples\":[{\"values\":[\"2\"]}]", ""), "(unknown) 2\n" },
        { SAMPLES("{\"stackIndex\":1,\"values\":[\"2\"]}"), "f (a.py:3) 2\n" },
        { SAMPLES("{\"stackIndex\":\"1\",\"values\":[2]}"), "f (a.py:3) 2\n" },
        { SAMPLES("{\"stackIndex\":1,\"values\":[2,3]}"), "f (a.py:3) 5\n" },
        { SAMPLES("{\"stackIndex\":1,\"values\":[0]}"), "" },
        { SAMPLES("{\"stackIndex\":1}"), "" },
        { SAMPLES("{\"stackIndex\":1,\"timestampsUnixNano\":[\"5\",\"6\",\"7\"]}"), "f (a.py:3) 3\n" },
        { SAMPLES("{\"stackIndex\":1,\"values\":[1],\"values\":[4]}"), "f (a.py:3) 4\n" },
        { SAMPLES("{\"stackIndex\":3,\"values\":[1]}"), "(unknown) 1\n" },
        /* An inlined function is nearer to the leaf than its caller. */
        { SAMPLES("{\"stackIndex\":2,\"values\":[1]}"), "f (a.py:3);f (a.py:5);f (a.py:4) 1\n" },
        { SAMPLES("{\"stackIndex\":1,\"values\":[1],\"attributeIndices\":[0,1,2]}"), "w (tid 9);f (a.py:3) 1\n" },
        /* No thread has a negative number. */
        { SAMPLES("{\"stackIndex\":1,\"values\":[1],\"attributeIndices\":[1,3]}"), "w (tid 0);f (a.py:3) 1\n" },
        /* Nanoseconds with a period are counts, rounded. */
        { REQUEST("\"sampleType\":{\"unitStrindex\":4},\"period\":\"10\","
                  "\"samples\":[{\"stackIndex\":1,\"values\":[35]}]",
                  TABLES),
          "f (a.py:3) 4\n" },
};

Test(otlp_read, accepted)
{
        for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
                struct profile_set set = { 0 };
                const char *error = "";

                cr_assert_eq(read_back(accepted[i].json, strlen(accepted[i].json), &set, &error), 0, "%s: %s",
                             accepted[i].json, error);
                helper_expect("folded", set, accepted[i].folded);
        }
}

/* Numbers that no profiler writes: what is made of them can be written, and read again. */
Test(otlp_read, numbers_out_of_range_make_a_round_trip)
{
        static const char json[] = REQUEST("\"attributeIndices\":[4],\"samples\":[{\"stackIndex\":1,\"values\":[1],"
                                           "\"attributeIndices\":[3]},{\"stackIndex\":1,\"values\":[1],"
                                           "\"attributeIndices\":[5]}]",
                                           TABLES);
        struct profile_set set = { 0 };

        cr_assert_eq(read_back(json, strlen(json), &set, NULL), 0);
        cr_expect_eq(profile_counters_of(set.items[0])->ok, 0);
        expect_round_trip(set);
}

/* As the OpenTelemetry Collector writes what it was sent. */
Test(otlp_read, resources_whose_texts_are_in_the_table)
{
        static const char json[] = "{\"resourceProfiles\":[{\"resource\":{\"attributes\":["
                                   "{\"keyStrindex\":5,\"value\":{\"stringValueStrindex\":6}},{\"keyStrindex\":7,"
                                   "\"value\":{\"intValue\":\"9\"}}]},"
                                   "\"scopeProfiles\":[{\"profiles\":[{}]}]}],\"dictionary\":{" STRINGS "}}";
        struct profile_set set = { 0 };

        cr_assert_eq(read_back(json, strlen(json), &set, NULL), 0);
        cr_expect_str_eq(profile_attribute(set.items[0], "thread.name"), "w");
        cr_expect_str_eq(profile_attribute(set.items[0], "thread.id"), "9");
        profile_set_deinit(&set);
}

/* ---- hostile input --------------------------------------------------------- */

#define ONE_STACK(stack, location, function, string)                                 \
        REQUEST("\"samples\":[{\"stackIndex\":1,\"values\":[1]}]",                   \
                "\"stackTable\":[{}," stack "],\"locationTable\":[{}," location "]," \
                "\"functionTable\":[{}," function "],\"stringTable\":[\"\"," string "]")
#define RESOURCE(attribute)                                                      \
        "{\"resourceProfiles\":[{\"resource\":{\"attributes\":[" attribute "]}," \
        "\"scopeProfiles\":[{\"profiles\":[{}]}]}]}"

static const char *const refused[] = {
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{}x",
        "{} {}",
        "{\"resourceProfiles\":{}}",
        "{\"resourceProfiles\":[1]}",
        "{\"dictionary\":[]}",
        "{\"dictionary\":{\"stringTable\":{}}}",
        "{\"resourceProfiles\":[{\"resource\":[]}]}",
        RESOURCE("{\"keyStrindex\":1,\"value\":{\"stringValue\":\"x\"}}"),
        "{\"resourceProfiles\":[{\"scopeProfiles\":[{\"profiles\":[{\"samples\":7}]}]}]}",
        SAMPLES("{\"stackIndex\":4,\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":-1,\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":1.5,\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":true,\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":\"\",\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":\"1x\",\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":\"-1\",\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":\" 1\",\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":18446744073709551616,\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":\"18446744073709551616\",\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":1,\"values\":[-1]}"),
        SAMPLES("{\"stackIndex\":1,\"values\":[1e3]}"),
        SAMPLES("{\"stackIndex\":1,\"values\":[\"18446744073709551615\",\"1\"]}"),
        SAMPLES("{\"stackIndex\":1,\"values\":[\"18446744073709551615\"]},{\"stackIndex\":1,\"values\":[1]}"),
        SAMPLES("{\"stackIndex\":1,\"values\":[1],\"attributeIndices\":[6]}"),
        SAMPLES("{\"stackIndex\":1,\"values\":{}}"),
        SAMPLES("[]"),
        REQUEST("\"period\":\"10\",\"samples\":[{\"stackIndex\":1,\"values\":[\"9223372036854775807\"]}]", TABLES),
        REQUEST("\"period\":-1", ""),
        REQUEST("\"period\":{}", ""),
        REQUEST("\"sampleType\":{\"unitStrindex\":9}", TABLES),
        REQUEST("\"sampleType\":3", TABLES),
        REQUEST("\"attributeIndices\":[1]", ""),
        ONE_STACK("[]", "{}", "{}", "\"\""),
        ONE_STACK("{\"locationIndices\":[2]}", "{}", "{}", "\"\""),
        ONE_STACK("{\"locationIndices\":1}", "{}", "{}", "\"\""),
        ONE_STACK("{\"locationIndices\":[1]}", "7", "{}", "\"\""),
        ONE_STACK("{\"locationIndices\":[1]}", "{\"lines\":[{\"functionIndex\":2}]}", "{}", "\"\""),
        ONE_STACK("{\"locationIndices\":[1]}", "{\"lines\":[{\"line\":4294967296}]}", "{}", "\"\""),
        ONE_STACK("{\"locationIndices\":[1]}", "{\"lines\":[7]}", "{}", "\"\""),
        ONE_STACK("{\"locationIndices\":[1]}", "{\"lines\":[{\"functionIndex\":1}]}", "7", "\"\""),
        ONE_STACK("{\"locationIndices\":[1]}", "{\"lines\":[{\"functionIndex\":1}]}", "{\"nameStrindex\":2}", "\"\""),
        ONE_STACK("{\"locationIndices\":[1]}", "{\"lines\":[{\"functionIndex\":1}]}", "{\"nameStrindex\":1}", "{}"),
        RESOURCE("{\"key\":\"k\",\"value\":{\"intValue\":\"x\"}}"),
        RESOURCE("{\"key\":\"k\",\"value\":{\"stringValue\":7}}"),
        RESOURCE("{\"key\":\"k\",\"value\":7}"),
        RESOURCE("{\"key\":7}"),
        RESOURCE("7"),
        "{\"x\":\"\xff\"}",
        "{\"x\":\"\xc3\"}",
};

Test(otlp_read, refused)
{
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                struct profile_set set = { .n = 77 };
                const char *error = NULL;

                cr_expect_eq(read_back(refused[i], strlen(refused[i]), &set, &error), -EINVAL, "%s", refused[i]);
                cr_expect_neq(error, NULL, "%s", refused[i]);
                cr_expect_eq(set.n, 77);
        }
}

Test(otlp_read, cut_at_every_byte)
{
        struct profile_set set = helper_set(helper_service()), back;
        char *json = otlp(&set);
        size_t len = strlen(json);

        for (size_t i = 0; i < len; i++)
                cr_assert_eq(read_back(json, i, &back, NULL), -EINVAL, "%zu", i);
        free(json);
        profile_set_deinit(&set);
}

/* One byte changed: whatever becomes of it, nothing is read or freed that should not be. */
Test(otlp_read, flipped_bytes)
{
        struct profile_set set = helper_set(helper_service());
        char *json = otlp(&set);
        size_t len = strlen(json), read = 0;

        for (size_t i = 0; i < len; i++) {
                struct profile_set back = { 0 };
                char *flipped = guard_copy(json, len);

                flipped[i] = "{}[]\",:09-x\\"[i % 12];
                if (format_read_otlp(flipped, len, &back, NULL) == 0)
                        read++;
                profile_set_deinit(&back);
        }
        cr_expect(read > 0 && read < len);
        free(json);
        profile_set_deinit(&set);
}

/* @n times @part, between @head and @tail. */
static char *repeat(const char *head, const char *part, size_t n, const char *tail, size_t *ret_len)
{
        char *text = NULL;
        FILE *out = open_memstream(&text, ret_len);

        fputs(head, out);
        for (size_t i = 0; i < n; i++)
                fputs(part, out);
        fputs(tail, out);
        fclose(out);
        return text;
}

static void expect_refused(char *json, size_t len, const char *why)
{
        struct profile_set set = { 0 };
        const char *error = "";

        cr_expect_eq(format_read_otlp(json, len, &set, &error), -EINVAL);
        cr_expect_str_eq(error, why);
        free(json);
}

Test(otlp_read, nested_too_deeply)
{
        size_t len;
        char *json = repeat("{\"x\":", "[", 100000, "", &len);

        expect_refused(json, len, "the body is nested too deeply");
}

Test(otlp_read, too_many_values)
{
        size_t len;
        char *json = repeat("{\"x\":[", "1,", FORMAT_OTLP_MAX_VALUES + 1, "1]}", &len);

        expect_refused(json, len, "the body is too large");
}

Test(otlp_read, too_many_frames)
{
        size_t len;
        char *json = repeat("{\"dictionary\":{\"locationTable\":[{}],\"stackTable\":[{},{\"locationIndices\":[0", ",0",
                            FORMAT_OTLP_MAX_FRAMES,
                            "]}]},\"resourceProfiles\":[{\"scopeProfiles\":[{\"profiles\":[{\"samples\":["
                            "{\"stackIndex\":1,\"values\":[1]}]}]}]}]}",
                            &len);

        expect_refused(json, len, "a stack has too many frames");
}

#define MANY 20000

/* A small body whose every profile would be large. */
Test(otlp_read, amplification)
{
        size_t len;
        char *json = repeat("{\"resourceProfiles\":[{\"scopeProfiles\":[{\"profiles\":[{}", ",{}", MANY, "]}]}]}",
                            &len);

        expect_refused(json, len, "the profiles would take too much memory");
}

Test(otlp_read, too_many_attributes)
{
        char *attributes = NULL;
        size_t len;
        FILE *out = open_memstream(&attributes, &len);

        fputs("{\"resourceProfiles\":[{\"scopeProfiles\":[{\"profiles\":[{}]}],\"resource\":{\"attributes\":[", out);
        for (int i = 0; i < 1000; i++)
                fprintf(out, "%s{\"key\":\"k%d\",\"value\":{\"stringValue\":\"v\"}}", i ? "," : "", i);
        fputs("]}}]}", out);
        fclose(out);
        expect_refused(attributes, len, "a resource has too many attributes");
}
