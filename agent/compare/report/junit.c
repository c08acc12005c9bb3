/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A judgement as JUnit XML, with a test case for each measure of a tested function. Regressions are failures. Tests
 * that could have missed a regression are skipped. Sides that cannot be compared are an error.
 */
#include "report.h"

#include "agent/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
        char c;
        const char *entity;
} entities[] = {
        { '&', "&amp;" },
        { '<', "&lt;" },
        { '>', "&gt;" },
        { '"', "&quot;" },
};

static void write_byte(char c, FILE *out)
{
        for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
                if (entities[i].c == c) {
                        fputs(entities[i].entity, out);
                        return;
                }
        putc(c, out);
}

/* Writes XML text. U+FFFE and U+FFFF are no characters of XML, and become U+FFFD. */
static void write_xml(const char *text, FILE *out)
{
        while (text && *text) {
                char unit[ESCAPE_MAX];
                size_t n = escape_next(&text, unit);

                if (n == 3 && memcmp(unit, "\xef\xbf", 2) == 0 && (unsigned char)unit[2] >= 0xbe)
                        unit[2] = (char)0xbd;
                for (size_t i = 0; i < n; i++)
                        write_byte(unit[i], out);
        }
}

struct tally {
        size_t tests, failures, skipped;
};

static bool is_failure(const struct compare_function *row, const struct compare_change *change)
{
        return change->regression && !row->allowed;
}

/* Whether growth of the promised size is not ruled out. */
static bool is_blind(const struct compare_function *row, const struct compare_change *change)
{
        return change->more > 1 && !row->allowed;
}

static struct tally count_tests(const struct compare_result *c)
{
        struct tally tally = { 0 };

        for (size_t i = 0; c && i < c->n; i++)
                for (int measure = 0; measure < COMPARE_MEASURES; measure++) {
                        const struct compare_change *change = &c->functions[i].by[measure];

                        if (!change->tested)
                                continue;
                        tally.tests++;
                        if (is_failure(&c->functions[i], change))
                                tally.failures++;
                        else
                                tally.skipped += is_blind(&c->functions[i], change);
                }
        return tally;
}

static int write_case(const struct compare_function *row, enum compare_measure measure, FILE *out)
{
        const struct compare_change *change = &row->by[measure];
        char *growth = report_growth(change, measure);

        if (!growth)
                return -ENOMEM;
        fputs("  <testcase classname=\"", out);
        write_xml(row->file, out);
        fputs("\" name=\"", out);
        write_xml(row->name, out);
        fprintf(out, " (%s)\">", compare_measure_name(measure));
        if (is_failure(row, change)) {
                fputs("<failure message=\"", out);
                write_xml(growth, out);
                fputs("\"/>", out);
        } else if (is_blind(row, change)) {
                fprintf(out, "<skipped message=\"growth of up to %.1f points is not ruled out\"/>",
                        100 * change->possible);
        }
        fputs("</testcase>\n", out);
        free(growth);
        return 0;
}

/* The verdict as a test case, so that there is a case even if no function could be tested. */
static int write_junit_verdict(const struct compare_findings *c, FILE *out)
{
        static const char *const elements[] = {
                [COMPARE_REGRESSION] = "failure",
                [COMPARE_INVALID] = "error",
                [COMPARE_INCONCLUSIVE] = "skipped",
        };
        enum compare_verdict verdict = compare_verdict_of(c);
        char *sentence = report_sentence(c);

        if (!sentence)
                return -ENOMEM;
        fputs("  <testcase classname=\"podflame\" name=\"verdict\">", out);
        if (elements[verdict]) {
                fprintf(out, "<%s message=\"%s: ", elements[verdict], compare_verdict_name(verdict));
                write_xml(sentence, out);
                fputs("\"/>", out);
        }
        fputs("</testcase>\n", out);
        free(sentence);
        return 0;
}

static int write_junit_scope(const struct compare_result *comparison, FILE *out)
{
        char *scope = comparison ? report_scope(comparison) : NULL;

        if (!comparison)
                return 0;
        fputs("  <properties><property name=\"scope\" value=\"", out);
        write_xml(scope, out);
        fputs("\"/></properties>\n", out);
        free(scope);
        return scope ? 0 : -ENOMEM;
}

static int junit_write(const struct compare_findings *c, FILE *out)
{
        enum compare_verdict verdict = compare_verdict_of(c);
        const struct compare_result *comparison = c->invalid ? NULL : c->comparison;
        struct tally tally = count_tests(comparison);

        fprintf(out,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<testsuites>\n <testsuite name=\"podflame\" tests=\"%zu\" failures=\"%zu\" errors=\"%d\" "
                "skipped=\"%zu\">\n",
                tally.tests + 1, tally.failures + (verdict == COMPARE_REGRESSION), verdict == COMPARE_INVALID,
                tally.skipped + (verdict == COMPARE_INCONCLUSIVE));
        int r = write_junit_scope(comparison, out);
        if (r == 0)
                r = write_junit_verdict(c, out);
        for (size_t i = 0; comparison && i < comparison->n; i++)
                for (int measure = 0; r == 0 && measure < COMPARE_MEASURES; measure++)
                        if (comparison->functions[i].by[measure].tested)
                                r = write_case(&comparison->functions[i], (enum compare_measure)measure, out);
        fputs(" </testsuite>\n</testsuites>\n", out);
        return r ? r : escape_finish(out);
}

const struct compare_report report_junit = {
        .name = "junit",
        .extension = ".xml",
        .summary = "JUnit XML, a test case for each function",
        .judged = true,
        .write = junit_write,
};
