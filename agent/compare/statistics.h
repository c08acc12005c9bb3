/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_STATISTICS_H
#define COMPARE_STATISTICS_H

/*
 * The statistics of comparisons: the normal distribution and Student's, a test of two proportions that were counted in
 * several runs each, Holm's correction, Welch's test. They take and give numbers only.
 */

#include <stddef.h>
#include <stdint.h>

/* Infinite degrees of freedom: Student's distribution is then the normal one. */
#define STATISTICS_NORMAL 0

/* P(T > t) with @df degrees of freedom. */
double statistics_t_above(double t, unsigned df);

/* The quantile: the t that is exceeded with probability @p, 0 < p < 1. */
double statistics_t_quantile(double p, unsigned df);

/* The counts of one side: in run i, @hits[i] of @samples[i]. */
struct statistics_tally {
        const uint64_t *hits;
        const uint64_t *samples;
        size_t runs; /* at least 1 */
};

/* The share of the second side minus that of the first. */
struct statistics_proportions {
        uint64_t hits[2];
        double share[2];
        double change;
        double low, high; /* 95 % confidence interval of the change */
        double phi;       /* variance between runs, divided by that of counting; at least 1 */
        double p;         /* probability of this growth, or more, by chance */
        /* For statistics_possible(). */
        double observed_phi; /* phi before it was raised to 1; 0 with one run on each side */
        double inverse_n;    /* 1/n + 1/n' */
        unsigned df;         /* degrees of freedom of phi */
        /* For statistics_decide(). */
        double error;  /* standard error of the change by counting, if nothing has changed */
        double spread; /* the same for the shares as they are */
};

void statistics_proportions(const struct statistics_tally sides[static 2], struct statistics_proportions *ret);

/* Sets phi, p and the interval anew, after observed_phi or df were changed. */
void statistics_decide(struct statistics_proportions *of);

/*
 * The most growth that is not ruled out: the upper end of a one-sided confidence interval, which a true growth exceeds with
 * probability @miss. @share is a share about half way between those of the two sides. At least 0.
 */
double statistics_possible(const struct statistics_proportions *of, double share, double miss);

/* Replaces each of @n p-values by Holm's corrected one. -ENOMEM. */
int statistics_holm(double *const *p, size_t n);

/* Welch's test of two means. Each side needs at least 2 values. */
struct statistics_means {
        double mean[2];
        double change;
        double low, high; /* 95 % confidence interval of the change */
        double p;         /* probability of such a difference by chance, in either direction */
};

void statistics_welch(const double *const values[static 2], const size_t n[static 2], struct statistics_means *ret);

#endif
