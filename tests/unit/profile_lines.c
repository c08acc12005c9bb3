/* SPDX-License-Identifier: Apache-2.0 */
/* A profile with known lines:
 *   app.py  main() 1, from line 3; spin() 10, lines 11 and 12; lib.py  work() 1, line 2 */
#include "agent/profile/profile.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(profile_lines);

static const struct profile_line_choice all = { .file = NULL };

struct scene {
        struct profile *p;
        profile_id main3, main4, spin11, spin12, work2, gil, sleep, c, gc;
};

static struct scene set_scene(void)
{
        struct scene s = { .p = profile_new() };
        profile_id main = interned_function(s.p, "main", "/app/app.py", 1);
        profile_id spin = interned_function(s.p, "Wheel.spin", "/app/app.py", 10);
        profile_id work = interned_function(s.p, "work", "/app/lib.py", 1);
        const struct profile_native native = { .kind = PROFILE_C, .name = "memcpy", .file = "/lib/libc.so.6" };

        s.main3 = interned_frame(s.p, main, 3);
        s.main4 = interned_frame(s.p, main, 4);
        s.spin11 = interned_frame(s.p, spin, 11);
        s.spin12 = interned_frame(s.p, spin, 12);
        s.work2 = interned_frame(s.p, work, 2);
        s.gil = interned_frame(s.p, interned_function(s.p, "[waits: GIL]", "", 0), 0);
        s.sleep = interned_frame(s.p, interned_function(s.p, "[sleeps]", "", 0), 0);
        s.gc = interned_frame(s.p, interned_function(s.p, "<GC>", "", 0), 0);
        s.c = interned_native(s.p, &native);
        return s;
}

/* Leaf first; 0 ends it. */
static void sample(struct profile *p, uint64_t times, const profile_id *frames)
{
        size_t n = 0;

        while (frames[n])
                n++;
        cr_assert_eq(profile_add(p, interned_stack(p, frames, n), 0, PROFILE_RUNNING, times, times * 10), 0);
}
#define SAMPLE(s, times, ...) sample((s).p, times, (const profile_id[]){ __VA_ARGS__, 0 })

static struct profile_lines *count_of(struct scene *s, const struct profile_line_choice *choice)
{
        struct profile_set set = { .items = &s->p, .n = 1 };
        struct profile_lines *lines = NULL;

        cr_assert_eq(profile_lines(&set, choice, &lines), 0);
        return lines;
}

static void expect_line(const struct profile_line_file *file, uint32_t line, uint64_t self, uint64_t total)
{
        for (size_t i = 0; i < file->n_lines; i++)
                if (file->lines[i].line == line) {
                        cr_expect_eq(file->lines[i].count.self, self, "line %u: self %lu", line,
                                     (unsigned long)file->lines[i].count.self);
                        cr_expect_eq(file->lines[i].count.total, total, "line %u: total %lu", line,
                                     (unsigned long)file->lines[i].count.total);
                        return;
                }
        cr_expect(self == 0 && total == 0, "line %u is missing", line);
}

static void end(struct scene *s, struct profile_lines *lines)
{
        profile_lines_free(lines);
        profile_free(s->p);
}

Test(profile_lines, have_self_and_total, .timeout = 60)
{
        struct scene s = set_scene();

        SAMPLE(s, 70, s.spin11, s.main3);
        SAMPLE(s, 20, s.spin12, s.main3);
        SAMPLE(s, 9, s.work2, s.spin12, s.main4);
        SAMPLE(s, 1, s.main4);

        struct profile_lines *lines = count_of(&s, &all);

        cr_assert_eq(lines->n_files, 2);
        cr_expect_eq(lines->samples, 100);
        cr_expect_str_eq(lines->files[0].file, "/app/app.py");
        cr_expect_eq(lines->files[0].count.self, 91);
        cr_expect_eq(lines->files[0].count.total, 100);
        cr_expect_eq(lines->files[1].count.self, 9);
        expect_line(&lines->files[0], 3, 0, 90);
        expect_line(&lines->files[0], 4, 1, 10);
        expect_line(&lines->files[0], 11, 70, 70);
        expect_line(&lines->files[0], 12, 20, 29);
        expect_line(&lines->files[1], 2, 9, 9);
        cr_expect_eq(profile_line_hottest(&lines->files[0])->line, 11);
        cr_assert_eq(lines->files[0].n_functions, 2);
        cr_expect_str_eq(lines->files[0].functions[0].name, "Wheel.spin");
        cr_expect_eq(lines->files[0].functions[0].count.self, 90);
        cr_expect_eq(lines->files[0].functions[0].count.total, 99);
        end(&s, lines);
}

Test(profile_lines, of_a_recursion_count_once, .timeout = 60)
{
        struct scene s = set_scene();

        SAMPLE(s, 5, s.spin11, s.spin11, s.spin12, s.spin11, s.main3);

        struct profile_lines *lines = count_of(&s, &all);

        expect_line(&lines->files[0], 11, 5, 5);
        expect_line(&lines->files[0], 12, 0, 5);
        cr_expect_eq(lines->files[0].count.total, 5);
        end(&s, lines);
}

Test(profile_lines, have_what_is_waited_for_below_them, .timeout = 60)
{
        struct scene s = set_scene();

        SAMPLE(s, 3, s.gil, s.spin11, s.main3);
        SAMPLE(s, 2, s.gil, s.spin11, s.main4);
        SAMPLE(s, 8, s.sleep, s.spin11, s.main3);
        SAMPLE(s, 1, s.spin11, s.main3);
        SAMPLE(s, 4, s.gil, s.work2);

        struct profile_lines *lines = count_of(&s, &all);
        const struct profile_line *line = profile_line_hottest(&lines->files[0]);

        cr_expect_eq(line->count.self, 14);
        cr_assert_eq(line->n_waits, 2);
        cr_expect_str_eq(line->waits[0].reason, "[sleeps]");
        cr_expect_eq(line->waits[0].samples, 8);
        cr_expect_str_eq(line->waits[1].reason, "[waits: GIL]");
        cr_expect_eq(line->waits[1].samples, 5);
        cr_expect_eq(lines->files[1].lines[0].n_waits, 1);
        end(&s, lines);
}

Test(profile_lines, have_the_opcodes_at_which_they_run_below_them, .timeout = 60)
{
        struct scene s = set_scene();
        profile_id load = interned_frame(s.p, interned_function(s.p, "[opcode: LOAD_ATTR]", "", 0), 0);

        SAMPLE(s, 3, load, s.spin11, s.main3);
        SAMPLE(s, 2, load, s.spin11, s.main4);
        SAMPLE(s, 1, load, s.spin12, s.main3);

        struct profile_lines *lines = count_of(&s, &all);
        const struct profile_line *line = profile_line_hottest(&lines->files[0]);

        cr_assert_eq(lines->n_files, 1);
        expect_line(&lines->files[0], 11, 5, 5);
        expect_line(&lines->files[0], 12, 1, 1);
        cr_assert_eq(line->n_waits, 1);
        cr_expect_str_eq(line->waits[0].reason, "[opcode: LOAD_ATTR]");
        cr_expect_eq(line->waits[0].samples, 5);
        end(&s, lines);
}

Test(profile_lines, have_the_time_of_the_c_code_they_call_and_not_that_of_collections, .timeout = 60)
{
        struct scene s = set_scene();

        SAMPLE(s, 6, s.c, s.c, s.spin11, s.main3);
        SAMPLE(s, 2, s.gc, s.spin12, s.main3);
        SAMPLE(s, 1, s.c);

        struct profile_lines *lines = count_of(&s, &all);

        cr_expect_eq(lines->samples, 9);
        cr_assert_eq(lines->n_files, 1);
        expect_line(&lines->files[0], 11, 6, 6);
        expect_line(&lines->files[0], 12, 0, 2);
        end(&s, lines);
}

Test(profile_lines, can_be_chosen_by_file_and_function, .timeout = 60)
{
        static const struct {
                struct profile_line_choice choice;
                size_t files, lines;
        } cases[] = {
                { { .file = "lib.*" }, 1, 1 },    { { .file = "/app/*" }, 2, 4 },
                { { .file = "*/app.py" }, 1, 3 }, { { .file = "nothing" }, 0, 0 },
                { { .function = "spin" }, 1, 2 }, { { .function = "Wheel.spin" }, 1, 2 },
                { { .function = "in" }, 0, 0 },   { { .file = "lib.py", .function = "main" }, 0, 0 },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct scene s = set_scene();
                size_t n = 0;

                SAMPLE(s, 70, s.spin11, s.main3);
                SAMPLE(s, 9, s.work2, s.spin12, s.main3);

                struct profile_lines *lines = count_of(&s, &cases[i].choice);

                for (size_t f = 0; f < lines->n_files; f++)
                        n += lines->files[f].n_lines;
                cr_expect_eq(lines->n_files, cases[i].files, "case %zu: %zu files", i, lines->n_files);
                cr_expect_eq(n, cases[i].lines, "case %zu: %zu lines", i, n);
                cr_expect_eq(lines->samples, 79);
                end(&s, lines);
        }
}

/* A lambda, or a comprehension before 3.12, shares a line with the function that has it. */
Test(profile_lines, of_two_functions_have_no_function, .timeout = 60)
{
        struct scene s = set_scene();
        profile_id lambda = interned_frame(s.p, interned_function(s.p, "<lambda>", "/app/app.py", 3), 3);

        SAMPLE(s, 7, lambda, s.main3);
        SAMPLE(s, 1, s.main4);

        struct profile_lines *lines = count_of(&s, &all);

        expect_line(&lines->files[0], 3, 7, 7);
        cr_expect_null(lines->files[0].lines[0].function);
        cr_expect_str_eq(lines->files[0].lines[1].function, "main");
        cr_expect_eq(lines->files[0].n_functions, 2);
        end(&s, lines);
}

Test(profile_lines, of_several_profiles_are_put_together, .timeout = 60)
{
        struct scene a = set_scene(), b = set_scene();
        struct profile *both[] = { a.p, b.p };
        struct profile_set set = { .items = both, .n = 2 };
        struct profile_lines *lines;

        SAMPLE(a, 2, a.spin11, a.main3);
        SAMPLE(b, 3, b.spin11, b.main4);
        cr_assert_eq(profile_lines(&set, &all, &lines), 0);
        cr_expect_eq(lines->samples, 5);
        expect_line(&lines->files[0], 11, 5, 5);
        expect_line(&lines->files[0], 3, 0, 2);
        profile_free(b.p);
        end(&a, lines);
}

Test(profile_lines, of_nothing_are_none, .timeout = 60)
{
        struct profile_set set = { .items = NULL };
        struct profile_lines *lines;

        cr_assert_eq(profile_lines(&set, &all, &lines), 0);
        cr_expect_eq(lines->samples, 0);
        cr_expect_eq(lines->n_files, 0);
        profile_lines_free(lines);
}
