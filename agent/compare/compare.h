/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_H
#define COMPARE_H

/*
 * compare: compares two sides function by function. Each side has several runs of one workload. It gives a verdict, and
 * reports.
 *
 * Shares are shares of the judged samples, and go from 0 to 1: active samples (not idle ones) that are in the scope. A
 * function is identified by its name and by its file within its package or checkout. Its lines do not count, since they
 * move with every commit.
 */

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum compare_side {
        COMPARE_BASE,
        COMPARE_NEW,
};
#define COMPARE_SIDES 2

/*
 * The samples that are counted for a function: those with it as their leaf, or those with it anywhere (recursion counts
 * once).
 */
enum compare_measure {
        COMPARE_SELF,
        COMPARE_TOTAL,
};
#define COMPARE_MEASURES 2
const char *compare_measure_name(enum compare_measure measure); /* "self", "total" */

/* What is judged. All 0: the project's own functions, and of a test suite its tests. */
#define COMPARE_GLOBS_MAX 64
struct compare_scope {
        /* Globs for functions, at most COMPARE_GLOBS_MAX: they match "file" or "file:function", without leading folders. */
        const char *const *only; /* judge these and no others */
        size_t only_n;
        const char *const *ignore; /* do not judge these: their time is that of who calls them */
        size_t ignore_n;
        const char *from; /* a glob: only samples below such a function count; NULL: below tests; "": all */
        bool whole;       /* all functions and all samples: what stands above is not looked at */
};

/* Where the stacks begin. */
enum compare_start {
        COMPARE_START_NONE,  /* at their roots */
        COMPARE_START_TESTS, /* at what runs a test of pytest or unittest */
        COMPARE_START_ASKED, /* at @from */
};

/* Why samples are left out. */
enum compare_left_out {
        COMPARE_LEFT_OUTSIDE,    /* not below the start */
        COMPARE_LEFT_IMPORTS,    /* in an import below it */
        COMPARE_LEFT_ONE_SIDED,  /* in a test that only one side has */
        COMPARE_LEFT_COLLECTION, /* in a garbage collection that interrupted a judged function */
        COMPARE_LEFT_FOREIGN,    /* in no judged function, and called by none */
};
#define COMPARE_LEFT_OUTS 5

/* What was judged. */
struct compare_scoped {
        enum compare_start start;
        const char *from; /* as it was asked for; NULL: it was not */
        bool whole, only, ignore;
        bool everything;                                        /* no function is the project's own: all are judged */
        bool has_tests[COMPARE_SIDES], has_from[COMPARE_SIDES]; /* the start was met */
        uint64_t used_only, used_ignore;                        /* bits of the globs that match a function */
        const char *unmatched;                                  /* a glob that matches none; NULL: all match some */
        const char *unsteady;        /* a test that ran in some runs of a side only; NULL: all ran in each */
        size_t unsteady_n;           /* number of such tests */
        uint64_t all[COMPARE_SIDES]; /* active samples, also those that were left out */
        uint64_t left_out[COMPARE_LEFT_OUTS][COMPARE_SIDES];
};

/* Whether @side has nothing at which the stacks could begin. */
static inline bool compare_scope_lacks(const struct compare_scoped *scope, enum compare_side side)
{
        return (scope->start == COMPARE_START_TESTS && !scope->has_tests[side]) ||
               (scope->start == COMPARE_START_ASKED && !scope->has_from[side]);
}

/* Which growth matters, and with what certainty. */
struct compare_criteria {
        struct compare_scope scope;
        double relative;  /* the least growth that matters, relative to the base's share, */
        double points;    /* and as a difference of shares: both must be reached */
        double alpha;     /* probability of any false alarm in a comparison */
        double miss;      /* probability that a pass overlooks growth of @sensitivity times the threshold */
        double miss_part; /* the part of it that this comparison may use up: others look at fewer or more of the runs */
        double least_share; /* functions with smaller shares on both sides are not tested, unless they are new */
        double sensitivity; /* a pass rules out growth of this many times the threshold */
};
#define COMPARE_CRITERIA_DEFAULT                                                                                    \
        {                                                                                                           \
                .relative = 0.1, .points = 0.005, .alpha = 0.01, .miss = 0.05, .miss_part = 1, .least_share = 0.01, \
                .sensitivity = 2                                                                                    \
        }

/* One measure of one function. */
struct compare_change {
        uint64_t hits[COMPARE_SIDES];
        double share[COMPARE_SIDES];
        double change;    /* new share minus the base's share */
        double low, high; /* 95 % confidence interval of it */
        double phi;       /* variance between runs, divided by that of counting; at least 1 */
        bool tested;      /* if false, the members below are 0 */
        double p;         /* probability of this growth by chance, corrected for the number of tests (Holm) */
        double threshold; /* the least growth that matters */
        unsigned df;      /* degrees of freedom of phi; 0: it is not known */
        double possible;  /* the most growth that is not ruled out: the true one exceeds it with probability @miss */
        double more;      /* factor of samples with which a pass keeps its promise; 1: these samples keep it */
        bool regression;  /* significant, and not below the threshold */
};

struct compare_function {
        profile_id function; /* id in the result's @stacks */
        const char *name;
        const char *file; /* "": none */
        const char *key;  /* "file:name": how people name it */
        bool allowed;     /* it may grow: false at first; the caller may set it */
        struct compare_change by[COMPARE_MEASURES];
};

struct compare_result {
        struct compare_criteria criteria;
        struct compare_scoped scope;
        struct profile *stacks;            /* both sides' stacks; functions and frames have no lines */
        uint64_t (*counts)[COMPARE_SIDES]; /* judged samples by stack id */
        uint64_t samples[COMPARE_SIDES];   /* judged samples */
        size_t runs[COMPARE_SIDES];
        /* by run: the time that its active samples stand for; 0: the period is not known */
        double *seconds[COMPARE_SIDES];
        struct compare_function *functions; /* functions with samples; the largest change comes first */
        char *keys;                         /* memory of the functions' keys */
        size_t n;
        size_t tested[COMPARE_MEASURES];
        double run_seconds; /* that a run took on average, by the clock; 0: not known */
};

/* Compares. @sides has a profile for each run. -EINVAL if a side has no run; -ENOMEM, -ENOSPC. */
int compare_sides(const struct profile_set sides[static COMPARE_SIDES], const struct compare_criteria *criteria,
                  struct compare_result **ret);
void compare_result_free(struct compare_result *comparison); /* accepts NULL */

/*
 * The path of a function's growth: the deepest stack, root first, that most of the growth went through. It ends below
 * the function if a callee grew, and above it if several callers share the growth. @ret is allocated; it has ids of
 * functions.
 */
int compare_growth_path(const struct compare_result *comparison, profile_id function, enum compare_measure measure,
                        profile_id **ret, size_t *ret_n);

/* ---- judging ------------------------------------------------------------- */

enum compare_verdict {
        COMPARE_PASS,
        COMPARE_REGRESSION,
        COMPARE_INVALID,      /* the two sides cannot be compared */
        COMPARE_INCONCLUSIVE, /* no regression was found, but there may be one */
};
const char *compare_verdict_name(enum compare_verdict verdict); /* "pass", "regression", … */

/* Regressions with one cause: their growth went through one stack. */
struct compare_cause {
        profile_id *path; /* see compare_growth_path() */
        size_t path_n;
        bool scattered;                          /* several paths lead from the end of @path to its last function */
        const struct compare_function *function; /* the function after which the cause is named */
        enum compare_measure measure;
        size_t regressions; /* number of functions with this cause */
};

/* The cost: seconds for a unit of work, if every run does a fixed number of units. */
struct compare_cost {
        double mean[COMPARE_SIDES];
        double change;    /* relative to the base */
        double low, high; /* 95 % confidence interval of it */
        double p;         /* probability of this difference, or a larger one, by chance */
};

struct compare_judgement {
        enum compare_verdict verdict;
        struct compare_cause *causes;
        size_t causes_n;
        size_t regressions; /* number of functions, without allowed ones */
        bool futile;        /* inconclusive, and more runs cannot change that: no function's share could grow */
        size_t blind;       /* number of functions that could have grown unnoticed, more than promised */
        const struct compare_function *weakest; /* the worst of those; NULL: there is none */
        enum compare_measure weakest_measure;
        double more; /* factor of samples that would be enough; 1 if these are */
        size_t runs; /* how many runs a side would be enough of the same length, about; 0: of no use, or not known */
};

/* Whether a side has too few samples for a word about its functions. */
bool compare_has_few_samples(const struct compare_result *comparison);

/* Judges by @comparison's criteria. Allowed functions are ignored. @ret refers to @comparison. */
int compare_judge(const struct compare_result *comparison, struct compare_judgement *ret);
void compare_judgement_deinit(struct compare_judgement *judgement); /* accepts {0} */

/* Computes the cost; @units of work in each run. False if the period is not known, or a side has fewer than 2 runs. */
bool compare_cost_of(const struct compare_result *comparison, double units, struct compare_cost *ret);

/* ---- circumstances ----------------------------------------------------------- */

/* A property of the circumstances, with the value on both sides. */
struct compare_circumstance {
        const char *name;                /* "interpreter", "rate", … */
        char values[COMPARE_SIDES][128]; /* "": not known; with several runs, the first run's value */
        bool must_agree;                 /* if it differs, shares mean different things */
        bool differs;
        bool varies[COMPARE_SIDES]; /* it varies between runs of the side */
};
#define COMPARE_CIRCUMSTANCES 9

/* Finds the circumstances. @sides has all profiles, before those of a run are merged. */
void compare_circumstances(const struct profile_set sides[static COMPARE_SIDES],
                           struct compare_circumstance ret[static COMPARE_CIRCUMSTANCES]);

/* ---- reports ------------------------------------------------------------ */

/* Everything that reports tell about a comparison. It owns nothing. */
struct compare_findings {
        const char *names[COMPARE_SIDES];
        const struct compare_circumstance *circumstances; /* an array of COMPARE_CIRCUMSTANCES; NULL: not known */
        const struct compare_result *comparison;          /* NULL: the sides cannot be compared */
        const struct compare_judgement *judgement;        /* NULL: compared, and not judged */
        const struct compare_judgement *grown;            /* without a judgement: its causes tell what grew; or NULL */
        const char *invalid;                              /* why they cannot be compared; NULL: they can */
        const struct compare_cost *cost;                  /* NULL: not asked for */
        struct profile_counters counters[COMPARE_SIDES];
        struct profile_settings settings[COMPARE_SIDES]; /* those of the first run */
        const char *const *notes;                        /* sentences */
        size_t notes_n;
};

struct compare_report {
        const char *name;      /* as in -f NAME */
        const char *extension; /* the ending of -o FILE that selects it; NULL: none */
        const char *summary;
        bool judged; /* it can only report judgements */
        int (*write)(const struct compare_findings *c, FILE *out);
};

/* All reports. The first is the default. */
extern const struct compare_report *const compare_reports[];
extern const size_t compare_reports_n;
const struct compare_report *compare_report_by_name(const char *name);
const struct compare_report *compare_report_by_path(const char *path);

enum compare_verdict compare_verdict_of(const struct compare_findings *c);

#endif
