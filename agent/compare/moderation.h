/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_MODERATION_H
#define COMPARE_MODERATION_H

/*
 * What the functions of a comparison tell together about the noise between runs. A function's own few runs tell it badly.
 */

#include "statistics.h"

/*
 * The noise that a function has before its own runs are looked at: phi, known as well as from @df runs. 0: nothing is
 * known.
 */
struct moderation {
        double phi;
        double df;
};

/* Learns from the observed phi of @n functions, each with @df degrees of freedom. */
void moderation_learn(const double *phis, size_t n, unsigned df, struct moderation *ret);

/* Replaces the observed phi of a test by what it and the others tell, and its p and its interval. */
void moderation_apply(const struct moderation *moderation, struct statistics_proportions *of);

double moderation_digamma(double x);          /* x > 0 */
double moderation_trigamma(double x);         /* x > 0 */
double moderation_trigamma_inverse(double y); /* y > 0 */

#endif
