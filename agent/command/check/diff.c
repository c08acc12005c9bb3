/* SPDX-License-Identifier: Apache-2.0 */
/* podflame diff: shows what changed from one profile to another, without a verdict. */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"
#include "profile_files.h"

#include "reports.h"
#include "scope_options.h"

#include <stdio.h>
#include <string.h>

struct diff_config {
        struct confinement_options confinement;
        struct report_options reports;
        struct scope_options scope;
};

static const struct option_spec specs[] = {
        REPORT_OPTIONS(struct diff_config, reports, "text, json, markdown, html, folded (text, unless -o says more)"),
        SCOPE_OPTIONS(struct diff_config, scope),
        CONFINEMENT_OPTIONS(struct diff_config, confinement),
};

static const struct usage usage = {
        .command = "diff",
        .synopsis = "BASE NEW [OPTION]...",
        .text = "Compares two profiles by the shares that functions have of their active samples.\n"
                "With --only, --ignore or --from by those of the functions that check would judge.\n"
                "Files are those that podflame convert reads, packed by gzip or not.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
        .anywhere = true,
};

struct comparing {
        const char *const *files;
        const struct scope_options *scope;
        struct side sides[COMPARE_SIDES];
        struct reports reports;
        struct outside outside;
};

/* Opens all files, then gives up the privileges for opening. GO_ON, or an exit status. */
static int open_sides_and_confine(struct comparing *c, const struct confinement_options *confinement)
{
        struct outside_duty duties[OUTSIDE_DEEDS] = { { NULL, NULL } };
        char reason[LOAD_REASON_SIZE];
        int status = GO_ON;

        for (int side = 0; status == GO_ON && side < COMPARE_SIDES; side++)
                if (side_open(&c->sides[side], &c->files[side], 1, reason) != 0)
                        status = say_error("%s", reason);
        if (status == GO_ON)
                status = reports_open(&c->reports);
        if (status != GO_ON)
                return status;
        reports_duties(&c->reports, &c->outside, duties);
        return confine_with(confinement, &usage, CONFINE_CONVERTER, duties, &c->outside);
}

static int report_differences(struct comparing *c)
{
        struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;
        struct scope_globs globs;
        struct side *sides = c->sides;
        const char *const *files = c->files;
        struct compare_circumstance circumstances[COMPARE_CIRCUMSTANCES];
        struct compare_result *comparison = NULL;
        struct compare_judgement grown = { .more = 1 };
        char reason[LOAD_REASON_SIZE], low[COMPARE_SIDES][LOAD_REASON_SIZE];
        const char *notes[COMPARE_SIDES];
        size_t notes_n = 0;
        int status = GO_ON;

        for (int side = 0; status == GO_ON && side < COMPARE_SIDES; side++)
                if (side_load(&sides[side], reason) != 0)
                        status = say_error("%s", reason);
        criteria.scope = scope_options_make(c->scope, &globs);
        criteria.scope.whole = !scope_options_given(c->scope);
        if (status == GO_ON) {
                const struct profile_set runs[] = { sides[COMPARE_BASE].runs, sides[COMPARE_NEW].runs };
                int r = compare_sides(runs, &criteria, &comparison);

                if (r == 0)
                        r = compare_judge(comparison, &grown);
                compare_circumstances(runs, circumstances);
                for (int side = 0; side < COMPARE_SIDES; side++)
                        if (side_coverage_is_low(&sides[side], files[side], low[side]))
                                notes[notes_n++] = low[side];
                status = r < 0 ? say_error("%s and %s: %s", files[0], files[1], strerror(-r)) : GO_ON;
        }
        if (status == GO_ON && scope_options_failed(&comparison->scope, reason, sizeof reason))
                status = say_error("%s", reason);
        if (status == GO_ON)
                status = reports_write(
                        &c->reports,
                        &(struct compare_findings){
                                .names = { files[COMPARE_BASE], files[COMPARE_NEW] },
                                .circumstances = circumstances,
                                .comparison = comparison,
                                .grown = &grown,
                                .counters = { sides[COMPARE_BASE].counters, sides[COMPARE_NEW].counters },
                                .settings = { side_settings(&sides[COMPARE_BASE]), side_settings(&sides[COMPARE_NEW]) },
                                .notes = notes,
                                .notes_n = notes_n,
                        });
        compare_judgement_deinit(&grown);
        compare_result_free(comparison);
        return status == GO_ON ? EXIT_OK : status;
}

int diff_run(int argc, char **argv)
{
        struct diff_config config = { .reports = { .formats = { .n = 0 } } };
        struct comparing c = { .outside = OUTSIDE_NONE, .scope = &config.scope };
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && argc - rest != COMPARE_SIDES)
                status = options_wrong(&usage, "it takes two profiles: BASE NEW");
        if (status == GO_ON)
                status = scope_options_check(&config.scope, &usage);
        if (status == GO_ON)
                status = reports_choose(&config.reports, &usage, false, true, &c.reports);
        c.files = (const char *const *)&argv[rest];
        if (status == GO_ON)
                status = open_sides_and_confine(&c, &config.confinement);
        if (status == GO_ON)
                status = report_differences(&c);
        for (int side = 0; side < COMPARE_SIDES; side++)
                side_deinit(&c.sides[side]);
        reports_close(&c.reports);
        outside_close(&c.outside);
        report_options_deinit(&config.reports);
        scope_options_deinit(&config.scope);
        return status;
}
