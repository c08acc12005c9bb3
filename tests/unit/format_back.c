/* SPDX-License-Identifier: Apache-2.0 */
/* What is written comes back; what is cut, damaged or foreign is refused with a sentence. */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(format_back);

static const char *const readable[] = { "folded", "speedscope", "gecko", "chrometrace", "jsonl", "pprof", "otlp" };
#define READABLE (sizeof(readable) / sizeof(*readable))

static int by_line(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Folded stacks, sorted. */
static char *fold_sorted(const struct profile_set *set)
{
        char *text = helper_format("folded", set), *sorted = calloc(1, strlen(text) + 1), *lines[64], *rest = text;
        size_t n = 0;

        for (char *line; n < 64 && (line = strsep(&rest, "\n")) && *line;)
                lines[n++] = line;
        qsort(lines, n, sizeof(*lines), by_line);
        for (size_t i = 0; i < n; i++)
                strcat(strcat(sorted, lines[i]), "|");
        free(text);
        return sorted;
}

static struct profile_set mixed_set(void)
{
        static const struct helper_frame waits[] = { { "<module>", "/app/main.py", 1, 41 },
                                                     { "[waits: GIL]", "", 0, 0 } };
        struct profile *p = helper_service();
        profile_id frames[3], stack;

        helper_add(p, waits, 2, 0, PROFILE_IDLE, 2);
        profile_intern_native(p, &(struct profile_native){ .kind = PROFILE_KERNEL, .name = "copy", .file = "[kernel]" },
                              &frames[0]);
        profile_intern_native(
                p, &(struct profile_native){ .kind = PROFILE_C, .name = "read", .file = "/lib/libc.so.6" }, &frames[1]);
        profile_intern_function(p, "a;b \"\\", "/x (y).py", 3, &frames[2]);
        profile_intern_frame(p, frames[2], 7, &frames[2]);
        profile_intern_stack(p, frames, 3, &stack);
        profile_add(p, stack, 0, PROFILE_RUNNING, 4, 40000000);
        return helper_set(p);
}

Test(format_back, stacks_come_back)
{
        struct profile_set set = mixed_set();
        char *expected = fold_sorted(&set);

        for (size_t i = 0; i < READABLE; i++) {
                size_t len;
                char *bytes = helper_write(format_by_name(readable[i])->write, &set, &len);
                struct profile_set back = helper_read_back(bytes, len);
                char *folded = fold_sorted(&back);

                /* folded stacks have the last part of a library's path */
                if (strcmp(readable[i], "folded") != 0)
                        cr_expect_str_eq(folded, expected, "%s: got\n%s\nnot\n%s", readable[i], folded, expected);
                cr_expect_eq(profile_total(back.items[0]), 16, "%s", readable[i]);
                free(folded);
                free(bytes);
                profile_set_deinit(&back);
        }
        free(expected);
        profile_set_deinit(&set);
}

Test(format_back, times_come_back)
{
        static const char *const timed[] = { "speedscope", "gecko", "chrometrace", "jsonl" };

        for (size_t i = 0; i < sizeof(timed) / sizeof(*timed); i++) {
                struct profile_set set = mixed_set();
                size_t len;
                char *bytes = helper_write(format_by_name(timed[i])->write, &set, &len);
                struct profile_set back = helper_read_back(bytes, len);
                uint64_t ns = 0;

                for (size_t k = 0; k < profile_samples(back.items[0]); k++)
                        ns += profile_sample(back.items[0], k)->nanoseconds;
                cr_expect_eq(ns, 160000000, "%s", timed[i]);
                free(bytes);
                profile_set_deinit(&back);
                profile_set_deinit(&set);
        }
}

/* Refused with a sentence, or read: nothing behind the end is touched, and nothing leaks. */
static void read_damaged(const char *format, const char *bytes, size_t len)
{
        struct profile_set back = { 0 };
        const char *error = NULL;
        int r = format_read(guard_copy(bytes, len), len, &back, &error);

        if (r == 0)
                profile_set_deinit(&back);
        else if (r == -EINVAL)
                cr_expect(error && *error, "%s: no sentence", format);
}

Test(format_back, cut_files, .timeout = 60)
{
        struct profile_set set = mixed_set();

        for (size_t i = 0; i < format_table_n; i++) {
                size_t len;
                char *bytes = helper_write(format_table[i]->write, &set, &len);

                for (size_t n = 0; n < len; n += 1 + len / 600)
                        read_damaged(format_table[i]->name, bytes, n);
                free(bytes);
        }
        profile_set_deinit(&set);
}

Test(format_back, changed_files, .timeout = 60)
{
        static const char others[] = { 0, '9', '"', '[', ']', '{', '-', 'e', (char)0xff, '\n' };
        struct profile_set set = mixed_set();

        for (size_t i = 0; i < format_table_n; i++) {
                size_t len;
                char *bytes = helper_write(format_table[i]->write, &set, &len);

                for (size_t n = 0; n < len; n += 1 + len / 600) {
                        char was = bytes[n];

                        bytes[n] = others[n % sizeof(others)];
                        read_damaged(format_table[i]->name, bytes, len);
                        bytes[n] = was;
                }
                free(bytes);
        }
        profile_set_deinit(&set);
}

#define FRAMES "\"shared\":{\"frames\":[{\"name\":\"f\"}]}"
#define SAMPLED(rest) "{" FRAMES ",\"profiles\":[{\"type\":\"sampled\",\"unit\":\"seconds\"," rest "}]}"
#define EVENTS(unit, events) \
        "{" FRAMES ",\"profiles\":[{\"type\":\"evented\",\"unit\":\"" unit "\",\"events\":[" events "]}]}"
#define GECKO(samples, stacks, frames, functions)                                                                     \
        "{\"meta\":{\"preprocessedProfileVersion\":57},\"shared\":{\"stringArray\":[\"f\"]},\"threads\":[{"           \
        "\"samples\":{" samples "},\"stackTable\":{" stacks "},\"frameTable\":{" frames "},\"funcTable\":{" functions \
        "}}]}"
#define STACKS "\"frame\":[0],\"prefix\":[null]"
#define JSONL "{\"format\":\"podflame jsonl\",\"version\":1}\n"
#define AUSTIN "# austin: 3.7.0\n"

static const struct {
        const char *text, *error;
} refused[] = {
        { SAMPLED("\"samples\":[[0]],\"weights\":[]"), "profiles[0] has not as many samples as weights" },
        { SAMPLED("\"samples\":[[1]],\"weights\":[1]"), "profiles[0].samples[0] names no frame of the 1" },
        { SAMPLED("\"samples\":[[-1]],\"weights\":[1]"), "profiles[0].samples[0] names no frame" },
        { SAMPLED("\"samples\":[[0.5]],\"weights\":[1]"), "profiles[0].samples[0] names no frame" },
        { SAMPLED("\"samples\":[0],\"weights\":[1]"), "profiles[0].samples[0] is no array" },
        { SAMPLED("\"samples\":[[0]],\"weights\":[-1]"), "profiles[0].weights[0] is no number that is 0 or more" },
        { SAMPLED("\"samples\":[[0]],\"weights\":[\"1\"]"), "profiles[0].weights[0] is no number" },
        { SAMPLED("\"samples\":[[0]],\"weights\":[1e999]"), "profiles[0].weights[0] is no number" },
        { SAMPLED("\"samples\":[[0]],\"weights\":[1],\"counts\":[0.5]"), "profiles[0].counts[0] is no count" },
        { EVENTS("bytes", ""), "profiles[0].unit 'bytes' is neither none nor a time" },
        { EVENTS("seconds", "{\"type\":\"C\",\"frame\":0,\"at\":1}"), "events[0] closes no open frame" },
        { EVENTS("seconds", "{\"type\":\"O\",\"frame\":0,\"at\":2},{\"type\":\"C\",\"frame\":0,\"at\":1}"),
          "events[1] is no event at a later time" },
        { "{\"shared\":{\"frames\":[7]},\"profiles\":[]}", "shared.frames[0] is no object" },
        { "{\"threads\":[],\"meta\":{}}", "no meta.preprocessedProfileVersion" },
        { GECKO("\"stack\":[0]", "", "\"func\":[0]", "\"name\":[0]"), "threads[0].stackTable.frame is no array" },
        { GECKO("\"stack\":[1]", STACKS, "\"func\":[0]", "\"name\":[0]"),
          "threads[0].samples.stack[0] is out of range" },
        { GECKO("\"stack\":[0]", "\"frame\":[0],\"prefix\":[0]", "\"func\":[0]", "\"name\":[0]"),
          "stackTable.prefix[0] is out of range" },
        { GECKO("\"stack\":[0]", STACKS, "\"func\":[3]", "\"name\":[0]"), "frameTable.func[0] is out of range" },
        { GECKO("\"stack\":[0]", STACKS, "\"func\":[0]", "\"name\":[9]"), "funcTable.name[0] is out of range" },
        { GECKO("\"stack\":[0],\"weightType\":\"bytes\"", STACKS, "\"func\":[0]", "\"name\":[0]"),
          "weightType 'bytes' is not samples" },
        { "{\"traceEvents\":7}", "traceEvents is no array" },
        { "{\"traceEvents\":[]}", "no frame begins" },
        { "[{\"ph\":\"E\",\"ts\":1}]", "traceEvents[0] ends a frame, and none is open" },
        { "[{\"ph\":\"B\"}]", "traceEvents[0] has no time (ts)" },
        { "[{\"ph\":\"B\",\"ts\":2},{\"ph\":\"E\",\"ts\":1}]", "traceEvents[1] is earlier than the one before it" },
        { "[{\"ph\":\"B\",\"ts\":2,\"tid\":\"x\"}]", "traceEvents[0] has a pid or tid that is no number" },
        { JSONL "{}\n", "line 2 has no stack" },
        { JSONL "\n[]\n", "line 3 is no object" },
        { JSONL "{\"stack\":[{\"name\":\"f\"}]}\n", "line 2 has no samples" },
        { JSONL "{\"samples\":1,\"stack\":[7]}\n", "line 2 has a frame that is no object" },
        { JSONL "{\"samples\":1,\"stack\":[{\"kind\":\"x\"}]}\n", "line 2 has a frame whose kind" },
        { JSONL "{\"samples\":1", "line 2 is cut off" },
        { AUSTIN "x\n", "line 2 is not \"P<pid>" },
        { AUSTIN "P1 5\n", "line 2 has no thread" },
        { AUSTIN "P1;T0:1;f 5\n", "line 2 has a frame that is not file:function:line" },
        { AUSTIN "P1;T0:1;a:f:1 5,7,3\n", "line 2 has a metric that is no number" },
        { AUSTIN "# mode: memory\n", "line 2 says that the mode is memory" },
        { "MOJ\x03\x09", "MOJO: at byte 5: it is cut off" },
        { "MOJ\x03\x0d", "MOJO: at byte 4: there is no such event" },
        { "MOJ\x03\x0a\x01", "a profile of memory" },
        { "MOJ\x03\x05\x01", "it refers to a frame that is not there" },
        { "MOJ\x03\x09\x41", "a number is negative" },
        { "MOJ\x03\x09\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "a number is cut off, or too long" },
        { "MOJ\x03\x06"
          "f",
          "a string is cut off" },
        { "{(", "pstats: at byte" },
        { "{(\3", "pstats: at byte 2: it is cut off" },
        { "{)\x01Z\x01xT0", "pstats: entry 1 has a key that is not (file, line, name)" },
        { "{)\x03Z\x01xTZ\x01xT0", "pstats: entry 1 has a key" },
        { "{)\x02r\x09zz", "pstats: at byte" },
};

Test(format_back, what_is_wrong_is_named)
{
        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
                struct profile_set set = { 0 };
                const char *error = "";
                size_t len = strlen(refused[i].text);
                int r = format_read(guard_copy(refused[i].text, len), len, &set, &error);

                cr_expect_eq(r, -EINVAL, "%s: %d", refused[i].text, r);
                cr_expect_not_null(strstr(error, refused[i].error), "%s: %s", refused[i].text, error);
        }
}

/* Austin's, in both of its forms. */
Test(format_back, austin)
{
        static const char text[] = "# austin: 3.7.0\n# interval: 100\n\nP42;T0:43;/a.py:<module>:3;/a.py:f:7;:GC: 301\n"
                                   "P42;T0:43;/a.py:<module>:3:4:1:9 99\n";
        static const char mojo[] = "MOJ\x03\x01interval\0"
                                   "100\0"
                                   "\x0b\x02/a.py\0\x0b\x03<module>\0\x0b\x04"
                                   "f\0"
                                   "\x03\x01\x02\x03\x03\x04\x01\x09\x03\x02\x02\x04\x07\x07\0\0"
                                   "\x02\0\0"
                                   "2b\0\x05\x01\x05\x02\x07\x09\xad\x04"
                                   "\x02\0\0"
                                   "2b\0\x05\x01\x09\xa3\x01";
        static const struct {
                const char *bytes;
                size_t len;
                const char *thread;
        } rows[] = { { text, sizeof(text) - 1, "T0:43" }, { mojo, sizeof(mojo) - 1, "2b" } };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct profile_set set = helper_read_back(rows[i].bytes, rows[i].len);
                char *folded = fold_sorted(&set), *expected;

                cr_assert_geq(
                        asprintf(&expected,
                                 "%s (tid 43);<module> (/a.py:3) 1|%s (tid 43);<module> (/a.py:3);f (/a.py:7);GC 3|",
                                 rows[i].thread, rows[i].thread),
                        0);
                cr_expect_str_eq(folded, expected, "%s", folded);
                free(expected);
                free(folded);
                profile_set_deinit(&set);
        }
}

/* py-spy's: equal weights are samples; durations of no common period are microseconds. */
Test(format_back, times_become_samples)
{
        static const struct {
                const char *text, *folded;
        } rows[] = {
                { SAMPLED("\"samples\":[[0],[0,0]],\"weights\":[0.01,0.02]"), "f 1|f;f 2|" },
                { SAMPLED("\"samples\":[[0],[0,0]],\"weights\":[0.003,0.0020001]"), "f 3000|f;f 2000|" },
                { "[{\"ph\":\"B\",\"ts\":5,\"name\":\"a\",\"args\":{\"filename\":\"x.py\",\"line\":3}},"
                  "{\"ph\":\"B\",\"ts\":8,\"name\":\"b\"},{\"ph\":\"E\",\"ts\":15},{\"ph\":\"E\",\"ts\":15}]",
                  "a (x.py:3) 3|a (x.py:3);b 7|" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct profile_set set = helper_read_back(rows[i].text, strlen(rows[i].text));
                char *folded = fold_sorted(&set);

                cr_expect_str_eq(folded, rows[i].folded, "%s", folded);
                free(folded);
                profile_set_deinit(&set);
        }
}
