/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "agent/command/cli/json.h"

#include <inttypes.h>
#include <stdbool.h>

#define NS_PER_S 1e9

static double seconds_of(uint64_t ns)
{
        return (double)ns / NS_PER_S;
}

static double percentage_of(uint64_t part, uint64_t whole)
{
        return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* These two return how many lines they have written. */
static size_t write_gil(const struct blame_sums *s, FILE *out)
{
        if (s->gil_ns == 0 && s->missing_ns > 0) {
                fputs("This Python has no GIL: no thread waits for one.\n", out);
                return 1;
        }
        fprintf(out, "GIL held %.1f %% of the time", percentage_of(s->held_ns, s->gil_ns));
        if (s->unsure_ns < s->gil_ns)
                fprintf(out, ", wanted by others %.1f %%; on average %.2f threads wait for it",
                        percentage_of(s->wanted_ns, s->gil_ns),
                        s->gil_ns ? (double)s->waited_ns / (double)s->gil_ns : 0);
        fputc('\n', out);
        if (s->unsure_ns > 0)
                fputs("Who waits for the GIL cannot be told of this Python: Python up to 3.6, or musl.\n", out);
        if (s->missing_ns > 0)
                fputs("A process has no GIL. No thread of it waits for one.\n", out);
        return 1 + (s->unsure_ns > 0) + (s->missing_ns > 0);
}

/* What nobody is blamed for. */
static size_t write_unknown(const struct blame_sums *s, FILE *out)
{
        if (s->unsure_ns >= s->gil_ns)
                return 0;
        fprintf(out, "threads waited %.2f s: %.2f s while nobody held the GIL, %.2f s for an unknown holder",
                seconds_of(s->waited_ns), seconds_of(s->free_ns), seconds_of(s->untold_ns));
        fprintf(out, "; unknown what they did %.1f %%\n", percentage_of(s->unknown_ns, s->threads_ns));
        return 1;
}

static void write_functions(const struct report *r, const struct blame_function *rows, size_t n, FILE *out)
{
        fputc('\n', out);
        if (r->turn_ns > 0)
                fprintf(out, "%8s ", "NOW");
        fprintf(out, "%10s %10s %10s   FUNCTION THAT HELD IT\n", "WAITED s", "WANTED s", "HELD s");
        for (size_t i = 0; i < n; i++) {
                if (r->turn_ns > 0)
                        fprintf(out, "%8.2f ", (double)rows[i].recent_ns / (double)r->turn_ns);
                fprintf(out, "%10.2f %10.2f %10.2f   %s%s%s\n", seconds_of(rows[i].waited_ns),
                        seconds_of(rows[i].wanted_ns), seconds_of(rows[i].held_ns), rows[i].name,
                        *rows[i].file ? "  " : "", rows[i].file);
        }
}

static uint64_t time_of_thread(const struct blame_thread *thread)
{
        uint64_t ns = 0;

        for (size_t i = 0; i < BLAME_DOINGS; i++)
                ns += thread->recent_ns[i];
        return ns;
}

static void write_threads(const struct blame_thread *rows, size_t n, FILE *out)
{
        static const char *const columns[BLAME_DOINGS] = { "RUNNING%", "HOLDING%", "WAITING%", "IDLE%", "UNKNOWN%" };

        fputc('\n', out);
        for (size_t i = 0; i < BLAME_DOINGS; i++)
                fprintf(out, "%s%9s", i > 0 ? " " : "", columns[i]);
        fputs("   THREAD\n", out);
        for (size_t i = 0; i < n; i++) {
                uint64_t whole = time_of_thread(&rows[i]);
                for (size_t j = 0; j < BLAME_DOINGS; j++)
                        fprintf(out, "%s%9.1f", j > 0 ? " " : "", percentage_of(rows[i].recent_ns[j], whole));
                fprintf(out, "   %" PRIu64 " %s\n", rows[i].tid, rows[i].name);
        }
}

/* The threads that were there in the present turn. */
static size_t take_present_threads(const struct report *r, struct blame_thread *rows)
{
        size_t n = blame_threads(r->blame, REPORT_ROWS_MAX, rows), present = 0;

        for (size_t i = 0; i < n && present < r->rows; i++)
                if (time_of_thread(&rows[i]) > 0)
                        rows[present++] = rows[i];
        return present;
}

/* A table has an empty line and a title above its rows. */
#define TABLE_LINES 2

/* Cuts the tables so that they have @lines together. Neither gets less than half, if it has use for that. */
static void divide_lines(size_t lines, size_t *functions, size_t *threads)
{
        size_t rows = lines > 2 * TABLE_LINES ? lines - 2 * TABLE_LINES : 0;

        if (*functions + *threads <= rows)
                return;
        if (*threads > rows / 2)
                *threads = *functions < rows - rows / 2 ? rows - *functions : rows / 2;
        *functions = rows - *threads < *functions ? rows - *threads : *functions;
}

void report_write(const struct report *r, size_t lines, FILE *out, size_t titles[static REPORT_TITLES])
{
        static struct blame_function functions[REPORT_ROWS_MAX];
        static struct blame_thread threads[REPORT_ROWS_MAX];
        const struct blame_sums *sums = blame_sums(r->blame);
        size_t n_functions = blame_functions(r->blame, r->rows, functions);
        size_t n_threads = take_present_threads(r, threads), head = 1;

        fprintf(out, "%.1f s%s, %s (%s)\n", seconds_of(r->elapsed_ns), r->paused ? ", paused" : "", r->subject,
                r->engine);
        head += write_gil(sums, out);
        head += write_unknown(sums, out);
        divide_lines(lines > head ? lines - head : 0, &n_functions, &n_threads);
        if (n_functions > 0) {
                titles[0] = head + 1;
                head += TABLE_LINES + n_functions;
                write_functions(r, functions, n_functions, out);
        }
        if (n_threads > 0) {
                titles[1] = head + 1;
                write_threads(threads, n_threads, out);
        }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_ns(struct json_object *object, const char *key, uint64_t ns)
{
        json_put_number(object, key, (int64_t)ns);
}

static struct json_object *list_functions(const struct report *r)
{
        static struct blame_function rows[REPORT_ROWS_MAX];
        size_t n = blame_functions(r->blame, r->rows, rows);
        struct json_object *list = json_list();

        for (size_t i = 0; i < n; i++) {
                struct json_object *row = json_map();
                json_put_text(row, "function", rows[i].name);
                json_put_text(row, "file", rows[i].file);
                put_ns(row, "waited_ns", rows[i].waited_ns);
                put_ns(row, "wanted_ns", rows[i].wanted_ns);
                put_ns(row, "held_ns", rows[i].held_ns);
                json_append(list, row);
        }
        return list;
}

static struct json_object *list_threads(const struct report *r)
{
        static const char *const keys[BLAME_DOINGS] = { "running_ns", "holding_ns", "waiting_ns", "idle_ns",
                                                        "unknown_ns" };
        static struct blame_thread rows[REPORT_ROWS_MAX];
        size_t n = blame_threads(r->blame, r->rows, rows);
        struct json_object *list = json_list();

        for (size_t i = 0; i < n; i++) {
                struct json_object *row = json_map();
                json_put_number(row, "tid", (int64_t)rows[i].tid);
                json_put_text(row, "name", rows[i].name);
                for (size_t j = 0; j < BLAME_DOINGS; j++)
                        put_ns(row, keys[j], rows[i].ns[j]);
                json_append(list, row);
        }
        return list;
}

void report_print_json(const struct report *r)
{
        const struct blame_sums *s = blame_sums(r->blame);
        struct json_object *all = json_map();

        json_put_text(all, "subject", r->subject);
        put_ns(all, "elapsed_ns", r->elapsed_ns);
        put_ns(all, "gil_ns", s->gil_ns);
        put_ns(all, "no_gil_ns", s->missing_ns);
        put_ns(all, "held_ns", s->held_ns);
        put_ns(all, "wanted_ns", s->wanted_ns);
        put_ns(all, "waiters_untold_ns", s->unsure_ns);
        put_ns(all, "waited_ns", s->waited_ns);
        put_ns(all, "waited_for_nobody_ns", s->free_ns);
        put_ns(all, "waited_for_unknown_ns", s->untold_ns);
        put_ns(all, "threads_ns", s->threads_ns);
        put_ns(all, "threads_unknown_ns", s->unknown_ns);
        json_put(all, "functions", list_functions(r));
        json_put(all, "threads", list_threads(r));
        json_print(all);
}
