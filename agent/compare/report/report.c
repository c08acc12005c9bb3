/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of comparisons, the default first, and the sentences that several of them use. */
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

const struct compare_report *const compare_reports[] = {
        &report_text, &report_json, &report_markdown, &report_html, &report_folded, &report_junit, &report_github,
};
const size_t compare_reports_n = sizeof(compare_reports) / sizeof(compare_reports[0]);

const struct compare_report *compare_report_by_name(const char *name)
{
        for (size_t i = 0; i < compare_reports_n; i++)
                if (strcmp(compare_reports[i]->name, name) == 0)
                        return compare_reports[i];
        return NULL;
}

const struct compare_report *compare_report_by_path(const char *path)
{
        size_t len = strlen(path);

        for (size_t i = 0; i < compare_reports_n; i++) {
                const char *extension = compare_reports[i]->extension;
                size_t n = extension ? strlen(extension) : len;

                if (len > n && strcasecmp(path + len - n, extension) == 0)
                        return compare_reports[i];
        }
        return NULL;
}

enum compare_verdict compare_verdict_of(const struct compare_findings *c)
{
        return c->judgement && !c->invalid ? c->judgement->verdict : COMPARE_INVALID;
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

int report_rows(const struct compare_result *c, enum compare_measure measure, struct report_row **ret, size_t *ret_n)
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

const char *report_remark(const struct compare_findings *c, const struct report_row *row)
{
        const struct compare_change *total = &row->function->by[COMPARE_TOTAL];

        if (row->change->regression && c->judgement)
                return row->function->allowed ? "allowed" : "regression";
        if (total->hits[COMPARE_BASE] == 0)
                return "new";
        if (total->hits[COMPARE_NEW] == 0)
                return "gone";
        return row->change->regression ? "grew" : "";
}

/* ---- sentences ------------------------------------------------------------------ */

char *report_text_of(const char *format, ...)
{
        char *text;
        va_list args;

        va_start(args, format);
        int printed = vasprintf(&text, format, args);
        va_end(args);
        return printed < 0 ? NULL : text;
}

const struct compare_judgement *report_causes(const struct compare_findings *c)
{
        return c->judgement ? c->judgement : c->grown;
}

/* Of a comparison that is not judged, and in which nothing is known to have grown. */
static char *say_unjudged(const struct compare_result *c)
{
        for (size_t i = 0; i < c->n; i++)
                for (int measure = 0; measure < COMPARE_MEASURES; measure++)
                        if (c->functions[i].by[measure].change != 0)
                                return report_text_of("no function grew for certain, by %g %% and %g points or more",
                                                      100 * c->criteria.relative, 100 * c->criteria.points);
        return strdup("nothing differs: each function has the same share on both sides");
}

char *report_sentence(const struct compare_findings *c)
{
        const struct compare_judgement *j = report_causes(c);

        if (c->invalid)
                return escape_clean(c->invalid);
        if (!j)
                return strdup("");
        if (j->regressions > 0)
                return report_text_of("%zu function%s grew%s", j->regressions, j->regressions == 1 ? "" : "s",
                                      !c->judgement         ? ""
                                      : j->regressions == 1 ? ": it takes a larger share of the judged time"
                                                            : ": they take larger shares of the judged time");
        if (!c->judgement)
                return say_unjudged(c->comparison);
        if (j->verdict == COMPARE_INCONCLUSIVE)
                return report_inconclusive(c->comparison, j);

        const struct compare_criteria *criteria = &c->comparison->criteria;

        return report_text_of(
                "no function grew by %g %% of its share and %g points or more; growth of %g times that is ruled out "
                "with %g %% confidence",
                100 * criteria->relative, 100 * criteria->points, criteria->sensitivity, 100 * (1 - criteria->miss));
}

char *report_growth(const struct compare_change *change, enum compare_measure measure)
{
        return report_text_of("%s %.1f %% -> %.1f %%, %+.1f points (%+.1f to %+.1f), %" PRIu64 " -> %" PRIu64
                              " samples",
                              compare_measure_name(measure), 100 * change->share[COMPARE_BASE],
                              100 * change->share[COMPARE_NEW], 100 * change->change, 100 * change->low,
                              100 * change->high, change->hits[COMPARE_BASE], change->hits[COMPARE_NEW]);
}

/* The number of functions shown of a path: the last ones, which grew. */
#define PATH_SHOWN 6

char *report_path(const struct compare_result *c, const struct compare_cause *cause)
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

char *report_cost(const struct compare_cost *cost)
{
        char p[REPORT_P_SIZE];

        return report_text_of("CPU time a unit of work: %.4g ms -> %.4g ms, %+.1f %% (%+.1f to %+.1f), p %s; "
                              "advisory: it depends on the machine's other load",
                              1000 * cost->mean[COMPARE_BASE], 1000 * cost->mean[COMPARE_NEW], 100 * cost->change,
                              100 * cost->low, 100 * cost->high, report_p(cost->p, p));
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
