/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/compare/compare.h"
#include "agent/format/format.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(compare_report);

#define RUNS 5

/* A name that would be a tag, a table's cell, a code span, a command and a terminal's colour. */
#define HOSTILE "a|b`<i>&%0A::error\x1b[31m\n"

#define PERIOD 10000000

struct frame {
        const char *name, *file;
        uint32_t first_line, line;
};

/* @frames root first. */
static void add_stack(struct profile *p, const struct frame *frames, size_t n, uint64_t count)
{
        profile_id ids[2];

        for (size_t i = 0; i < n; i++) {
                const struct frame *f = &frames[n - 1 - i];

                ids[i] = interned_frame(p, interned_function(p, f->name, f->file, f->first_line), f->line);
        }
        cr_assert_eq(profile_add(p, interned_stack(p, ids, n), 0, PROFILE_RUNNING, count, count * PERIOD), 0);
}

/* main at 20 %, the hostile one called by it: 4000 of 5000 samples, or @n more. */
static void add_run(struct profile_set *set, uint64_t n)
{
        struct profile *p = profile_new();
        const struct frame frames[] = { { "main", "app.py", 1, 2 }, { HOSTILE, "lib,a:b.py", 5, 6 } };
        const struct frame other[] = { { "main", "app.py", 1, 3 }, { "steady", "app.py", 9, 10 } };

        add_stack(p, frames, 2, 1000 + n);
        add_stack(p, other, 2, 3000);
        add_stack(p, frames, 1, 1000);
        cr_assert_eq(profile_set_add(set, p), 0);
}

struct judged {
        struct compare_result *comparison;
        struct compare_judgement judgement;
        struct compare_findings report;
};

static void judge(struct judged *j, uint64_t growth)
{
        const struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };

        for (int run = 0; run < RUNS; run++) {
                add_run(&sides[COMPARE_BASE], 0);
                add_run(&sides[COMPARE_NEW], growth);
        }
        cr_assert_eq(compare_sides(sides, &criteria, &j->comparison), 0);
        cr_assert_eq(compare_judge(j->comparison, &j->judgement), 0);
        j->report = (struct compare_findings){ .names = { "base", "new" },
                                               .comparison = j->comparison,
                                               .judgement = &j->judgement };
        for (int side = 0; side < COMPARE_SIDES; side++)
                profile_set_deinit(&sides[side]);
}

static void judged_deinit(struct judged *j)
{
        compare_judgement_deinit(&j->judgement);
        compare_result_free(j->comparison);
}

static char *written(const char *name, const struct compare_findings *report)
{
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        cr_assert_eq(compare_report_by_name(name)->write(report, out), 0, "%s", name);
        fclose(out);
        return text;
}

#define CLEAN "a|b`<i>&%0A::error\\x1b[31m\\x0a"

/* What a report says of growth, by parts in their order. */
static const struct {
        const char *report;
        const char *parts[8];
} regressions[] = {
        { "text",
          { "regression: 1 function grew: it takes a larger share of the judged time\n  lib,a:b.py:" CLEAN
            "\n    self 20.0 % -> 33.3 %, +13.3 points (+12.6 to +14.1), "
            "5000 -> 10000 samples\n    in main > " CLEAN "\n\n",
            "Base   base: 5 runs, 25000 judged samples, 0.00 % of the ticks lost\n", "TOTAL BASE",
            "5000/10000  < 0.0001  regression  lib,a:b.py:" CLEAN "\n",
            " 60.00 %  50.00 %  -10.00  -10.83 to  -9.17     15000/15000    1.0000              app.py:steady\n",
            " SELF BASE", "app.py:main\n" } },
        { "markdown",
          { "### ❌ podflame: regression\n\n1 function grew: it takes a larger share of the judged time.\n\n- "
            "`lib,a:b.py:a\\|b'<i>&%0A::error\\x1b[31m\\x0a`: self "
            "20.0 %",
            "| function (total) | base | new |",
            "\n| `lib,a:b.py:a\\|b'<i>&%0A::error\\x1b[31m\\x0a` | 20.00 % | 33.33 % |",
            "| 5000 / 10000 | regression |\n", "| `app.py:steady` | 60.00 % | 50.00 % |", "\n</details>\n" } },
        { "junit",
          { "tests=\"6\" failures=\"3\" errors=\"0\"",
            "name=\"verdict\"><failure message=\"regression: 1 function grew: it takes a larger share of the judged "
            "time\"/>",
            "classname=\"lib,a:b.py\" name=\"a|b`&lt;i&gt;&amp;%0A::error\\x1b[31m\\x0a (self)\"><failure "
            "message=\"self 20.0 % -&gt;",
            "name=\"steady (self)\"></testcase>\n", "</testsuites>\n" } },
        { "github",
          { "::error title=podflame%3A regression::1 function grew: it takes a larger share of the judged time; "
            "judged: the project's own functions; ",
            "\n::error file=lib%2Ca%3Ab.py,title=podflame%3A "
            "regression::"
            "lib,a:b.py:a|b`<i>&%250A::error\\x1b[31m\\x0a: self 20.0 %25 -> 33.3 %25, ",
            "; in main > a|b`" } },
        { "json", { "\"verdict\":", "regression", "\"causes\":", "a|b`", "\"regressions\":" } },
};

Test(compare_report, growth_is_told_and_names_are_clean)
{
        struct judged j;

        judge(&j, 1000);
        for (size_t i = 0; i < sizeof regressions / sizeof *regressions; i++) {
                char *text = written(regressions[i].report, &j.report), *at = text;

                for (const char *const *part = regressions[i].parts; *part; part++) {
                        char *found = strstr(at, *part);

                        cr_assert_not_null(found, "%s: no %s in\n%s", regressions[i].report, *part, at);
                        at = found + strlen(*part);
                }
                cr_expect_null(strchr(text, '\x1b'), "%s", regressions[i].report);
                free(text);
        }
        judged_deinit(&j);
}

Test(compare_report, json_can_be_parsed_and_holds_the_figures)
{
        struct json_object *cause, *value;
        struct judged j;

        judge(&j, 1000);
        char *text = written("json", &j.report);
        struct json_object *root = json_tokener_parse(text);
        cr_assert_not_null(root, "%s", text);
        cr_assert(json_object_object_get_ex(root, "causes", &value));
        cr_assert_eq(json_object_array_length(value), 1);
        cause = json_object_array_get_idx(value, 0);
        cr_assert(json_object_object_get_ex(cause, "change", &value));
        cr_expect_float_eq(json_object_get_double(value), 2.0 / 6 - 1.0 / 5, 1e-9);
        cr_assert(json_object_object_get_ex(cause, "path", &value));
        cr_expect_eq(json_object_array_length(value), 2);
        cr_assert(json_object_object_get_ex(cause, "regressions", &value));
        cr_expect_eq(json_object_get_int(value), 1);
        json_object_put(root);
        free(text);
        judged_deinit(&j);
}

/* The words by which a report tells each verdict. */
static const struct {
        const char *report, *pass, *invalid;
} verdicts[] = {
        { "text", "pass: no function grew by 10 %", "invalid: no <base> | here" },
        { "markdown", "### ✅ podflame: pass\n\nno function grew", "podflame: invalid\n\nno \\<base\\> \\| here.\n" },
        { "junit", "failures=\"0\" errors=\"0\"", "errors=\"1\"" },
        { "github", "::notice title=podflame%3A pass::no function grew",
          "::error title=podflame%3A invalid::no <base> | here\n" },
        { "json", "pass", "invalid" },
};

Test(compare_report, a_pass_and_what_cannot_be_compared)
{
        const struct compare_findings invalid = { .names = { "base", "new" }, .invalid = "no <base> | here" };
        struct judged j;

        judge(&j, 0);
        cr_assert_eq(compare_verdict_of(&j.report), COMPARE_PASS);
        cr_assert_eq(compare_verdict_of(&invalid), COMPARE_INVALID);
        for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
                char *pass = written(verdicts[i].report, &j.report);
                char *not = written(verdicts[i].report, &invalid);

                cr_expect_not_null(strstr(pass, verdicts[i].pass), "%s", pass);
                cr_expect_not_null(strstr(not, verdicts[i].invalid), "%s", not );
                free(pass);
                free(not );
        }
        judged_deinit(&j);
}

/* Half of the new side's time was met; the base's was not accounted. */
Test(compare_report, coverage_is_told_of_the_side_that_knows_it)
{
        struct judged j;

        judge(&j, 0);
        j.report.counters[COMPARE_NEW] = (struct profile_counters){ .accounted_ns = 2000000000,
                                                                    .sampled_ns = 1000000000 };
        char *text = written("text", &j.report), *json = written("json", &j.report), *html = written("html", &j.report);

        cr_expect_not_null(strstr(text, "Base   base: 5 runs, 25000 judged samples, 0.00 % of the ticks lost\n"), "%s",
                           text);
        cr_expect_not_null(strstr(text, "of the ticks lost, coverage 50.0 %\n"), "%s", text);
        cr_expect_not_null(strstr(json, "\"share\":0.5,"), "%s", json);
        cr_expect_not_null(strstr(html, ",\"coverage\":{\"share\":0.5,\"low\":true,"));
        free(text);
        free(json);
        free(html);
        judged_deinit(&j);
}

Test(compare_report, what_grew_is_told_without_a_verdict)
{
        struct judged j;

        judge(&j, 1000);
        j.report.grown = j.report.judgement;
        j.report.judgement = NULL;
        char *text = written("text", &j.report), *html = written("html", &j.report);
        cr_expect_eq(strncmp(text, "1 function grew\n  lib,a:b.py:", 29), 0, "%s", text);
        cr_expect_null(strstr(text, "regression"));
        cr_expect_not_null(strstr(html, "\"sentence\":\"1 function grew\",\"grown\":[{\"name\":\"lib,a:b.py:"));
        cr_expect_not_null(strstr(html, "\"functions\":1,\"path\":[[\"main\",\"app.py\"],["));
        cr_expect_null(strstr(html, "\"verdict\""));
        free(text);
        free(html);
        judged_deinit(&j);
        judge(&j, 0);
        j.report.grown = j.report.judgement;
        j.report.judgement = NULL;
        text = written("markdown", &j.report);
        cr_expect_not_null(
                strstr(text, "what changed\n\nnothing differs: each function has the same share on both sides.\n"),
                "%s", text);
        free(text);
        judged_deinit(&j);
}
