/* SPDX-License-Identifier: Apache-2.0 */
/* podflame diff: what changed from one profile to another, without a verdict. */
#include "command.h"
#include "commands.h"
#include "load.h"
#include "options.h"
#include "say.h"

#include "agent/command/gate/reports.h"

#include <stdio.h>
#include <string.h>

struct diff_config {
        struct report_options reports;
};

static const struct option_spec specs[] = {
        REPORT_OPTIONS(struct diff_config, reports, "text, json, markdown, html, folded (text, unless -o says more)"),
};

static const struct usage usage = {
        .command = "diff",
        .synopsis = "BASE NEW [OPTION]...",
        .text = "Compares two profiles by the shares that functions have of their active samples.\n"
                "Files are OTLP (record -f otlp), pprof or folded stacks, packed by gzip or not.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
        .anywhere = true,
};

static int compare(const char *const *files, const struct reports *reports)
{
        const struct profile_criteria criteria = PROFILE_CRITERIA_DEFAULT;
        struct side sides[PROFILE_SIDES] = { { .run_of = NULL } };
        struct profile_circumstance circumstances[PROFILE_CIRCUMSTANCES];
        struct profile_comparison *comparison = NULL;
        char reason[LOAD_REASON_SIZE], low[PROFILE_SIDES][LOAD_REASON_SIZE];
        const char *notes[PROFILE_SIDES];
        size_t notes_n = 0;
        int e = -1;

        for (int side = 0; e < 0 && side < PROFILE_SIDES; side++)
                if (side_load(&sides[side], &files[side], 1, reason) < 0)
                        e = say_error("%s", reason);
        if (e < 0) {
                const struct profile_set runs[] = { sides[PROFILE_BASE].runs, sides[PROFILE_NEW].runs };
                int r = profile_compare(runs, &criteria, &comparison);

                profile_circumstances(runs, circumstances);
                for (int side = 0; side < PROFILE_SIDES; side++)
                        if (side_coverage_is_low(&sides[side], files[side], low[side]))
                                notes[notes_n++] = low[side];
                e = r < 0 ? say_error("%s and %s: %s", files[0], files[1], strerror(-r)) : -1;
        }
        if (e < 0)
                e = reports_write(reports, &(struct format_comparison){
                        .names = { files[PROFILE_BASE], files[PROFILE_NEW] },
                        .circumstances = circumstances,
                        .comparison = comparison,
                        .counters = { sides[PROFILE_BASE].counters, sides[PROFILE_NEW].counters },
                        .settings = { side_settings(&sides[PROFILE_BASE]), side_settings(&sides[PROFILE_NEW]) },
                        .notes = notes,
                        .notes_n = notes_n,
                });
        profile_comparison_free(comparison);
        for (int side = 0; side < PROFILE_SIDES; side++)
                side_deinit(&sides[side]);
        return e < 0 ? EXIT_OK : e;
}

int diff_run(int argc, char **argv)
{
        struct diff_config config = { .reports = { .formats = { .n = 0 } } };
        struct reports reports;
        int rest;
        int e = options_parse(&usage, argc, argv, &config, &rest);

        if (e < 0 && argc - rest != PROFILE_SIDES)
                e = options_wrong(&usage, "it takes two profiles: BASE NEW");
        if (e < 0)
                e = reports_choose(&config.reports, &usage, false, true, &reports);
        if (e < 0)
                e = compare((const char *const *)&argv[rest], &reports);
        report_options_deinit(&config.reports);
        return e;
}
