/* SPDX-License-Identifier: Apache-2.0 */
/* What was judged, in words. */
#include "report.h"

#include "agent/base/base.h"

#include <inttypes.h>
#include <stdlib.h>

const char *report_left_out(const struct compare_scoped *scope, enum compare_left_out why)
{
        static const char *const words[COMPARE_LEFT_OUTS] = {
                [COMPARE_LEFT_OUTSIDE] = "outside of tests",         [COMPARE_LEFT_IMPORTS] = "imports",
                [COMPARE_LEFT_ONE_SIDED] = "tests of one side only", [COMPARE_LEFT_COLLECTION] = "garbage collection",
                [COMPARE_LEFT_FOREIGN] = "in no judged function",
        };

        return why == COMPARE_LEFT_OUTSIDE && scope->start == COMPARE_START_ASKED ? "outside of --from" : words[why];
}

static void write_judged_functions(const struct compare_scoped *scope, FILE *out)
{
        if (scope->whole)
                fputs("all functions", out);
        else if (scope->everything)
                fputs("all functions, since none is of a file of the project", out);
        else
                fputs(scope->only ? "the functions of --only" : "the project's own functions", out);
        if (scope->ignore)
                fputs(", without those of --ignore", out);
        if (scope->start == COMPARE_START_TESTS)
                fputs(", in tests", out);
        if (scope->start == COMPARE_START_ASKED) {
                fputs(", from ", out);
                escape_text(scope->from, out);
                fputs(" on", out);
        }
}

/* Shares of both sides' active samples together. */
static void write_left_out(const struct compare_scoped *scope, FILE *out)
{
        uint64_t all = scope->all[COMPARE_BASE] + scope->all[COMPARE_NEW];
        const char *before = "; left out: ";

        for (int why = 0; why < COMPARE_LEFT_OUTS; why++) {
                uint64_t n = scope->left_out[why][COMPARE_BASE] + scope->left_out[why][COMPARE_NEW];

                if (n == 0)
                        continue;
                fprintf(out, "%s%s %.1f %%", before, report_left_out(scope, (enum compare_left_out)why),
                        100 * (double)n / (double)all);
                before = ", ";
        }
}

char *report_scope(const struct compare_result *c)
{
        const struct compare_scoped *scope = &c->scope;
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        if (!out)
                return NULL;
        fputs(scope->whole ? "compared: " : "judged: ", out);
        write_judged_functions(scope, out);
        fprintf(out, "; %" PRIu64 " of %" PRIu64 " samples of the base, %" PRIu64 " of %" PRIu64 " of the new side",
                c->samples[COMPARE_BASE], scope->all[COMPARE_BASE], c->samples[COMPARE_NEW], scope->all[COMPARE_NEW]);
        write_left_out(scope, out);
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}
