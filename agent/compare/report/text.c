/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison for people: the verdict, the reasons, and the changes. */
#include "report.h"

#include "agent/base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int write_owned_text(char *text, FILE *out)
{
        if (!text)
                return -ENOMEM;
        fputs(text, out);
        free(text);
        return 0;
}

static int write_text_cause(const struct compare_findings *c, const struct compare_cause *cause, FILE *out)
{
        const struct compare_change *change = &cause->function->by[cause->measure];

        fputs("\n  ", out);
        escape_text(cause->function->key, out);
        fputs("\n    ", out);
        int r = write_owned_text(report_growth(change, cause->measure), out);
        fputs("\n    in ", out);
        if (r == 0)
                r = write_owned_text(report_path(c->comparison, cause), out);
        if (cause->regressions > 1)
                fprintf(out, "\n    (%zu functions grew by this)", cause->regressions);
        return r;
}

static int write_text_verdict(const struct compare_findings *c, FILE *out)
{
        const struct compare_judgement *causes = report_causes(c);

        if (!causes && !c->invalid)
                return 0;
        if (c->judgement || c->invalid)
                fprintf(out, "%s: ", compare_verdict_name(compare_verdict_of(c)));
        int r = write_owned_text(report_sentence(c), out);
        for (size_t i = 0; r == 0 && causes && i < causes->causes_n; i++)
                r = write_text_cause(c, &causes->causes[i], out);
        fputs("\n\n", out);
        return r;
}

static void write_side(const struct compare_findings *c, enum compare_side side, FILE *out)
{
        const struct compare_result *comparison = c->comparison;
        double coverage = profile_coverage(&c->counters[side]);

        fprintf(out, "%-6s ", side == COMPARE_BASE ? "Base" : "New");
        escape_text(c->names[side], out);
        fprintf(out, ": %zu run%s, %" PRIu64 " %s samples, %.2f %% of the ticks lost", comparison->runs[side],
                comparison->runs[side] == 1 ? "" : "s", comparison->samples[side],
                comparison->scope.whole ? "active" : "judged", 100 * report_lost(&c->counters[side]));
        if (coverage >= 0)
                fprintf(out, ", coverage %.1f %%", 100 * coverage);
        putc('\n', out);
}

static int write_scope(const struct compare_findings *c, FILE *out)
{
        fputs("Scope  ", out);
        int r = write_owned_text(report_scope(c->comparison), out);
        putc('\n', out);
        return r;
}

static void write_circumstances(const struct compare_findings *c, FILE *out)
{
        for (size_t i = 0; c->circumstances && i < COMPARE_CIRCUMSTANCES; i++) {
                const struct compare_circumstance *one = &c->circumstances[i];

                if (!one->differs)
                        continue;
                fprintf(out, "Differs: %s ", one->name);
                escape_text(one->values[COMPARE_BASE], out);
                fputs(" -> ", out);
                escape_text(one->values[COMPARE_NEW], out);
                putc('\n', out);
        }
        for (size_t i = 0; i < c->notes_n; i++) {
                fputs("Note: ", out);
                escape_text(c->notes[i], out);
                putc('\n', out);
        }
}

static void write_change_row(const struct compare_findings *c, const struct report_row *row, FILE *out)
{
        const struct compare_change *change = row->change;
        char p[REPORT_P_SIZE], samples[48];

        snprintf(samples, sizeof(samples), "%" PRIu64 "/%" PRIu64, change->hits[COMPARE_BASE],
                 change->hits[COMPARE_NEW]);
        fprintf(out, "%6.2f %% %6.2f %% %+7.2f  %+6.2f to %+6.2f %15s  %8s  %-10s  ", 100 * change->share[COMPARE_BASE],
                100 * change->share[COMPARE_NEW], 100 * change->change, 100 * change->low, 100 * change->high, samples,
                change->tested ? report_p(change->p, p) : "", report_remark(c, row));
        escape_text(row->function->key, out);
        putc('\n', out);
}

static int write_table(const struct compare_findings *c, enum compare_measure measure, FILE *out)
{
        static const char *const titles[] = { [COMPARE_SELF] = "SELF", [COMPARE_TOTAL] = "TOTAL" };
        struct report_row *rows;
        size_t n;
        int r = report_rows(c->comparison, measure, &rows, &n);

        if (r)
                return r;
        if (n == 0 && c->grown) { /* the sentence tells it */
                free(rows);
                return 0;
        }
        fprintf(out, "\n%5s BASE      NEW  CHANGE  95 %% CONFIDENCE         SAMPLES         P  %-10s  FUNCTION\n",
                titles[measure], "");
        for (size_t i = 0; i < n; i++)
                write_change_row(c, &rows[i], out);
        free(rows);
        return 0;
}

static int text_write(const struct compare_findings *c, FILE *out)
{
        int r = write_text_verdict(c, out);

        for (int side = 0; c->comparison && side < COMPARE_SIDES; side++)
                write_side(c, (enum compare_side)side, out);
        if (r == 0 && c->comparison)
                r = write_scope(c, out);
        write_circumstances(c, out);
        if (r == 0 && c->cost)
                r = write_owned_text(report_cost(c->cost), out);
        if (c->cost)
                putc('\n', out);
        for (int measure = COMPARE_MEASURES; r == 0 && c->comparison && measure-- > 0;)
                r = write_table(c, (enum compare_measure)measure, out);
        return r ? r : escape_finish(out);
}

const struct compare_report report_text = {
        .name = "text",
        .extension = ".txt",
        .summary = "for people",
        .write = text_write,
};
