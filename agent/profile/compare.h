/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_COMPARE_H
#define PROFILE_COMPARE_H

/*
 * Two sides, each of several runs of one workload, compared function by function.
 * A part of the door: profile.h includes it.
 *
 * Shares are of active samples (those that are not idle), and go from 0 to 1. A
 * function is known by its name and by its file within its package or checkout, not
 * by its lines: these move with every commit.
 */

#include "profile.h"

enum profile_side {
        PROFILE_BASE,
        PROFILE_NEW,
};
#define PROFILE_SIDES 2

/* Samples that have a function as their leaf, or anywhere (recursion counted once). */
enum profile_measure {
        PROFILE_SELF,
        PROFILE_TOTAL,
};
#define PROFILE_MEASURES 2
const char *profile_measure_name(enum profile_measure measure); /* "self", "total" */

/* What growth matters, and how sure one wants to be of it. */
struct profile_criteria {
        double relative;    /* the least that matters, as a part of the base's share, */
        double points;      /* and as a share: both must be reached */
        double alpha;       /* probability of any false alarm in one comparison */
        double power;       /* with which what is called detectable is detected */
        double least_share; /* functions below it on both sides are not tested, unless they are new */
        double sensitivity; /* a pass promises that so many times what matters would have been detected */
};
#define PROFILE_CRITERIA_DEFAULT \
        {.relative = 0.1, .points = 0.005, .alpha = 0.01, .power = 0.8, .least_share = 0.01, .sensitivity = 2}

/* One measure of one function. */
struct profile_change {
        uint64_t hits[PROFILE_SIDES];
        double share[PROFILE_SIDES];
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

struct profile_compared {
        profile_id function; /* in the comparison's stacks */
        const char *name;
        const char *file;    /* "": none */
        const char *key;     /* "file:name", by which people name it */
        bool allowed;        /* may grow: false at first, the caller's to set */
        struct profile_change by[PROFILE_MEASURES];
};

struct profile_comparison {
        struct profile_criteria criteria;
        struct profile *stacks;             /* of both sides; functions and frames without lines */
        uint64_t (*counts)[PROFILE_SIDES];  /* active samples by stack id */
        uint64_t samples[PROFILE_SIDES];    /* active ones */
        size_t runs[PROFILE_SIDES];
        double *seconds[PROFILE_SIDES];     /* by run: what its active samples stand for; 0: period not known */
        struct profile_compared *functions; /* those with samples, by what changed most */
        size_t n;
        size_t tested[PROFILE_MEASURES];
};

/* @sides: profiles by run. -EINVAL: a side has no run; -ENOMEM, -ENOSPC. */
int profile_compare(const struct profile_set sides[static PROFILE_SIDES], const struct profile_criteria *criteria,
                    struct profile_comparison **ret);
void profile_comparison_free(struct profile_comparison *comparison); /* accepts NULL */

/*
 * Where the growth of a function is: the deepest stack, root first, that most of it
 * went through. It ends below the function if a callee grew, and above it if
 * several callers share the growth. @ret is allocated: function ids of the stacks.
 */
int profile_growth_path(const struct profile_comparison *comparison, profile_id function,
                        enum profile_measure measure, profile_id **ret, size_t *ret_n);

/* ---- judging ------------------------------------------------------------- */

enum profile_verdict {
        PROFILE_PASS,
        PROFILE_REGRESSION,
        PROFILE_INVALID,      /* the two sides cannot be compared */
        PROFILE_INCONCLUSIVE, /* no regression found, but there may be one */
};
const char *profile_verdict_name(enum profile_verdict verdict); /* "pass", "regression", … */

/* Regressions with one cause: those whose growth went through one stack. */
struct profile_cause {
        profile_id *path; /* see profile_growth_path() */
        size_t path_n;
        bool scattered; /* several ways lead from the path to its last function */
        const struct profile_compared *function; /* the one that grew most */
        enum profile_measure measure;
        size_t regressions; /* functions that have this cause */
};

/* Seconds a unit of work, run by run: for a fixed number of units a run. */
struct profile_cost {
        double mean[PROFILE_SIDES];
        double change;    /* relative to the base */
        double low, high; /* 95 % confidence interval of it */
        double p;         /* of such a difference by chance */
};

struct profile_judgement {
        enum profile_verdict verdict;
        struct profile_cause *causes;
        size_t causes_n;
        size_t regressions; /* functions, not allowed ones */
        size_t blind;       /* functions of which less than promised would be detected */
        const struct profile_compared *weakest; /* the worst of them; NULL: none */
        enum profile_measure weakest_measure;
        double more;        /* times as many samples that would be enough; 1 if these are */
};

/* Judges by @comparison's criteria; functions that are allowed count for nothing. @ret refers to it. */
int profile_judge(const struct profile_comparison *comparison, struct profile_judgement *ret);
void profile_judgement_deinit(struct profile_judgement *judgement); /* accepts {0} */

/* False: the period is not known, or a side has fewer than 2 runs. @units of work a run. */
bool profile_cost_of(const struct profile_comparison *comparison, double units, struct profile_cost *ret);

/* ---- what may be compared -------------------------------------------------- */

/* A property of the circumstances, as both sides have it. */
struct profile_circumstance {
        const char *name;                 /* "interpreter", "rate", … */
        char values[PROFILE_SIDES][128];  /* "": not known; of several runs, the first */
        bool must_agree;                  /* or else shares mean different things */
        bool differs;
        bool varies[PROFILE_SIDES];       /* between runs of the side */
};
#define PROFILE_CIRCUMSTANCES 9

/* @sides: all profiles, before those of a run are merged. */
void profile_circumstances(const struct profile_set sides[static PROFILE_SIDES],
                           struct profile_circumstance ret[static PROFILE_CIRCUMSTANCES]);

#endif
