/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of `podflame gil`: as many as there is room for, with the tables' titles where they are said to be. */
#include "agent/command/gil/report.h"
#include "tests/unit/support/suite.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(command_gil_report);

/* @functions functions and as many threads, each of which has held the GIL for a second while one other waited. */
static struct blame *blame_of(unsigned functions)
{
        struct profile *p = profile_new();
        struct blame *b = blame_new();

        for (unsigned i = 0; i < functions; i++) {
                profile_id ids[2], frames[2], stack, thread;
                char name[16];
                snprintf(name, sizeof name, "f%u", i);
                cr_assert_eq(profile_intern_function(p, "[holds GIL: 1 wait]", "", 0, &ids[0]), 0);
                cr_assert_eq(profile_intern_function(p, name, "a.py", 1, &ids[1]), 0);
                for (size_t j = 0; j < 2; j++)
                        cr_assert_eq(profile_intern_frame(p, ids[j], 0, &frames[j]), 0);
                cr_assert_eq(profile_intern_stack(p, frames, 2, &stack), 0);
                cr_assert_eq(profile_intern_thread(p, i + 1, "worker", &thread), 0);
                cr_assert_eq(profile_add(p, stack, thread, PROFILE_RUNNING, 1, 1000000000), 0);
        }
        cr_assert_eq(blame_add(b, p), 0);
        profile_free(p);
        return b;
}

struct written {
        char *text;
        size_t lines, titles[REPORT_TITLES];
};

static struct written write_lines(const struct report *report, size_t lines)
{
        struct written w = { .titles = { SIZE_MAX, SIZE_MAX } };
        size_t len;
        FILE *out = open_memstream(&w.text, &len);

        report_write(report, lines, out, w.titles);
        fclose(out);
        for (const char *c = w.text; *c; c++)
                w.lines += *c == '\n';
        return w;
}

static const char *line_of(const struct written *w, size_t n)
{
        const char *line = w->text;

        while (n-- > 0)
                line = strchr(line, '\n') + 1;
        return line;
}

Test(command_gil_report, fits_and_has_its_titles_where_it_says)
{
        static const struct {
                size_t lines, functions, threads, expected;
        } rows[] = {
                { SIZE_MAX, 30, 30, 3 + 2 + 30 + 2 + 30 },
                { 40, 16, 17, 40 },
                { 8, 1, 0, 6 },
                { 9, 1, 1, 9 },
                { 3, 0, 0, 3 },
        };
        struct blame *b = blame_of(30);
        struct report report = { .subject = "it", .engine = "timer", .blame = b, .rows = 100 };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct written w = write_lines(&report, rows[i].lines);
                cr_expect_eq(w.lines, rows[i].expected, "%zu: %s", i, w.text);
                cr_expect_eq(w.titles[0] == SIZE_MAX, rows[i].functions == 0, "%zu", i);
                if (w.titles[0] != SIZE_MAX)
                        cr_expect(strstr(line_of(&w, w.titles[0]), "FUNCTION THAT HELD IT\n"), "%zu: %s", i, w.text);
                cr_expect_eq(w.titles[1] == SIZE_MAX, rows[i].threads == 0, "%zu", i);
                if (w.titles[1] != SIZE_MAX)
                        cr_expect_eq(strncmp(line_of(&w, w.titles[1]), " RUNNING%", 9), 0, "%zu: %s", i, w.text);
                free(w.text);
        }
        blame_free(b);
}

Test(command_gil_report, a_turn_is_shown_apart)
{
        struct blame *b = blame_of(2);
        struct report report = {
                .subject = "it", .engine = "timer", .blame = b, .rows = 1, .turn_ns = 500000000, .paused = true
        };
        struct written w = write_lines(&report, SIZE_MAX);

        cr_expect(strstr(w.text, ", paused, it (timer)\n"), "%s", w.text);
        cr_expect(strstr(w.text, "     NOW   WAITED s   WANTED s     HELD s   FUNCTION THAT HELD IT\n"
                                 "    2.00       1.00       1.00       1.00   f0  a.py\n"),
                  "%s", w.text);
        free(w.text);
        blame_turn(b);
        w = write_lines(&report, SIZE_MAX);
        cr_expect(strstr(w.text, "    0.00       1.00"), "%s", w.text);
        cr_expect_null(strstr(w.text, "THREAD"), "none was there in this turn: %s", w.text);
        free(w.text);
        blame_free(b);
}
