/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_JUDGING_H
#define CHECK_JUDGING_H

/* From profile files to a verdict, or to the reason why they cannot be judged. */

#include "agent/command/cli/options.h"
#include "agent/compare/compare.h"
#include "profile_files.h"
#include "scope_options.h"

struct judging_options {
        struct option_list base;
        struct option_list new;
        const char *baseline_dir;
        const char *branch;
        uint64_t keep;
        double relative; /* percent */
        double points;   /* percent */
        double alpha;
        double miss_part; /* see struct compare_criteria */
        double sensitivity;
        const char *allow;
        struct scope_options scope;
        const char *const *names;     /* of the sides, for reports; NULL: those of the files */
        bool drop_low;                /* runs with a coverage that is too low are left out: others are made */
        const char *note;             /* a sentence for reports; NULL: none */
        bool assume_same_interpreter; /* files that do not tell it are compared all the same */
        double work;                  /* units of work in each run; 0: not given */
};

#define JUDGING_DEFAULTS                                                                                   \
        {                                                                                                  \
                .branch = "main", .keep = 5, .relative = 10, .points = 0.5, .alpha = 0.01, .miss_part = 1, \
                .sensitivity = 2                                                                           \
        }

#define JUDGING_NOTES_MAX 32

struct judging {
        enum compare_verdict verdict;
        int today;                     /* the day on which it was opened, as 20261125 */
        char *allowed;                 /* the text of options.allow; NULL: none */
        bool no_baseline;              /* it is invalid since there is no baseline */
        bool spoiled;                  /* it is invalid since too many runs were left out */
        bool unopened;                 /* it is invalid since a file could not be opened */
        char reason[LOAD_REASON_SIZE]; /* why it is invalid */
        char names[COMPARE_SIDES][256];
        struct side sides[COMPARE_SIDES];
        struct compare_circumstance circumstances[COMPARE_CIRCUMSTANCES];
        bool have_circumstances;
        struct compare_result *comparison;
        struct compare_judgement judgement;
        struct compare_cost cost;
        bool have_cost;
        struct scope_globs globs;
        char *notes[JUDGING_NOTES_MAX];
        size_t notes_n;
};

/* Opens all files. If one cannot be opened, the verdict is invalid, with that reason. */
void judging_open(const struct judging_options *options, struct judging *ret);

/* Judges the opened files. */
void judging_run(const struct judging_options *options, struct judging *judging);

/* Fills the findings for reports. @ret refers to @judging. */
void judging_report(const struct judging *judging, struct compare_findings *ret);
void judging_deinit(struct judging *judging); /* accepts {0} */

#endif
