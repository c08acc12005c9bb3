/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_REPORT_H
#define COMPARE_REPORT_H

/* What the reports of comparisons share. Each report has a file; report.c lists them. */

#include "agent/compare/compare.h"
#include "agent/format/format.h"

extern const struct compare_report report_folded;
extern const struct compare_report report_github;
extern const struct compare_report report_html;
extern const struct compare_report report_json;
extern const struct compare_report report_junit;
extern const struct compare_report report_markdown;
extern const struct compare_report report_text;

/* The most functions that are shown: those that changed most, regressions first. */
#define REPORT_ROWS 20

struct report_row {
        const struct compare_function *function;
        const struct compare_change *change; /* the function's change by the requested measure */
};
/* Lists rows; @ret is allocated. Rows without any change are left out. */
int report_rows(const struct compare_result *c, enum compare_measure measure, struct report_row **ret, size_t *ret_n);

/*
 * A row's remark: "regression", "allowed", "new", "gone" or "". If there is no judgement, a regression that is not new
 * is "grew".
 */
const char *report_remark(const struct compare_findings *c, const struct report_row *row);

/* What grew, and why: the judgement's, or that of a comparison that is only shown. NULL: it is not known. */
const struct compare_judgement *report_causes(const struct compare_findings *c);

/* Formats like printf(), allocated. NULL if memory ran out. */
char *report_text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Why it cannot be told, and what would help; allocated. */
char *report_inconclusive(const struct compare_result *c, const struct compare_judgement *j);

/* The verdict, or what grew, in a sentence or two, allocated: plain text, in which no name needs cleaning. */
char *report_sentence(const struct compare_findings *c);
/* What was judged, and what was left out, in a sentence without its full stop; allocated. The names in it are clean. */
char *report_scope(const struct compare_result *c);
/* A change as text: "total 12.3 % -> 18.1 %, +5.8 points (+5.1 to +6.5), 2460 -> 3620 samples"; allocated. */
char *report_growth(const struct compare_change *change, enum compare_measure measure);
/* The end of a cause's path: "main > handle > dumps", clean; allocated. */
char *report_path(const struct compare_result *c, const struct compare_cause *cause);

/* Why samples are left out: "outside of tests". Static storage. */
const char *report_left_out(const struct compare_scoped *scope, enum compare_left_out why);

/* The cost of a unit of work as text; allocated. */
char *report_cost(const struct compare_cost *cost);

/* A p-value as text: "0.0012", "< 0.0001". */
#define REPORT_P_SIZE 16
const char *report_p(double p, char ret[static REPORT_P_SIZE]);

/* The share of ticks that gave no stack: torn, gone, failed. */
double report_lost(const struct profile_counters *counters);

#endif
