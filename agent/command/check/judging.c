/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to a verdict. Each step may end the judging with a reason. Then the verdict is that the two sides cannot
 * be compared.
 */
#include "judging.h"

#include "allow.h"
#include "baseline.h"

#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With fewer runs the variance between runs cannot be known. */
#define RUNS_MIN 2
#define RUNS_ADVISED 5

#define ALLOW_MAX_BYTES ((size_t)1 << 20)

static const char *const side_names[] = { [COMPARE_BASE] = "the base", [COMPARE_NEW] = "the new side" };

static __attribute__((format(printf, 2, 3))) int report_invalid(struct judging *j, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(j->reason, sizeof j->reason, format, args);
        va_end(args);
        return CHECK_E_TOLD;
}

static __attribute__((format(printf, 2, 3))) void add_note(struct judging *j, const char *format, ...)
{
        va_list args;

        if (j->notes_n == JUDGING_NOTES_MAX)
                return;
        va_start(args, format);
        if (vasprintf(&j->notes[j->notes_n], format, args) >= 0)
                j->notes_n++;
        va_end(args);
}

/* ---- opening --------------------------------------------------------------------- */

static int open_files(struct judging *j, enum compare_side side, const char *const *files, size_t n)
{
        if (n > 1)
                snprintf(j->names[side], sizeof j->names[side], "%s and %zu more", files[0], n - 1);
        else
                snprintf(j->names[side], sizeof j->names[side], "%s", files[0]);
        return side_open(&j->sides[side], files, n, j->reason);
}

static int open_baseline(struct judging *j, const struct judging_options *options)
{
        struct baseline baseline = { 0 };
        int r = baseline_list(options->baseline_dir, options->branch, options->keep, &baseline, j->reason);

        j->no_baseline = r == 0 && baseline.n == 0;
        if (j->no_baseline)
                report_invalid(j, "%s has no baseline of branch %s; --save makes the new profiles its first one",
                               options->baseline_dir, options->branch);
        else if (r == 0)
                r = open_files(j, COMPARE_BASE, (const char *const *)baseline.files, baseline.n);
        baseline_deinit(&baseline);
        snprintf(j->names[COMPARE_BASE], sizeof j->names[COMPARE_BASE], "branch %s of %s", options->branch,
                 options->baseline_dir);
        return r;
}

static int open_listed_files(struct judging *j, enum compare_side side, const struct option_list *list)
{
        const char *files[OPTION_LIST_MAX];

        for (size_t i = 0; i < list->n; i++)
                files[i] = list->items[i].text;
        return open_files(j, side, files, list->n);
}

/* Reads the list of allowances. It is the user's own file, and small. */
static int read_allowed(struct judging *j, const char *file)
{
        char *text;
        size_t len;
        int r = file ? nsutil_read_file_at(AT_FDCWD, file, ALLOW_MAX_BYTES, &text, &len) : 0;

        if (r != 0)
                return report_invalid(j, "%s: %s", file, nsutil_strerror(r));
        if (!file)
                return 0;
        j->allowed = text;
        return strlen(text) == len ? 0 : report_invalid(j, "%s: it is no text", file);
}

void judging_open(const struct judging_options *options, struct judging *ret)
{
        *ret = (struct judging){ .verdict = COMPARE_INVALID, .today = allow_day(time(NULL)) };
        int r = open_listed_files(ret, COMPARE_NEW, &options->new);

        if (r == 0)
                r = options->baseline_dir ? open_baseline(ret, options)
                                          : open_listed_files(ret, COMPARE_BASE, &options->base);
        if (r == 0 && !ret->no_baseline)
                r = read_allowed(ret, options->allow);
        ret->unopened = r != 0;
        for (int side = 0; options->names && side < COMPARE_SIDES; side++)
                snprintf(ret->names[side], sizeof ret->names[side], "%s", options->names[side]);
        if (options->note)
                add_note(ret, "%s", options->note);
}

/* ---- the profiles ---------------------------------------------------------------- */

/* Reads both sides. The new side is read even if there is no baseline: it may become the first one. */
static int load_sides(struct judging *j, const struct judging_options *options)
{
        (void)options;
        if (j->unopened)
                return CHECK_E_TOLD;
        if (side_load(&j->sides[COMPARE_NEW], j->reason) != 0) {
                j->no_baseline = false; /* the reason is another one than the missing baseline */
                return CHECK_E_TOLD;
        }
        return j->no_baseline ? CHECK_E_TOLD : side_load(&j->sides[COMPARE_BASE], j->reason);
}

static int check_runs(struct judging *j, const struct judging_options *options)
{
        (void)options;
        for (int side = 0; side < COMPARE_SIDES; side++)
                if (j->sides[side].runs.n < RUNS_MIN)
                        return report_invalid(j,
                                              "%s (%s) has one run only: what changes between runs by itself takes "
                                              "at least %d to tell, better %d (podflame record --repeat %d)",
                                              side_names[side], j->names[side], RUNS_MIN, RUNS_ADVISED, RUNS_ADVISED);
        return 0;
}

/* ---- the circumstances -------------------------------------------------------------- */

static bool is_told(const struct compare_circumstance *c, enum compare_side side)
{
        /* Old recordings do not have the architecture. */
        return *c->values[side] || strcmp(c->name, "architecture") == 0;
}

static int check_circumstance(struct judging *j, const struct judging_options *options,
                              const struct compare_circumstance *c)
{
        if (options->assume_same_interpreter && !(is_told(c, COMPARE_BASE) && is_told(c, COMPARE_NEW))) {
                add_note(j, "the %s is not told, and is taken for the same on both sides", c->name);
                return 0;
        }
        for (int side = 0; side < COMPARE_SIDES; side++) {
                if (c->varies[side])
                        return report_invalid(j, "the %s differs between the runs of %s: %s and others", c->name,
                                              side_names[side], c->values[side]);
                if (!is_told(c, (enum compare_side)side))
                        return report_invalid(j,
                                              "%s (%s) does not tell its %s; podflame record -f otlp does; "
                                              "--assume-same-interpreter compares all the same",
                                              side_names[side], j->names[side], c->name);
        }
        if (c->differs)
                return report_invalid(j, "the %s differs: %s in the base, %s on the new side", c->name,
                                      c->values[COMPARE_BASE], c->values[COMPARE_NEW]);
        return 0;
}

static int check_circumstances(struct judging *j, const struct judging_options *options)
{
        const struct profile_set sets[] = { j->sides[COMPARE_BASE].profiles, j->sides[COMPARE_NEW].profiles };
        int r = 0;

        compare_circumstances(sets, j->circumstances);
        j->have_circumstances = true;
        for (size_t i = 0; r == 0 && i < COMPARE_CIRCUMSTANCES; i++)
                if (j->circumstances[i].must_agree)
                        r = check_circumstance(j, options, &j->circumstances[i]);
        return r;
}

/*
 * A function that no sample could meet cannot be seen to grow. Profiles of other tools have no accounted time, and
 * pass.
 */
static int check_coverage(struct judging *j, const struct judging_options *options)
{
        char reason[LOAD_REASON_SIZE];

        for (int side = 0; options->drop_low && side < COMPARE_SIDES; side++) {
                size_t all = j->sides[side].runs.n, n = side_drop_low_coverage(&j->sides[side]);

                j->spoiled |= all - n < RUNS_MIN;
                if (n > 0)
                        add_note(j, "%zu of %zu runs of %s had too low a coverage, and are left out", n, all,
                                 side_names[side]);
        }
        if (j->spoiled)
                return report_invalid(j, "of too many runs too little was seen: the machine is too busy, or --rate too "
                                         "high");
        for (int side = 0; side < COMPARE_SIDES; side++)
                if (side_coverage_is_low(&j->sides[side], j->names[side], reason))
                        return report_invalid(j, "%s", reason);
        return 0;
}

/* ---- the verdict ---------------------------------------------------------------------- */

static int make_comparison(struct judging *j, const struct judging_options *options)
{
        const struct profile_set runs[] = { j->sides[COMPARE_BASE].runs, j->sides[COMPARE_NEW].runs };
        struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;

        criteria.relative = options->relative / 100;
        criteria.points = options->points / 100;
        criteria.alpha = options->alpha;
        criteria.miss_part = options->miss_part;
        criteria.sensitivity = options->sensitivity;
        criteria.scope = scope_options_make(&options->scope, &j->globs);

        int r = compare_sides(runs, &criteria, &j->comparison);

        if (r < 0)
                return report_invalid(j, "%s", strerror(-r));
        if (scope_options_failed(&j->comparison->scope, j->reason, sizeof j->reason))
                return CHECK_E_TOLD;
        if (j->comparison->scope.unsteady)
                return report_invalid(j, "other tests ran in some runs of a side than in others: %.300s%s",
                                      j->comparison->scope.unsteady,
                                      j->comparison->scope.unsteady_n > 1 ? ", and more" : "");
        for (int side = 0; side < COMPARE_SIDES; side++)
                if (j->comparison->scope.all[side] == 0)
                        return report_invalid(j, "%s (%s) has no active samples", side_names[side], j->names[side]);
        return 0;
}

static void note_allowances(struct judging *j, const struct allow *allow, int today)
{
        for (size_t i = 0; i < allow->n; i++) {
                const struct allowance *a = &allow->items[i];

                if (!a->used)
                        add_note(j, "%s is allowed to grow, but is in neither side", a->function);
                else if (a->last_day < today)
                        add_note(j, "%s was allowed to grow until %04d-%02d-%02d", a->function, a->last_day / 10000,
                                 a->last_day / 100 % 100, a->last_day % 100);
        }
}

static int apply_allowances(struct judging *j, const struct judging_options *options)
{
        char reason[ALLOW_REASON_SIZE];
        struct allow allow = { 0 };

        if (!j->allowed)
                return 0;
        if (allow_parse(j->allowed, &allow, reason) != 0)
                return report_invalid(j, "%s: %s", options->allow, reason);
        allow_apply(&allow, j->today, j->comparison);
        note_allowances(j, &allow, j->today);
        allow_deinit(&allow);
        return 0;
}

static int judge_comparison(struct judging *j, const struct judging_options *options)
{
        int r = compare_judge(j->comparison, &j->judgement);

        if (r < 0)
                return report_invalid(j, "%s", strerror(-r));
        if (options->work > 0) {
                j->have_cost = compare_cost_of(j->comparison, options->work, &j->cost);
                if (!j->have_cost)
                        add_note(j, "the CPU time of a unit of work cannot be told: the profiles have no period");
        }
        j->verdict = j->judgement.verdict;
        return 0;
}

static int (*const steps[])(struct judging *j, const struct judging_options *options) = {
        load_sides,      check_runs,       check_circumstances, check_coverage,
        make_comparison, apply_allowances, judge_comparison,
};

void judging_run(const struct judging_options *options, struct judging *j)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof steps / sizeof *steps; i++)
                r = steps[i](j, options);
}

void judging_report(const struct judging *j, struct compare_findings *ret)
{
        bool valid = j->verdict != COMPARE_INVALID;

        *ret = (struct compare_findings){
                .names = { j->names[COMPARE_BASE], j->names[COMPARE_NEW] },
                .circumstances = j->have_circumstances ? j->circumstances : NULL,
                .comparison = valid ? j->comparison : NULL,
                .judgement = valid ? &j->judgement : NULL,
                .invalid = valid ? NULL : j->reason,
                .cost = j->have_cost ? &j->cost : NULL,
                .counters = { j->sides[COMPARE_BASE].counters, j->sides[COMPARE_NEW].counters },
                .settings = { side_settings(&j->sides[COMPARE_BASE]), side_settings(&j->sides[COMPARE_NEW]) },
                .notes = (const char *const *)j->notes,
                .notes_n = j->notes_n,
        };
}

void judging_deinit(struct judging *j)
{
        compare_judgement_deinit(&j->judgement);
        compare_result_free(j->comparison);
        for (int side = 0; side < COMPARE_SIDES; side++)
                side_deinit(&j->sides[side]);
        for (size_t i = 0; i < j->notes_n; i++)
                free(j->notes[i]);
        free(j->allowed);
}
