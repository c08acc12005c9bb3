/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of comparisons, the default first, and the sentences that several of them have. */
#include "report.h"

#include "agent/base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct format_report *const format_reports[] = {
        &report_text, &report_json, &report_markdown, &report_html, &report_folded, &report_junit, &report_github,
};
const size_t format_reports_n = sizeof(format_reports) / sizeof(format_reports[0]);

const struct format_report *format_report_by_name(const char *name)
{
        for (size_t i = 0; i < format_reports_n; i++)
                if (strcmp(format_reports[i]->name, name) == 0)
                        return format_reports[i];
        return NULL;
}

const struct format_report *format_report_by_path(const char *path)
{
        size_t len = strlen(path);

        for (size_t i = 0; i < format_reports_n; i++) {
                const char *extension = format_reports[i]->extension;
                size_t n = extension ? strlen(extension) : len;

                if (len > n && strcasecmp(path + len - n, extension) == 0)
                        return format_reports[i];
        }
        return NULL;
}

enum profile_verdict format_verdict(const struct format_comparison *c)
{
        return c->judgement && !c->invalid ? c->judgement->verdict : PROFILE_INVALID;
}

/* ---- rows -------------------------------------------------------------------- */

static int by_weight(const void *a, const void *b)
{
        const struct report_row *x = a, *y = b;

        if (x->change->regression != y->change->regression)
                return x->change->regression ? -1 : 1;

        double p = fabs(x->change->change), q = fabs(y->change->change);

        return p != q ? (p < q) - (p > q) : strcmp(x->function->key, y->function->key);
}

int report_rows(const struct profile_comparison *c, enum profile_measure measure, struct report_row **ret,
                size_t *ret_n)
{
        struct report_row *rows = calloc(c->n + 1, sizeof(*rows));
        size_t n = 0;

        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++)
                if (c->functions[i].by[measure].change != 0)
                        rows[n++] = (struct report_row){ &c->functions[i], &c->functions[i].by[measure] };
        qsort(rows, n, sizeof(*rows), by_weight);
        *ret = rows;
        *ret_n = n < REPORT_ROWS ? n : REPORT_ROWS;
        return 0;
}

const char *report_remark(const struct format_comparison *c, const struct report_row *row)
{
        const struct profile_change *total = &row->function->by[PROFILE_TOTAL];

        if (row->change->regression && c->judgement)
                return row->function->allowed ? "allowed" : "regression";
        if (total->hits[PROFILE_BASE] == 0)
                return "new";
        if (total->hits[PROFILE_NEW] == 0)
                return "gone";
        return row->change->regression ? "grew" : "";
}

/* ---- sentences ------------------------------------------------------------------ */

/* As printf() says it; NULL: out of memory. */
__attribute__((format(printf, 1, 2))) static char *said(const char *format, ...)
{
        char *text;
        va_list args;

        va_start(args, format);
        int printed = vasprintf(&text, format, args);
        va_end(args);
        return printed < 0 ? NULL : text;
}

/* On both sides: below, it is the noise between runs that is not known well. */
#define RUNS_FEW 10

static char *say_inconclusive(const struct profile_comparison *c, const struct profile_judgement *j)
{
        if (!j->weakest)
                return strdup("no function has a share that could grow: there is nothing to judge");

        const struct profile_change *weak = &j->weakest->by[j->weakest_measure];
        double more = j->more - 1, seconds = 0;
        bool few = c->runs[PROFILE_BASE] + c->runs[PROFILE_NEW] < RUNS_FEW;

        for (size_t i = 0; i < c->runs[PROFILE_NEW]; i++)
                seconds += c->seconds[PROFILE_NEW][i];
        return said("no regression was found, but of %zu function%s growth could have been missed that "
                    "ought to be found; at worst, of one with %.1f %%, up to %.1f points. It takes %.1f "
                    "times as many samples: %.0f more for the base, %.0f for the new side (%.0f s of "
                    "CPU time)%s",
                    j->blind, j->blind == 1 ? "" : "s", 100 * weak->share[PROFILE_BASE],
                    100 * fmin(1, weak->detectable), j->more, ceil(more * (double)c->samples[PROFILE_BASE]),
                    ceil(more * (double)c->samples[PROFILE_NEW]), ceil(more * seconds),
                    few ? "; of so few runs, more runs tell more than longer ones" : "");
}

char *report_sentence(const struct format_comparison *c)
{
        const struct profile_judgement *j = c->judgement;

        if (c->invalid)
                return escape_clean(c->invalid);
        if (!j)
                return strdup("");
        if (j->verdict == PROFILE_REGRESSION)
                return said("%zu function%s grew", j->regressions, j->regressions == 1 ? "" : "s");
        if (j->verdict == PROFILE_INCONCLUSIVE)
                return say_inconclusive(c->comparison, j);

        const struct profile_criteria *criteria = &c->comparison->criteria;

        return said("no function grew by %g %% and %g points or more; %g times that would have been "
                    "found with a probability of %g %%", 100 * criteria->relative,
                    100 * criteria->points, criteria->sensitivity, 100 * criteria->power);
}

char *report_growth(const struct profile_change *change, enum profile_measure measure)
{
        return said("%s %.1f %% -> %.1f %%, %+.1f points (%+.1f to %+.1f), %" PRIu64 " -> %" PRIu64
                    " samples", profile_measure_name(measure), 100 * change->share[PROFILE_BASE],
                    100 * change->share[PROFILE_NEW], 100 * change->change, 100 * change->low,
                    100 * change->high, change->hits[PROFILE_BASE], change->hits[PROFILE_NEW]);
}

/* The last ones: where the growth is. */
#define PATH_SHOWN 6

char *report_path(const struct profile_comparison *c, const struct profile_cause *cause)
{
        size_t first = cause->path_n > PATH_SHOWN ? cause->path_n - PATH_SHOWN : 0, len;
        char *text = NULL;
        FILE *out = open_memstream(&text, &len);

        if (!out)
                return NULL;
        if (first > 0)
                fputs("... > ", out);
        for (size_t i = first; i < cause->path_n; i++) {
                if (i > first)
                        fputs(cause->scattered && i + 1 == cause->path_n ? " > ... > " : " > ", out);
                escape_text(profile_function(c->stacks, cause->path[i])->name, out);
        }
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}

char *report_cost(const struct profile_cost *cost)
{
        char p[REPORT_P_SIZE];

        return said("CPU time a unit of work: %.4g ms -> %.4g ms, %+.1f %% (%+.1f to %+.1f), p %s; "
                    "advisory: it depends on the machine's other load",
                    1000 * cost->mean[PROFILE_BASE], 1000 * cost->mean[PROFILE_NEW],
                    100 * cost->change, 100 * cost->low, 100 * cost->high, report_p(cost->p, p));
}

const char *report_p(double p, char ret[static REPORT_P_SIZE])
{
        if (p < 0.0001)
                snprintf(ret, REPORT_P_SIZE, "< 0.0001");
        else
                snprintf(ret, REPORT_P_SIZE, "%.4f", p);
        return ret;
}

double report_lost(const struct profile_counters *counters)
{
        uint64_t lost = counters->torn + counters->gone + counters->failed;

        return counters->ticks ? (double)lost / (double)counters->ticks : 0;
}
