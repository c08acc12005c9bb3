/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Empirical Bayes for variances (Smyth 2004, "Linear models and empirical Bayes methods", section 6.2). The phi of a
 * function is taken for a draw from s0² d0 / chi²(d0). Then an observed phi of d degrees of freedom is distributed as
 * s0² F(d, d0). The mean and the variance of its logarithm give s0² and d0. A function is then tested by
 * (d0 s0² + d phi) / (d0 + d), with d0 + d degrees of freedom.
 *
 * Where functions differ much in their noise, d0 comes out small, and each is judged by its own runs. d0 is bounded:
 * functions of one program share samples and causes of noise, so n of them tell less than n independent ones.
 */
#include "moderation.h"

#include <math.h>
#include <stdbool.h>

/* Fewer functions tell nothing of how they differ. */
#define FUNCTIONS_MIN 4
/* Of fewer degrees of freedom each phi is so uncertain that a noisy function passes for a steady one. */
#define DF_MIN 4
/* d0 is at most this many times d. With 3 times, simulated noise with one cause gave 2 % false alarms instead of 1 %. */
#define DF_TIMES 1
/* The least phi that has a logarithm of use: of runs that agree exactly. */
#define PHI_MIN 0.01

/* Below this the recurrence is used, above it the asymptotic series (Abramowitz and Stegun, 6.3.18 and 6.4.12). */
#define SERIES_FROM 10

double moderation_digamma(double x)
{
        double sum = 0;

        for (; x < SERIES_FROM; x++)
                sum -= 1 / x;

        double y = 1 / (x * x);

        return sum + log(x) - 1 / (2 * x) - y * (1 / 12.0 - y * (1 / 120.0 - y * (1 / 252.0 - y / 240)));
}

double moderation_trigamma(double x)
{
        double sum = 0;

        for (; x < SERIES_FROM; x++)
                sum += 1 / (x * x);

        double y = 1 / (x * x);

        return sum + 1 / x + y / 2 + y / x * (1 / 6.0 - y * (1 / 30.0 - y * (1 / 42.0 - y / 30)));
}

/* Trigamma falls from infinity to 0: by bisection of the logarithm. */
#define LOG_LOW (-10.0)
#define LOG_HIGH 20.0
#define HALVINGS 80

double moderation_trigamma_inverse(double y)
{
        double low = LOG_LOW, high = LOG_HIGH;

        for (int i = 0; i < HALVINGS; i++) {
                double middle = (low + high) / 2;

                if (moderation_trigamma(exp(middle)) > y)
                        low = middle;
                else
                        high = middle;
        }
        return exp((low + high) / 2);
}

void moderation_learn(const double *phis, size_t n, unsigned df, struct moderation *ret)
{
        double mean = 0, variance = 0, half = df / 2.0;

        *ret = (struct moderation){ 0 };
        if (n < FUNCTIONS_MIN || df < DF_MIN)
                return;
        for (size_t i = 0; i < n; i++)
                mean += log(fmax(phis[i], PHI_MIN)) / (double)n;
        for (size_t i = 0; i < n; i++)
                variance += pow(log(fmax(phis[i], PHI_MIN)) - mean, 2) / ((double)n - 1);
        mean -= moderation_digamma(half) - log(half);
        variance -= moderation_trigamma(half);

        double most = DF_TIMES * (double)df;

        ret->df = variance > 0 ? fmin(most, 2 * moderation_trigamma_inverse(variance)) : most;
        ret->phi = exp(mean + moderation_digamma(ret->df / 2) - log(ret->df / 2));
}

void moderation_apply(const struct moderation *moderation, struct statistics_proportions *of)
{
        double df = moderation->df + of->df;

        if (of->df == 0 || moderation->df <= 0)
                return;
        of->observed_phi = (moderation->df * moderation->phi + of->df * of->observed_phi) / df;
        of->df = (unsigned)df; /* rounded down to be cautious */
        statistics_decide(of);
}
