/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines in the formats that keep them, and pictures and tables with known answers. */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <stdlib.h>
#include <string.h>

SUITE(format_timeline);

#define MS UINT64_C(1000000)

static void add_moment(struct profile *p, profile_id thread, const char *leaf, uint64_t end_ms, uint64_t ms,
                       enum profile_state state)
{
        const profile_id frames[] = { interned_frame(p, interned_function(p, leaf, "", 0), 0),
                                      interned_frame(p, interned_function(p, "main", "/a.py", 1), 3) };
        profile_id stack = interned_stack(p, frames, 2);

        cr_assert_eq(profile_add(p, stack, thread, state, 1, ms * MS), 0);
        profile_add_moment(p, &(struct profile_moment){ .end_ns = end_ms * MS,
                                                        .nanoseconds = ms * MS,
                                                        .count = 1,
                                                        .stack = stack,
                                                        .thread = thread,
                                                        .state = state });
}

/* Two threads; the first runs, collects garbage, and waits for the GIL. */
static struct profile_set timeline(void)
{
        struct profile *p = profile_new();

        profile_keep_timeline(p, 1 << 20);
        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10 * MS, .start_ns = 1 });
        profile_set_attribute(p, "process.pid", "7");
        profile_set_attribute(p, "process.executable.name", "python3");
        profile_id one = interned_thread(p, 8, "one"), two = interned_thread(p, 9, "two");
        add_moment(p, one, "f", 20, 10, PROFILE_RUNNING);
        add_moment(p, two, "f", 20, 10, PROFILE_IDLE);
        add_moment(p, one, "<GC>", 29, 10, PROFILE_RUNNING); /* begins 1 ms before the one before it ends */
        add_moment(p, one, "[waits: GIL]", 60, 10, PROFILE_IDLE);
        add_moment(p, one, "[waits: GIL]", 70, 10, PROFILE_IDLE);
        return helper_set(p);
}

static void expect_parts(const char *format, struct profile_set set, const char *const *parts)
{
        char *text = helper_format(format, &set);

        for (; *parts; parts++)
                cr_expect_not_null(strstr(text, *parts), "%s: no\n%s\nin\n%s", format, *parts, text);
        free(text);
        profile_set_deinit(&set);
}

Test(format_timeline, is_kept)
{
        expect_parts("jsonl", timeline(),
                     (const char *const[]){
                             "\"order\":\"timeline\"",
                             "{\"pid\":7,\"tid\":8,\"process\":\"python3\",\"thread\":\"one\",\"at_ns\":10000000,"
                             "\"samples\":1,\"ns\":10000000,\"stack\":[{\"name\":\"main\"",
                             "\"at_ns\":20000000", "{\"name\":\"(idle)\"}]", NULL });
        expect_parts(
                "speedscope", timeline(),
                (const char *const[]){ "\"name\":\"one\",\"pid\":7,\"tid\":8,\"unit\":\"nanoseconds\"",
                                       "\"endValue\":70000000,\"samples\":[[],[1,0],[1,3],[],[1,4],[1,4]],\"weights\":["
                                       "10000000,10000000,10000000,20000000,10000000,10000000],"
                                       "\"counts\":[0,1,1,0,1,1]",
                                       NULL });
        expect_parts("chrometrace", timeline(),
                     (const char *const[]){ "\"ts\":10000.000,\"cat\":\"frame\",\"name\":\"main\"",
                                            "\"ts\":20000.000,\"samples\":1,",
                                            "\"ts\":50000.000,\"cat\":\"wait\",\"name\":\"[waits: GIL]\"",
                                            "\"ts\":70000.000,\"samples\":2,", NULL });
        expect_parts("gecko", timeline(),
                     (const char *const[]){ "\"time\":[10.000000,20.000000,50.000000,60.000000]",
                                            "\"weight\":[1,1,1,1]", "\"markers\":{\"length\":2,\"name\":[",
                                            "\"startTime\":[20.000000,50.000000]", "\"endTime\":[30.000000,70.000000]",
                                            NULL });
}

/* A process that could not be read has no samples, and takes nobody's time away. */
Test(format_timeline, a_profile_without_samples_changes_nothing)
{
        struct profile_set set = timeline();

        profile_set_add(&set, profile_new());
        expect_parts("jsonl", set, (const char *const[]){ "\"order\":\"timeline\"", "\"at_ns\":10000000", NULL });
}

/* Each of a hundred tasks that wait at the same time has a track. */
Test(format_timeline, what_is_at_the_same_time_has_tracks_of_its_own)
{
        struct profile *p = profile_new();

        profile_keep_timeline(p, 1 << 20);
        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10 * MS });
        for (int i = 0; i < 100; i++)
                add_moment(p, 0, "[sleeps]", 1000, 1000, PROFILE_IDLE);
        expect_parts("jsonl", helper_set(p),
                     (const char *const[]){ "\"thread\":\"tasks, and what has no thread\",\"at_ns\":0,",
                                            "(at the same time: 100)\",\"at_ns\":0,", NULL });
}

Test(format_timeline, says_what_is_missing)
{
        struct profile *p = profile_new();

        profile_keep_timeline(p, sizeof(struct profile_moment));
        add_moment(p, 0, "f", 10, 10, PROFILE_RUNNING);
        add_moment(p, 0, "f", 20, 10, PROFILE_RUNNING);
        expect_parts("gecko", helper_set(p), (const char *const[]){ "timeline, 1 samples had no room", NULL });
}

Test(format_timeline, merged_stacks_say_so)
{
        static const char *const formats[] = { "speedscope", "gecko", "chrometrace", "jsonl" };

        for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
                expect_parts(formats[i], helper_set(helper_service()),
                             (const char *const[]){ "merged stacks, the heaviest first: the order is not that of time",
                                                    NULL });
}

Test(format_timeline, svg)
{
        expect_parts(
                "svg", helper_set(helper_service()),
                (const char *const[]){
                        "podflame: 10 samples, 0.100 s",
                        "<title>&lt;module&gt; (/app/main.py:40): 10 samples, 0.100 s, 100.00 %</title>"
                        "<rect x=\"0.0000\" y=\"44\" width=\"1200.0000\"",
                        "<title>dumps (/usr/lib/python3.11/json/__init__.py:231): 7 samples, 0.070 s, 70.00 %</title>"
                        "<rect x=\"0.0000\" y=\"78\" width=\"840.0000\"",
                        NULL });
        expect_parts("svg", helper_set(helper_frame("</title><script>&\"'\x01\xff", "", 0)),
                     (const char *const[]){ "<title>&lt;/title&gt;&lt;script&gt;&amp;&quot;&#39;", NULL });
        expect_parts("svg", helper_set(profile_new()), (const char *const[]){ "There are no samples.", NULL });
}

/* A picture has no more rows and frames than its bounds, and says what it lacks. */
Test(format_timeline, svg_is_bounded)
{
        static struct helper_frame frames[1200];
        struct profile *p = profile_new();

        for (size_t i = 0; i < 1200; i++)
                frames[i] = (struct helper_frame){ "f", "", 0, (uint32_t)i };
        helper_add(p, frames, 1200, 0, PROFILE_RUNNING, 1);
        expect_parts("svg", helper_set(p),
                     (const char *const[]){ "200 frames are left out: too narrow, too deep or too many", NULL });
}

/* Recursion counts once: main calls f, which calls itself. */
Test(format_timeline, pstats)
{
        static const struct helper_frame deep[] = { { "main", "", 0, 0 }, { "f", "", 0, 1 }, { "f", "", 0, 2 } };
        struct profile *p = profile_new();
        struct profile_set set = { .items = &p, .n = 1 };
        size_t len;

        helper_add(p, deep, 3, 0, PROFILE_RUNNING, 5);
        helper_add(p, deep, 1, 0, PROFILE_RUNNING, 2);
        char *bytes = helper_write(format_by_name("pstats")->write, &set, &len);
        cr_assert_eq(*bytes, '{');
        struct profile_set back = helper_read_back(bytes, len);
        cr_expect_eq(profile_total(back.items[0]), 7);
        cr_assert_eq(profile_samples(back.items[0]), 2);
        cr_expect_eq(profile_sample(back.items[0], 0)->count + profile_sample(back.items[0], 1)->count, 7);
        profile_set_deinit(&back);
        free(bytes);
        profile_free(p);
}
