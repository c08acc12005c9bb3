/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A judgement as GitHub's workflow commands, which become annotations: "::error file=F,title=T::MESSAGE". Characters
 * that would end the line or, in a property, the property are written as a percent sign and two digits
 * (actions/toolkit, command.ts).
 */
#include "report.h"

#include "agent/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* GitHub shows ten annotations of a kind for each step. */
#define ANNOTATIONS_MAX 10

static void write_escaped(const char *text, const char *special, FILE *out)
{
        char unit[ESCAPE_MAX];

        while (text && *text) {
                size_t n = escape_next(&text, unit);

                if (n == 1 && strchr(special, unit[0]))
                        fprintf(out, "%%%02X", (unsigned)unit[0]);
                else
                        fwrite(unit, 1, n, out);
        }
}

static void write_message(const char *text, FILE *out)
{
        write_escaped(text, "%", out);
}

static void write_property(const char *text, FILE *out)
{
        write_escaped(text, "%:,", out);
}

static int write_github_cause(const struct compare_findings *c, const struct compare_cause *cause, FILE *out)
{
        char *growth = report_growth(&cause->function->by[cause->measure], cause->measure);
        char *path = report_path(c->comparison, cause);
        int r = growth && path ? 0 : -ENOMEM;

        if (r == 0) {
                fputs("::error ", out);
                if (*cause->function->file) {
                        fputs("file=", out);
                        write_property(cause->function->file, out);
                        putc(',', out);
                }
                fputs("title=podflame%3A regression::", out);
                write_message(cause->function->key, out);
                fputs(": ", out);
                write_message(growth, out);
                fputs("; in ", out);
                write_message(path, out);
                putc('\n', out);
        }
        free(growth);
        free(path);
        return r;
}

static int github_write(const struct compare_findings *c, FILE *out)
{
        static const char *const commands[] = {
                [COMPARE_PASS] = "notice",
                [COMPARE_REGRESSION] = "error",
                [COMPARE_INVALID] = "error",
                [COMPARE_INCONCLUSIVE] = "warning",
        };
        enum compare_verdict verdict = compare_verdict_of(c);
        char *sentence = report_sentence(c), *scope = c->comparison ? report_scope(c->comparison) : NULL;
        int r = sentence && (scope || !c->comparison) ? 0 : -ENOMEM;

        if (r == 0) {
                fprintf(out, "::%s title=podflame%%3A %s::", commands[verdict], compare_verdict_name(verdict));
                write_message(sentence, out);
                if (scope)
                        fputs("; ", out);
                write_message(scope, out);
                putc('\n', out);
        }
        free(sentence);
        free(scope);
        for (size_t i = 0; r == 0 && c->judgement && i < c->judgement->causes_n && i + 1 < ANNOTATIONS_MAX; i++)
                r = write_github_cause(c, &c->judgement->causes[i], out);
        return r ? r : escape_finish(out);
}

const struct compare_report report_github = {
        .name = "github",
        .summary = "annotations of a GitHub workflow, for standard output",
        .judged = true,
        .write = github_write,
};
