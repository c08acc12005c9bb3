/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A comparison as Markdown (GitHub's, which GitLab also understands), for a comment on a pull request. Names stand in
 * code quotes. Only a backtick is special there, and in tables the bar.
 */
#include "report.h"

#include "agent/base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const signs[] = {
        [COMPARE_PASS] = "✅",
        [COMPARE_REGRESSION] = "❌",
        [COMPARE_INVALID] = "⚠️",
        [COMPARE_INCONCLUSIVE] = "❔",
};

static int write_code(const char *text, FILE *out)
{
        char *clean = escape_clean(text);

        if (!clean)
                return -ENOMEM;
        putc('`', out);
        for (const char *c = clean; *c; c++) {
                if (*c == '|')
                        putc('\\', out);
                putc(*c == '`' ? '\'' : *c, out);
        }
        putc('`', out);
        free(clean);
        return 0;
}

/* Writes a sentence that is clean, but may quote names of files. */
static void write_plain(const char *text, FILE *out)
{
        for (const char *c = text; *c; c++) {
                if (strchr("\\`*_[]<>#|", *c))
                        putc('\\', out);
                putc(*c, out);
        }
}

static int write_owned(char *text, FILE *out)
{
        if (!text)
                return -ENOMEM;
        write_plain(text, out);
        free(text);
        return 0;
}

static int write_markdown_cause(const struct compare_findings *c, const struct compare_cause *cause, FILE *out)
{
        char *path = report_path(c->comparison, cause);
        int r = path ? 0 : -ENOMEM;

        fputs("- ", out);
        if (r == 0)
                r = write_code(cause->function->key, out);
        fputs(": ", out);
        if (r == 0)
                r = write_owned(report_growth(&cause->function->by[cause->measure], cause->measure), out);
        fputs("  \n  in ", out);
        if (r == 0)
                r = write_code(path, out);
        putc('\n', out);
        free(path);
        return r;
}

static int write_table(const struct compare_findings *c, enum compare_measure measure, FILE *out)
{
        struct report_row *rows;
        size_t n;
        int r = report_rows(c->comparison, measure, &rows, &n);

        if (r)
                return r;
        fprintf(out,
                "\n| function (%s) | base | new | change | 95 %% confidence | samples | |\n"
                "|---|--:|--:|--:|--:|--:|---|\n",
                compare_measure_name(measure));
        for (size_t i = 0; r == 0 && i < n; i++) {
                const struct compare_change *change = rows[i].change;

                fputs("| ", out);
                r = write_code(rows[i].function->key, out);
                fprintf(out, " | %.2f %% | %.2f %% | %+.2f | %+.2f to %+.2f | %" PRIu64 " / %" PRIu64 " | %s |\n",
                        100 * change->share[COMPARE_BASE], 100 * change->share[COMPARE_NEW], 100 * change->change,
                        100 * change->low, 100 * change->high, change->hits[COMPARE_BASE], change->hits[COMPARE_NEW],
                        report_remark(c, &rows[i]));
        }
        free(rows);
        return r;
}

static void write_remarks(const struct compare_findings *c, FILE *out)
{
        for (size_t i = 0; c->circumstances && i < COMPARE_CIRCUMSTANCES; i++) {
                const struct compare_circumstance *one = &c->circumstances[i];

                if (!one->differs)
                        continue;
                fprintf(out, "- %s differs: ", one->name);
                write_code(one->values[COMPARE_BASE], out);
                fputs(" and ", out);
                write_code(one->values[COMPARE_NEW], out);
                putc('\n', out);
        }
        for (size_t i = 0; i < c->notes_n; i++) {
                fputs("- ", out);
                write_owned(escape_clean(c->notes[i]), out);
                putc('\n', out);
        }
}

static void write_coverage_of_sides(const struct compare_findings *c, FILE *out)
{
        double base = profile_coverage(&c->counters[COMPARE_BASE]), new = profile_coverage(&c->counters[COMPARE_NEW]);

        if (base >= 0 && new >= 0)
                fprintf(out, "\nCoverage: %.1f %% of the base, %.1f %% of the new side.\n", 100 * base, 100 * new);
}

static int write_details(const struct compare_findings *c, FILE *out)
{
        const struct compare_result *comparison = c->comparison;
        int r = 0;

        fprintf(out, "\n<details><summary>%" PRIu64 " samples of %zu runs against %" PRIu64 " of %zu</summary>\n",
                comparison->samples[COMPARE_NEW], comparison->runs[COMPARE_NEW], comparison->samples[COMPARE_BASE],
                comparison->runs[COMPARE_BASE]);
        write_coverage_of_sides(c, out);
        fputs("\nShares of the judged samples, and their change in points. Self: in the function itself; total: with "
              "what "
              "it calls.\n",
              out);
        for (int measure = COMPARE_MEASURES; r == 0 && measure-- > 0;)
                r = write_table(c, (enum compare_measure)measure, out);
        fputs("\n</details>\n", out);
        return r;
}

static int markdown_write(const struct compare_findings *c, FILE *out)
{
        enum compare_verdict verdict = compare_verdict_of(c);
        const struct compare_judgement *causes = report_causes(c);
        int r = 0;

        if (c->judgement || c->invalid)
                fprintf(out, "### %s podflame: %s\n\n", signs[verdict], compare_verdict_name(verdict));
        else
                fputs("### podflame: what changed\n\n", out);
        if (causes || c->invalid) {
                r = write_owned(report_sentence(c), out);
                fputs(".\n\n", out);
        }
        for (size_t i = 0; r == 0 && causes && i < causes->causes_n; i++)
                r = write_markdown_cause(c, &causes->causes[i], out);
        write_remarks(c, out);
        if (r == 0 && c->cost) {
                fputs("- ", out);
                r = write_owned(report_cost(c->cost), out);
                putc('\n', out);
        }
        if (r == 0 && c->comparison) {
                fputs("- ", out);
                r = write_owned(report_scope(c->comparison), out);
                putc('\n', out);
        }
        if (r == 0 && c->comparison)
                r = write_details(c, out);
        return r ? r : escape_finish(out);
}

const struct compare_report report_markdown = {
        .name = "markdown",
        .extension = ".md",
        .summary = "for a comment on a pull request",
        .write = markdown_write,
};
