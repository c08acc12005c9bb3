/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame check: compares new profiles with a base, for CI. Its exit status is its verdict. If anything keeps it from
 * judging, the verdict is "invalid", never a pass.
 */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"

#include "judging.h"
#include "keeping.h"
#include "reports.h"
#include "running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The exit status of each verdict. */
static const int statuses[] = {
        [COMPARE_PASS] = 0,
        [COMPARE_REGRESSION] = 1,
        [COMPARE_INVALID] = 2,
        [COMPARE_INCONCLUSIVE] = 3,
};

struct check_config {
        struct confinement_options confinement;
        struct judging_options judging;
        struct report_options reports;
        struct running_options running;
        bool save;
        const char *inconclusive;
};

#define JUDGING(name) offsetof(struct check_config, judging.name)

static const struct option_spec specs[] = {
        { .name = "base",
          .letter = 'b',
          .kind = OPTION_WORDS,
          .field = JUDGING(base),
          .argument = "FILE",
          .help = "profiles to judge by: several runs, in one file or several" },
        { .name = "new",
          .letter = 'n',
          .kind = OPTION_WORDS,
          .field = JUDGING(new),
          .argument = "FILE",
          .help = "profiles to be judged" },
        { .name = "base-dir",
          .kind = OPTION_TEXT,
          .field = offsetof(struct check_config, running.dirs[COMPARE_BASE]),
          .argument = "DIR",
          .help = "run COMMAND in this directory, a checkout of the base, and in --new-dir, in turn,\n"
                  "and judge the runs, until it can be told" },
        { .name = "new-dir",
          .kind = OPTION_TEXT,
          .field = offsetof(struct check_config, running.dirs[COMPARE_NEW]),
          .argument = "DIR",
          .help = "the checkout to be judged (.)" },
        { .name = "budget",
          .kind = OPTION_SECONDS,
          .field = offsetof(struct check_config, running.budget),
          .argument = "TIME",
          .help = "how long to run COMMAND at most, if it cannot be told before (10m)",
          .min = 1,
          .max = 86400 },
        { .name = "rate",
          .letter = 'r',
          .kind = OPTION_NUMBER,
          .field = offsetof(struct check_config, running.rate),
          .argument = "HZ",
          .help = "samples of COMMAND for each second of CPU time (2500)",
          .min = 1,
          .max = 10000 },
        { .name = "baseline-dir",
          .letter = 'd',
          .kind = OPTION_TEXT,
          .field = JUDGING(baseline_dir),
          .argument = "DIR",
          .help = "compare with the good profiles that are kept in this directory" },
        { .name = "branch",
          .kind = OPTION_TEXT,
          .field = JUDGING(branch),
          .argument = "NAME",
          .help = "the branch that the good profiles belong to (main)" },
        { .name = "keep",
          .kind = OPTION_NUMBER,
          .field = JUDGING(keep),
          .argument = "N",
          .help = "how many good profiles to keep: 1 to 100 (5)",
          .min = 1,
          .max = 100 },
        { .name = "save",
          .kind = OPTION_FLAG,
          .field = offsetof(struct check_config, save),
          .help = "keep the new profiles there if they pass, or if there are none to compare with yet" },
        SCOPE_OPTIONS(struct check_config, judging.scope),
        { .name = "relative",
          .kind = OPTION_PERCENT,
          .field = JUDGING(relative),
          .argument = "PERCENT",
          .help = "report a function that grew by at least this per cent of its share (10)",
          .min = 0,
          .max = 1000 },
        { .name = "points",
          .kind = OPTION_PERCENT,
          .field = JUDGING(points),
          .argument = "POINTS",
          .help = "and by at least this many percentage points of the judged samples (0.5)",
          .min = 0,
          .max = 100 },
        { .name = "alpha",
          .kind = OPTION_REAL,
          .field = JUDGING(alpha),
          .argument = "P",
          .help = "probability of a false alarm (0.01)",
          .min = 1e-6,
          .max = 0.5 },
        { .name = "sensitivity",
          .kind = OPTION_REAL,
          .field = JUDGING(sensitivity),
          .argument = "TIMES",
          .help = "a pass rules out growth of this many times --relative (2)",
          .min = 1,
          .max = 100 },
        { .name = "inconclusive",
          .kind = OPTION_TEXT,
          .field = offsetof(struct check_config, inconclusive),
          .argument = "VERDICT",
          .help = "pass or fail: exit with 0 or 1 if it cannot tell (3)" },
        { .name = "allow",
          .letter = 'a',
          .kind = OPTION_TEXT,
          .field = JUDGING(allow),
          .argument = "FILE",
          .help = "functions that may grow: lines of \"2026-12-31 file.py:function\", the last day first" },
        { .name = "assume-same-interpreter",
          .kind = OPTION_FLAG,
          .field = JUDGING(assume_same_interpreter),
          .help = "compare files of other tools, which do not tell their interpreter, rate or mode" },
        { .name = "work",
          .letter = 'w',
          .kind = OPTION_REAL,
          .field = JUDGING(work),
          .argument = "N",
          .help = "units of work that each run did: also compare the CPU time of one unit (advisory)",
          .min = 1e-9,
          .max = 1e18 },
        REPORT_OPTIONS(struct check_config, reports, "text, json, markdown, html, folded, junit, github (text)"),
        CONFINEMENT_OPTIONS(struct check_config, confinement),
};

static const struct usage usage = {
        .command = "check",
        .synopsis = "(--base FILE... | --baseline-dir DIR) --new FILE... [OPTION]...\n"
                    "       podflame check --base-dir DIR [OPTION]... -- COMMAND [ARGUMENT]...",
        .text = "Tells whether a function of the project takes a larger share of the time of its tests than before:\n"
                "a test of two proportions, by the noise between runs, corrected for the number of functions.\n"
                "With a command, it is run in both directories in turn until it can be told. Exit status:\n"
                "0 pass; 1 regression; 2 not comparable, or called wrongly; 3 inconclusive.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* Of runs that podflame is to make itself. GO_ON, or an exit status after a message. */
static int check_running_options(const struct check_config *config)
{
        if (!config->running.dirs[COMPARE_BASE])
                return options_wrong(&usage, "--base-dir names no checkout of the base to run '%s' in",
                                     *config->running.command);
        if (config->judging.base.n + config->judging.new.n > 0 || config->judging.baseline_dir)
                return options_wrong(&usage, "either files, or a command that is run in --base-dir and --new-dir");
        return GO_ON;
}

static int check_file_options(const struct check_config *config)
{
        bool files = config->judging.base.n > 0;

        if (config->running.dirs[COMPARE_BASE])
                return options_wrong(&usage, "no command: -- COMMAND says what to run in --base-dir and --new-dir");
        if (config->judging.new.n == 0)
                return options_wrong(&usage, "--new names no profiles");
        if (files == (config->judging.baseline_dir != NULL))
                return options_wrong(&usage, "the base is either --base FILE... or --baseline-dir DIR");
        return config->save && files ? options_wrong(&usage, "--save keeps profiles in a --baseline-dir") : GO_ON;
}

static int check_options(const struct check_config *config)
{
        const char *inconclusive = config->inconclusive;
        int status = config->running.command ? check_running_options(config) : check_file_options(config);

        if (status != GO_ON)
                return status;
        if (inconclusive && strcmp(inconclusive, "pass") != 0 && strcmp(inconclusive, "fail") != 0)
                return options_wrong(&usage, "--inconclusive is pass or fail, not '%s'", inconclusive);
        return scope_options_check(&config->judging.scope, &usage);
}

static int exit_status_of(const struct check_config *config, enum compare_verdict verdict)
{
        if (verdict == COMPARE_INCONCLUSIVE && config->inconclusive)
                return strcmp(config->inconclusive, "pass") == 0 ? statuses[COMPARE_PASS]
                                                                 : statuses[COMPARE_REGRESSION];
        return statuses[verdict];
}

struct checking {
        struct check_config config;
        struct judging judging;
        struct reports reports;
        struct keeping keeping;
        struct outside outside;
        bool look_again; /* if it cannot be told, more runs will be made: nothing is reported */
};

static void release_checking(struct checking *c)
{
        judging_deinit(&c->judging);
        reports_close(&c->reports);
        keeping_close(&c->keeping);
        outside_close(&c->outside);
        option_list_deinit(&c->config.judging.base);
        option_list_deinit(&c->config.judging.new);
        scope_options_deinit(&c->config.judging.scope);
        report_options_deinit(&c->config.reports);
}

/* Opens all files, then gives up the privileges for opening. GO_ON, or an exit status. */
static int open_files_and_confine(struct checking *c)
{
        const struct judging_options *options = &c->config.judging;
        struct outside_duty duties[OUTSIDE_DEEDS] = { { NULL, NULL } };
        int e = 0;

        judging_open(options, &c->judging);
        if (reports_open(&c->reports) != GO_ON)
                return statuses[COMPARE_INVALID];
        reports_duties(&c->reports, &c->outside, duties);
        if (c->config.save) {
                e = keeping_open(options->baseline_dir, options->branch, options->keep, &c->keeping);
                keeping_duties(&c->keeping, &c->outside, duties);
        }
        if (e < 0)
                say_error("the new profiles could not be kept: %s", strerror(-e));
        if (e < 0 || confine_with(&c->config.confinement, &usage, CONFINE_CONVERTER, duties, &c->outside) != GO_ON)
                return statuses[COMPARE_INVALID];
        return GO_ON;
}

static int keep_new_profiles(struct checking *c, const char *as)
{
        const struct side *side = &c->judging.sides[COMPARE_NEW];
        char reason[BASELINE_REASON_SIZE];

        if (keeping_add(&c->keeping, &side->profiles, side->run_of, reason) != 0) {
                say_error("the new profiles cannot be kept: %s", reason);
                return statuses[COMPARE_INVALID];
        }
        say("the new profiles are kept as the %s of branch %s", as, c->config.judging.branch);
        return GO_ON;
}

/* There is no baseline yet, so nothing to judge and to report. Keeps the first profiles, as --save asks. */
static int keep_first_profiles(struct checking *c)
{
        int status = keep_new_profiles(c, "first");

        return status == GO_ON ? EXIT_OK : status;
}

/*
 * Reports the verdict, and returns its exit status. A report that fails is no regression: the exit status is then that
 * of "invalid".
 */
static int report_verdict(struct checking *c)
{
        const struct judging *judging = &c->judging;
        struct compare_findings comparison;
        int status = GO_ON;

        judging_report(judging, &comparison);
        if (judging->verdict == COMPARE_INVALID && !reports_print_text(&c->reports))
                say_error("invalid: %s", judging->reason);
        if (reports_write(&c->reports, &comparison) != GO_ON)
                return statuses[COMPARE_INVALID];
        if (c->config.save && judging->verdict == COMPARE_PASS)
                status = keep_new_profiles(c, "newest");
        return status == GO_ON ? exit_status_of(&c->config, judging->verdict) : status;
}

static int judge_and_report(struct checking *c)
{
        judging_run(&c->config.judging, &c->judging);
        bool untold = c->judging.verdict == COMPARE_INCONCLUSIVE && !c->judging.judgement.futile;

        if (c->look_again && (untold || c->judging.spoiled))
                return RUNNING_GO_ON;
        return c->config.save && c->judging.no_baseline ? keep_first_profiles(c) : report_verdict(c);
}

/* ---- runs of its own -------------------------------------------------------------------- */

static int judge_files(struct checking *c)
{
        int status = open_files_and_confine(c);

        return status == GO_ON ? judge_and_report(c) : status;
}

static int fill_list(struct option_list *list, const char *const *files, size_t n)
{
        for (list->n = 0; list->n < n; list->n++)
                if (!(list->items[list->n].text = strdup(files[list->n])))
                        return -ENOMEM;
        return 0;
}

/* In a child: judges the runs so far. */
static int judge_look(void *ctx, const struct running_look *look)
{
        struct checking *c = ctx;
        struct judging_options *options = &c->config.judging;

        if (fill_list(&options->base, look->files[COMPARE_BASE], look->runs) < 0 ||
            fill_list(&options->new, look->files[COMPARE_NEW], look->runs) < 0)
                return statuses[COMPARE_INVALID];
        options->alpha *= look->alpha_part;
        options->miss_part = look->miss_part;
        options->names = c->config.running.dirs;
        options->note = look->note;
        options->drop_low = true;
        c->look_again = !look->last;

        int status = judge_files(c);

        release_checking(c);
        return status;
}

/* Reports why nothing could be judged. */
static int report_invalid_runs(struct checking *c)
{
        c->judging.verdict = COMPARE_INVALID;
        for (int side = 0; side < COMPARE_SIDES; side++)
                snprintf(c->judging.names[side], sizeof c->judging.names[side], "%s", c->config.running.dirs[side]);
        return reports_open(&c->reports) == GO_ON ? report_verdict(c) : statuses[COMPARE_INVALID];
}

static int run_and_judge(struct checking *c)
{
        if (!c->config.running.dirs[COMPARE_NEW])
                c->config.running.dirs[COMPARE_NEW] = ".";

        int status = running_run(&c->config.running, judge_look, c, c->judging.reason);

        if (status < 0)
                return report_invalid_runs(c);
        /* A child that was killed has no verdict. */
        return status <= statuses[COMPARE_INCONCLUSIVE] ? status : statuses[COMPARE_INVALID];
}

int check_run(int argc, char **argv)
{
        struct checking c = { .config = { .judging = JUDGING_DEFAULTS, .running = RUNNING_DEFAULTS },
                              .keeping = KEEPING_NONE,
                              .outside = OUTSIDE_NONE };
        int rest = 0;
        int status = options_parse(&usage, argc, argv, &c.config, &rest);

        if (status == GO_ON && rest < argc && strcmp(argv[rest - 1], "--") == 0)
                c.config.running.command = argv + rest;
        if (status == GO_ON && rest < argc && !c.config.running.command)
                status = options_wrong_word(&usage, argv[rest], "a command is told by -- before it");
        if (status == GO_ON)
                status = check_options(&c.config);
        if (status == GO_ON)
                status = reports_choose(&c.config.reports, &usage, true, false, &c.reports);
        if (status == GO_ON)
                status = c.config.running.command ? run_and_judge(&c) : judge_files(&c);
        release_checking(&c);
        return status;
}
