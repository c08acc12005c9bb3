/* SPDX-License-Identifier: Apache-2.0 */
/* A differential flame graph: the page of the html format, with two counts for each node. */
#include "report.h"

#include "agent/base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static int write_side(const struct compare_findings *c, enum compare_side side, FILE *out)
{
        putc('{', out);
        html_write_member("name", c->names[side], out);
        if (c->comparison)
                fprintf(out, ",\"samples\":%" PRIu64 ",\"runs\":%zu", c->comparison->samples[side],
                        c->comparison->runs[side]);
        fprintf(out, ",\"lost\":%.6f", report_lost(&c->counters[side]));
        int r = html_write_coverage(&c->counters[side], &c->settings[side], out);
        putc('}', out);
        return r;
}

/* Writes what grew as {name, growth, functions, path: [[name, file], ...]}: the way to it in the tree, from the root. */
static int write_html_cause(const struct compare_findings *c, const struct compare_cause *cause, FILE *out)
{
        char *growth = report_growth(&cause->function->by[cause->measure], cause->measure);

        if (!growth)
                return -ENOMEM;
        putc('{', out);
        html_write_member("name", cause->function->key, out);
        putc(',', out);
        html_write_member("growth", growth, out);
        free(growth);
        fprintf(out, ",\"functions\":%zu,\"path\":[", cause->regressions);
        for (size_t i = 0; i < cause->path_n; i++) {
                const struct profile_function *function = profile_function(c->comparison->stacks, cause->path[i]);

                fputs(i > 0 ? ",[" : "[", out);
                escape_json(function->name, out);
                putc(',', out);
                escape_json(function->file, out);
                putc(']', out);
        }
        fputs("]}", out);
        return 0;
}

static int write_html_verdict(const struct compare_findings *c, FILE *out)
{
        const struct compare_judgement *causes = report_causes(c);
        char *sentence = report_sentence(c);
        int r = 0;

        if (!sentence)
                return -ENOMEM;
        if (c->judgement || c->invalid) {
                putc(',', out);
                html_write_member("verdict", compare_verdict_name(compare_verdict_of(c)), out);
        }
        putc(',', out);
        html_write_member("sentence", sentence, out);
        free(sentence);
        fputs(",\"grown\":[", out);
        for (size_t i = 0; r == 0 && causes && i < causes->causes_n; i++) {
                fputs(i > 0 ? "," : "", out);
                r = write_html_cause(c, &causes->causes[i], out);
        }
        putc(']', out);
        return r;
}

static int write_html_scope(const struct compare_result *comparison, FILE *out)
{
        char *scope = report_scope(comparison);

        if (!scope)
                return -ENOMEM;
        putc(',', out);
        html_write_member("scope", scope, out);
        free(scope);
        return 0;
}

static int write_compared(const void *what, FILE *out)
{
        const struct compare_findings *c = what;

        fputs("{\"meta\":{", out);
        html_write_member("version", PODFLAME_VERSION, out);
        fputs(",\"sides\":[", out);
        int r = write_side(c, COMPARE_BASE, out);
        putc(',', out);
        if (r == 0)
                r = write_side(c, COMPARE_NEW, out);
        putc(']', out);
        if (r == 0)
                r = write_html_verdict(c, out);
        if (r == 0 && c->comparison)
                r = write_html_scope(c->comparison, out);
        fputs("},\"tree\":", out);
        if (r == 0 && c->comparison)
                r = tree_write_compared(c->comparison->stacks, c->comparison->counts, out);
        else
                fputs("{\"name\":\"all\",\"base\":0,\"value\":0}", out);
        putc('}', out);
        return r;
}

static int html_write(const struct compare_findings *c, FILE *out)
{
        return html_write_page(write_compared, c, out);
}

const struct compare_report report_html = {
        .name = "html",
        .extension = ".html",
        .summary = "a differential flame graph in one file, for any browser",
        .write = html_write,
};
