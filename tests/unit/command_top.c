/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/cli/screen.h"
#include "agent/command/processes/grouping.h"
#include "agent/command/top/keys.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(command_top);

/* Counts a stack, "leaf caller root" or "leaf;caller;root", in /app/m.py: a function is called at the line that its length tells. */
static void count(struct profile *p, const char *names, const char *thread, enum profile_state state, uint64_t ns)
{
        profile_id frames[8], id = thread ? interned_thread(p, (uint64_t)strlen(thread), thread) : 0;
        char copy[128], *rest = copy, *name;
        size_t n = 0;

        strcpy(copy, names);
        while ((name = strsep(&rest, strchr(names, ';') ? ";" : " ")))
                frames[n++] = interned_frame(p, interned_function(p, name, *name == '[' ? "" : "/app/m.py", 1),
                                             *name == '[' ? 0 : (uint32_t)strlen(name));
        cr_assert_eq(profile_add(p, interned_stack(p, frames, n), id, state, 1, ns), 0);
}

static struct profile *process(const char *pid, const char *program)
{
        struct profile *p = profile_new();

        profile_set_attribute(p, "process.pid", pid);
        profile_set_attribute(p, GROUPING_ATTRIBUTE, program);
        return p;
}

static void turn(struct tables *t, struct profile *p)
{
        struct profile_set set = { 0 };

        cr_assert_eq(profile_set_add(&set, p), 0);
        cr_assert_eq(tables_turn(t, &set), 0);
        cr_assert_eq(set.n, 0);
}

/* In the last interval b() runs 200 ns, c() called by b() 30 ns; before, a() 900 ns. */
static struct tables *example(void)
{
        struct tables *t = tables_new();
        struct profile *p = process("7", "app.py");

        count(p, "a main", "MainThread", PROFILE_RUNNING, 900);
        count(p, "b main", "MainThread", PROFILE_RUNNING, 50);
        turn(t, p);
        p = process("7", "app.py");
        count(p, "b main", "MainThread", PROFILE_RUNNING, 200);
        count(p, "c b main", "worker", PROFILE_RUNNING, 30);
        turn(t, p);
        return t;
}

static struct view view_of(const struct tables *t)
{
        return (struct view){ .subject = "process 42: app",
                              .engine = "timer",
                              .tables = t,
                              .processes = 1,
                              .interval_ns = 1000,
                              .elapsed_ns = 2000000000,
                              .running_ns = 230,
                              .counters = { .ok = 4, .torn = 1, .gone = 2 } };
}

static const char *view_text(const struct view *view, size_t rows)
{
        static char copy[8192];
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        view_write(view, rows, out);
        cr_assert_eq(fclose(out), 0);
        snprintf(copy, sizeof copy, "%s", text);
        free(text);
        return copy;
}

/* The rows of a table: "NAME FILE SELF TOTAL, …" in ns of the last interval. */
static const char *rows_of(const struct tables *t, enum tables_kind kind)
{
        static char text[1024];
        struct totals_row rows[8];
        size_t len = 0, n = totals_rows(tables_get(t, kind), TOTALS_TOTAL, "", 8, rows);

        *text = '\0';
        for (size_t i = 0; i < n; i++)
                len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %s %d %d", i > 0 ? ", " : "", rows[i].name,
                                        rows[i].file, (int)rows[i].figures[TOTALS_SELF],
                                        (int)rows[i].figures[TOTALS_TOTAL]);
        return text;
}

/* ---- tables -------------------------------------------------------------------------------- */

Test(command_top, a_view_is_a_line_for_each_function)
{
        struct tables *t = example();
        struct view view = view_of(t);

        cr_expect_str_eq(view_text(&view, 2), "23 % running, 2 s, process 42: app\n"
                                              "1 process, 4 samples (timer); torn 1, late 0, lost 2\n"
                                              "   SELF%*  TOTAL%     SELF s    TOTAL s  FUNCTION\n"
                                              "    20.0     23.0       0.00       0.00   b  /app/m.py\n"
                                              "     3.0      3.0       0.00       0.00   c  /app/m.py\n");
        tables_free(t);
}

Test(command_top, each_table_counts_its_own)
{
        struct tables *t = example();

        cr_expect_str_eq(rows_of(t, TABLES_FUNCTIONS),
                         "b /app/m.py 200 230, main /app/m.py 0 230, c /app/m.py 30 30, a /app/m.py 0 0");
        cr_expect_str_eq(rows_of(t, TABLES_LINES),
                         "b /app/m.py:1 200 230, main /app/m.py:4 0 230, c /app/m.py:1 30 30, a /app/m.py:1 0 0");
        cr_expect_str_eq(rows_of(t, TABLES_THREADS),
                         "MainThread tid 10 of app.py 200 200, worker tid 6 of app.py 30 30");
        cr_expect_str_eq(rows_of(t, TABLES_PROCESSES), "app.py (pid 7)  230 230");
        cr_expect_str_eq(rows_of(t, TABLES_PROGRAMS), "app.py  230 230");
        cr_expect_str_eq(rows_of(t, TABLES_CONTAINERS), "(no container)  230 230");
        cr_expect_str_eq(rows_of(t, TABLES_CALLERS), "");
        tables_free(t);
}

Test(command_top, recursion_reasons_and_opcodes)
{
        struct tables *t = tables_new();
        struct profile *p = process("7", "app.py");

        count(p, "[sleeps] r r r main", NULL, PROFILE_IDLE, 10);
        turn(t, p);
        cr_expect_str_eq(rows_of(t, TABLES_LINES), "r /app/m.py:1 10 10, main /app/m.py:4 0 10");
        cr_expect_str_eq(rows_of(t, TABLES_PROCESSES), "app.py (pid 7)  0 10");
        p = process("7", "app.py");
        count(p, "[opcode: LOAD_ATTR];r;main", NULL, PROFILE_RUNNING, 5);
        turn(t, p);
        cr_expect_str_eq(rows_of(t, TABLES_LINES), "r /app/m.py:1 5 5, main /app/m.py:4 0 5");
        cr_expect_str_eq(rows_of(t, TABLES_PROCESSES), "app.py (pid 7)  5 5");
        tables_free(t);
}

static struct totals_row row_named(const struct tables *t, enum tables_kind kind, const char *name)
{
        struct totals_row row;

        cr_assert_eq(totals_rows(tables_get(t, kind), TOTALS_SELF, name, 1, &row), 1);
        return row;
}

Test(command_top, callers_of_the_last_interval_at_once_and_of_later_ones)
{
        struct tables *t = example();
        struct totals_row row = row_named(t, TABLES_FUNCTIONS, "c");
        int e = -1;

        cr_assert(tables_choose(t, TABLES_FUNCTIONS, &row, &e));
        cr_assert_eq(e, 0);
        cr_expect_str_eq(rows_of(t, TABLES_CALLERS), "b /app/m.py 30 30");
        row = row_named(t, TABLES_CALLERS, "b");
        cr_assert(tables_choose(t, TABLES_CALLERS, &row, &e));
        cr_expect_str_eq(rows_of(t, TABLES_CALLERS), "main /app/m.py 200 230");
        row = row_named(t, TABLES_LINES, "main");
        cr_assert(tables_choose(t, TABLES_LINES, &row, &e), "its file without the line");
        cr_expect_str_eq(rows_of(t, TABLES_CALLERS), "(no caller)  0 230");
        row = row_named(t, TABLES_CALLERS, "(no caller)");
        cr_expect_not(tables_choose(t, TABLES_CALLERS, &row, &e));
        row = row_named(t, TABLES_THREADS, "worker");
        cr_expect_not(tables_choose(t, TABLES_THREADS, &row, &e));
        struct profile *p = process("7", "app.py");
        count(p, "main", NULL, PROFILE_RUNNING, 5);
        turn(t, p);
        cr_expect_str_eq(rows_of(t, TABLES_CALLERS), "(no caller)  5 5");
        tables_free(t);
}

/* ---- the head ------------------------------------------------------------------------------ */

/* The second line of the head, of a process of which so many of 100 periods were seen. */
static void expect_coverage(uint64_t accounted, uint64_t seen, const char *line)
{
        struct tables *t = tables_new();
        struct view view = view_of(t);

        view.period_ns = 10000000;
        view.counters = (struct profile_counters){ .ok = seen,
                                                   .accounted_ns = 10000000 * accounted,
                                                   .sampled_ns = 10000000 * seen };
        const char *text = view_text(&view, 0);
        cr_expect_not_null(strstr(text, line), "%s", text);
        tables_free(t);
}

Test(command_top, the_head_tells_the_coverage_where_time_is_accounted)
{
        expect_coverage(100, 99, "1 process, 99 samples (timer), coverage 99.0 %; torn 0,");
        expect_coverage(100, 40,
                        "1 process, 40 samples (timer), coverage 40.0 % (not seen by any tick 0.60 s); torn 0,");
        expect_coverage(0, 40, "1 process, 40 samples (timer); torn 0,");
}

static const char *told_waits(enum profile_mode mode, const char *const stacks[], enum profile_state state)
{
        struct profile *p = process("7", "app.py");
        struct tables *t = tables_new();
        struct view view = view_of(t);

        profile_set_settings(p, &(struct profile_settings){ .mode = mode });
        count(p, "work main", NULL, PROFILE_RUNNING, 25);
        for (size_t i = 0; stacks[i]; i++)
                count(p, stacks[i], NULL, state, 25);
        waits_add(&view.waits, p);
        turn(t, p);
        view.width = 80;
        const char *text = view_text(&view, 0);
        tables_free(t);
        return text;
}

Test(command_top, a_screen_tells_waits_and_the_gil)
{
        static const char *const waits[] = { "[waits: socket];recv;main", "[waits: socket];send;main",
                                             "[waits: GIL];work;main", NULL };
        static const char *const nobody[] = { "[waits: lock];x", NULL };

        cr_expect_not_null(strstr(told_waits(PROFILE_MODE_WALL, waits, PROFILE_IDLE),
                                  "of the threads' time: run 25 %, wait for the GIL 25 %, io 50 %\n"));
        cr_expect_not_null(
                strstr(told_waits(PROFILE_MODE_GIL, nobody, PROFILE_IDLE), "the GIL was held 50 % of the time\n"));
        cr_expect_null(strstr(told_waits(PROFILE_MODE_CPU, nobody, PROFILE_RUNNING), "GIL"));
}

Test(command_top, names_cannot_steer_a_terminal)
{
        struct tables *t = tables_new();
        struct profile *p = process("7", "\x1b[31m.py");

        count(p, "\x1b[2J\nfake caf\xc3\xa9", "\x1b[1mthread", PROFILE_RUNNING, 10);
        turn(t, p);
        for (enum tables_kind kind = 0; kind < TABLES_KINDS; kind++) {
                struct view view = view_of(t);
                view.kind = kind;
                cr_expect_null(strchr(view_text(&view, VIEW_ROWS_MAX + 10), '\x1b'), "kind %d", (int)kind);
        }
        struct view view = view_of(t);
        cr_assert_not_null(strstr(view_text(&view, 9), "?[2J?fake  /app/m.py\n"));
        cr_assert_not_null(strstr(view_text(&view, 9), "caf\xc3\xa9  /app/m.py\n"));
        tables_free(t);
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* Presses keys: those of a text, one after the other. */
static void press(struct keys *k, const char *text)
{
        for (; *text; text++)
                cr_assert_geq(keys_obey(k, (unsigned char)*text), 0);
}

Test(command_top, keys_choose_the_table_and_the_order)
{
        struct tables *t = example();
        struct view view = view_of(t);
        struct keys k = { .view = &view, .tables = t };

        view.width = 80;
        press(&k, "lT");
        cr_expect_not_null(strstr(view_text(&view, 1), "TOTAL s* LINE\n"));
        press(&k, "Hs");
        cr_expect_not_null(strstr(view_text(&view, 1), "RUN%*    ALL%      RUN s      ALL s  THREAD\n"));
        press(&k, "f");
        cr_expect_not_null(strstr(view_text(&view, 1), "FUNCTION\n"));
        cr_expect_eq(keys_obey(&k, 'x'), KEYS_NOTHING);
        cr_expect_eq(keys_obey(&k, 'q'), KEYS_QUIT);
        cr_expect_eq(keys_obey(&k, 'r'), KEYS_RESET);
        cr_expect_eq(keys_obey(&k, '?'), KEYS_DRAW);
        cr_expect_eq(k.mode, KEYS_HELP);
        cr_expect_eq(keys_obey(&k, 'l'), KEYS_DRAW);
        cr_expect_eq(k.mode, KEYS_TABLE);
        cr_expect_eq(view.kind, TABLES_FUNCTIONS, "it only ends the help");
        tables_free(t);
}

Test(command_top, enter_shows_callers_and_escape_goes_back)
{
        struct tables *t = example();
        struct view view = view_of(t);
        struct keys k = { .view = &view, .tables = t };

        view.width = 80;
        press(&k, "jjk"); /* b, c, b */
        cr_expect_str_eq(view.chosen_name, "b");
        press(&k, "j");
        cr_expect_eq(keys_obey(&k, SCREEN_ENTER), KEYS_DRAW);
        cr_expect_not_null(strstr(view_text(&view, 9), "CALLER of c\n"));
        cr_expect_eq(keys_obey(&k, SCREEN_ENTER), KEYS_DRAW, "of the first row");
        cr_expect_not_null(strstr(view_text(&view, 9), "CALLER of b\n"));
        cr_expect_eq(keys_obey(&k, SCREEN_ESCAPE), KEYS_DRAW);
        cr_expect_eq(view.kind, TABLES_FUNCTIONS);
        press(&k, "p");
        cr_expect_eq(keys_obey(&k, SCREEN_ENTER), KEYS_NOTHING, "a process has no callers");
        tables_free(t);
}

Test(command_top, the_chosen_row_is_always_shown)
{
        struct tables *t = example();
        struct view view = view_of(t);
        FILE *out = fopen("/dev/null", "w");

        view.width = 80;
        cr_expect_eq(view_write(&view, 2, out), SIZE_MAX);
        strcpy(view.chosen_name, "main");
        strcpy(view.chosen_file, "/app/m.py");
        cr_expect_eq(view_write(&view, 2, out), 1, "the last row of two");
        cr_expect_eq(view_write(&view, 9, out), 3);
        cr_expect_eq(view_write(&view, 0, out), SIZE_MAX);
        fclose(out);
        tables_free(t);
}

Test(command_top, a_filter_is_typed)
{
        struct tables *t = example();
        struct view view = view_of(t);
        struct keys k = { .view = &view, .tables = t };

        view.width = 80;
        press(&k, "/mq\xc3\xa9");
        cr_expect_str_eq(view.filter, "mq\xc3\xa9");
        cr_expect_str_eq(keys_line(&k), "/mq\xc3\xa9_   Enter keeps the filter, Esc drops it");
        keys_obey(&k, SCREEN_ERASE);
        keys_obey(&k, SCREEN_ERASE);
        press(&k, "ai");
        keys_obey(&k, SCREEN_ENTER);
        cr_expect_eq(k.mode, KEYS_TABLE);
        cr_expect_str_eq(view.filter, "mai");
        cr_expect_not_null(strstr(view_text(&view, 9), "FUNCTION  /mai\n"));
        cr_expect_not_null(strstr(view_text(&view, 9), "main"));
        cr_expect_null(strstr(view_text(&view, 9), "  b  "));
        keys_obey(&k, SCREEN_ESCAPE);
        cr_expect_str_eq(view.filter, "");
        press(&k, "/");
        keys_obey(&k, SCREEN_ERASE);
        for (int i = 0; i < 200; i++)
                press(&k, "x");
        cr_expect_eq(strlen(view.filter), VIEW_FILTER_SIZE - 1);
        keys_obey(&k, SCREEN_ESCAPE);
        cr_expect_str_eq(view.filter, "");
        tables_free(t);
}

Test(command_top, long_paths_lose_their_beginning)
{
        struct tables *t = tables_new();
        struct profile *p = process("7", "app.py");
        profile_id f = interned_function(p, "f", "/usr/lib/python3/dist-packages/caf\xc3\xa9/package/module.py", 1);
        profile_id frame = interned_frame(p, f, 123);
        struct view view = view_of(t);

        cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_RUNNING, 1, 10), 0);
        turn(t, p);
        view.kind = TABLES_LINES;
        view.width = 80;
        cr_expect_not_null(strstr(view_text(&view, 1), "   f  ..kages/caf\xc3\xa9/package/module.py:123\n"), "%s",
                           view_text(&view, 1));
        view.width = 0;
        cr_expect_not_null(strstr(view_text(&view, 1), "   f  /usr/lib/python3/dist-packages/caf"));
        tables_free(t);
}

Test(command_top, narrow_screens_have_fewer_figures)
{
        struct tables *t = example();
        struct view view = view_of(t);

        view.width = 40;
        cr_expect_not_null(strstr(view_text(&view, 1), "\n   SELF%*  TOTAL%  FUNCTION\n"
                                                       "    20.0     23.0   b  /app/m.py\n"));
        view.width = 34;
        cr_expect_not_null(strstr(view_text(&view, 1), "\n    20.0     23.0   b  /app/m.py\n"), "not below a minimum");
        view.order = TOTALS_SELF_TIME;
        cr_expect_not_null(strstr(view_text(&view, 1), "\n    SELF s*   TOTAL s  FUNCTION\n"));
        tables_free(t);
}
