/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_H
#define COMPARE_H

/*
 * compare: two sides, each of several runs of one workload, function by function;
 * a verdict on them, and reports of both.
 *
 * Shares are of active samples (those that are not idle), and go from 0 to 1. A
 * function is known by its name and by its file within its package or checkout, not
 * by its lines: these move with every commit.
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

/* Samples that have a function as their leaf, or anywhere (recursion counted once). */
enum compare_measure {
        COMPARE_SELF,
        COMPARE_TOTAL,
};
#define COMPARE_MEASURES 2
const char *compare_measure_name(enum compare_measure measure); /* "self", "total" */

/* What growth matters, and how sure one wants to be of it. */
struct compare_criteria {
        double relative;    /* the least that matters, as a part of the base's share, */
        double points;      /* and as a share: both must be reached */
        double alpha;       /* probability of any false alarm in one comparison */
        double power;       /* with which what is called detectable is detected */
        double least_share; /* functions below it on both sides are not tested, unless they are new */
        double sensitivity; /* a pass promises that so many times what matters would have been detected */
};
#define COMPARE_CRITERIA_DEFAULT                                                                                     \
        {                                                                                                            \
                .relative = 0.1, .points = 0.005, .alpha = 0.01, .power = 0.8, .least_share = 0.01, .sensitivity = 2 \
        }

/* One measure of one function. */
struct compare_change {
        uint64_t hits[COMPARE_SIDES];
        double share[COMPARE_SIDES];
        double change;     /* of the share */
        double low, high;  /* 95 % confidence interval of it */
        double phi;        /* variance between runs over that of counting, at least 1 */
        bool tested;       /* what follows is 0 if not */
        double p;          /* of this growth by chance, corrected for the number of tests (Holm) */
        double threshold;  /* the least growth that matters */
        double detectable; /* the least growth that would be detected with the wanted power */
        double more;       /* times as many samples that would keep the promise of a pass; 1: these do */
        bool regression;   /* significant, and not below the threshold */
};

struct compare_function {
        profile_id function; /* in the comparison's stacks */
        const char *name;
        const char *file; /* "": none */
        const char *key;  /* "file:name", by which people name it */
        bool allowed;     /* may grow: false at first, the caller's to set */
        struct compare_change by[COMPARE_MEASURES];
};

struct compare_result {
        struct compare_criteria criteria;
        struct profile *stacks;            /* of both sides; functions and frames without lines */
        uint64_t (*counts)[COMPARE_SIDES]; /* active samples by stack id */
        uint64_t samples[COMPARE_SIDES];   /* active ones */
        size_t runs[COMPARE_SIDES];
        double *seconds[COMPARE_SIDES];     /* by run: what its active samples stand for; 0: period not known */
        struct compare_function *functions; /* those with samples, by what changed most */
        char *keys;                         /* what their keys point into */
        size_t n;
        size_t tested[COMPARE_MEASURES];
};

/* @sides: profiles by run. -EINVAL: a side has no run; -ENOMEM, -ENOSPC. */
int compare_sides(const struct profile_set sides[static COMPARE_SIDES], const struct compare_criteria *criteria,
                  struct compare_result **ret);
void compare_result_free(struct compare_result *comparison); /* accepts NULL */

/*
 * Where the growth of a function is: the deepest stack, root first, that most of it
 * went through. It ends below the function if a callee grew, and above it if
 * several callers share the growth. @ret is allocated: function ids of the stacks.
 */
int compare_growth_path(const struct compare_result *comparison, profile_id function, enum compare_measure measure,
                        profile_id **ret, size_t *ret_n);

/* ---- judging ------------------------------------------------------------- */

enum compare_verdict {
        COMPARE_PASS,
        COMPARE_REGRESSION,
        COMPARE_INVALID,      /* the two sides cannot be compared */
        COMPARE_INCONCLUSIVE, /* no regression found, but there may be one */
};
const char *compare_verdict_name(enum compare_verdict verdict); /* "pass", "regression", … */

/* Regressions with one cause: those whose growth went through one stack. */
struct compare_cause {
        profile_id *path; /* see compare_growth_path() */
        size_t path_n;
        bool scattered;                          /* several ways lead from the path to its last function */
        const struct compare_function *function; /* the one that grew most */
        enum compare_measure measure;
        size_t regressions; /* functions that have this cause */
};

/* Seconds a unit of work, run by run: for a fixed number of units a run. */
struct compare_cost {
        double mean[COMPARE_SIDES];
        double change;    /* relative to the base */
        double low, high; /* 95 % confidence interval of it */
        double p;         /* of such a difference by chance */
};

struct compare_judgement {
        enum compare_verdict verdict;
        struct compare_cause *causes;
        size_t causes_n;
        size_t regressions;                     /* functions, not allowed ones */
        size_t blind;                           /* functions of which less than promised would be detected */
        const struct compare_function *weakest; /* the worst of them; NULL: none */
        enum compare_measure weakest_measure;
        double more; /* times as many samples that would be enough; 1 if these are */
};

/* Judges by @comparison's criteria; functions that are allowed count for nothing. @ret refers to it. */
int compare_judge(const struct compare_result *comparison, struct compare_judgement *ret);
void compare_judgement_deinit(struct compare_judgement *judgement); /* accepts {0} */

/* False: the period is not known, or a side has fewer than 2 runs. @units of work a run. */
bool compare_cost_of(const struct compare_result *comparison, double units, struct compare_cost *ret);

/* ---- what may be compared -------------------------------------------------- */

/* A property of the circumstances, as both sides have it. */
struct compare_circumstance {
        const char *name;                /* "interpreter", "rate", … */
        char values[COMPARE_SIDES][128]; /* "": not known; of several runs, the first */
        bool must_agree;                 /* or else shares mean different things */
        bool differs;
        bool varies[COMPARE_SIDES]; /* between runs of the side */
};
#define COMPARE_CIRCUMSTANCES 9

/* @sides: all profiles, before those of a run are merged. */
void compare_circumstances(const struct profile_set sides[static COMPARE_SIDES],
                           struct compare_circumstance ret[static COMPARE_CIRCUMSTANCES]);

/* ---- reports ------------------------------------------------------------ */

/* Two sides compared, with all that is to be told of it. Nothing is owned. */
struct compare_findings {
        const char *names[COMPARE_SIDES];
        const struct compare_circumstance *circumstances; /* COMPARE_CIRCUMSTANCES of them; NULL: not known */
        const struct compare_result *comparison;          /* NULL: they cannot be compared */
        const struct compare_judgement *judgement;        /* NULL: compared, but not judged */
        const char *invalid;                              /* why not; NULL: they can be */
        const struct compare_cost *cost;                  /* NULL: not asked for */
        struct profile_counters counters[COMPARE_SIDES];
        struct profile_settings settings[COMPARE_SIDES]; /* of the first run */
        const char *const *notes;                        /* sentences */
        size_t notes_n;
};

struct compare_report {
        const char *name;      /* as in -f NAME */
        const char *extension; /* what -o FILE implies; NULL: none */
        const char *summary;
        bool judged; /* for judgements only */
        int (*write)(const struct compare_findings *c, FILE *out);
};

/* The first is the default. */
extern const struct compare_report *const compare_reports[];
extern const size_t compare_reports_n;
const struct compare_report *compare_report_by_name(const char *name);
const struct compare_report *compare_report_by_path(const char *path);

enum compare_verdict compare_verdict_of(const struct compare_findings *c);

#endif
