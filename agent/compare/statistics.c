/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test compares two proportions, pooled. It tests once against the noise of counting alone (normal distribution),
 * and once against the noise seen between the runs (Student's distribution, with the degrees of freedom that the runs
 * leave). The larger p counts. So runs that agree better than chance allows prove nothing, and noise that is known from
 * few runs is not trusted much.
 *
 * No library is needed: erfc() gives the normal distribution. For whole degrees of freedom Student's distribution is a
 * finite sum (Abramowitz and Stegun, 26.7.3 and 26.7.4). Quantiles are found by bisection.
 * tests/unit/compare_statistics.c compares the results with SciPy's.
 */
#include "statistics.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define CONFIDENCE 0.95

/* ---- distributions --------------------------------------------------------- */

/* P(-t < T < t), with the sign of t. */
static double t_within(double t, unsigned df)
{
        double angle = atan(t / sqrt(df));
        double cosine = cos(angle), square = cosine * cosine;
        bool odd = df % 2;
        double term = odd ? cosine : 1, sum = df > 1 ? term : 0;

        for (unsigned k = odd ? 3 : 2; k < df; k += 2) {
                term *= square * (k - 1) / k;
                sum += term;
        }
        return odd ? M_2_PI * (angle + sin(angle) * sum) : sin(angle) * sum;
}

double statistics_t_above(double t, unsigned df)
{
        if (df == STATISTICS_NORMAL)
                return erfc(t * M_SQRT1_2) / 2;
        return fmax(0, (1 - t_within(t, df)) / 2);
}

/* The largest quantile: with 1 degree of freedom 1e9 is exceeded once in 3e9. */
#define QUANTILE_MAX 1e9
#define HALVINGS 120

double statistics_t_quantile(double p, unsigned df)
{
        double low = -QUANTILE_MAX, high = QUANTILE_MAX;

        for (int i = 0; i < HALVINGS; i++) {
                double middle = low + (high - low) / 2;

                if (statistics_t_above(middle, df) > p)
                        low = middle;
                else
                        high = middle;
        }
        return high;
}

/* ---- proportions ------------------------------------------------------------- */

struct sum {
        uint64_t hits, samples;
};

static struct sum sum_runs(const struct statistics_tally *tally)
{
        struct sum sum = { 0 };

        for (size_t i = 0; i < tally->runs; i++) {
                sum.hits += tally->hits[i];
                sum.samples += tally->samples[i];
        }
        return sum;
}

/* Pearson's statistic for the runs of a side. Runs without samples are ignored. */
static double chi_squared(const struct statistics_tally *tally, double share, unsigned *df)
{
        double variance = share * (1 - share), sum = 0;
        unsigned runs = 0;

        for (size_t i = 0; i < tally->runs; i++) {
                double n = (double)tally->samples[i], away = (double)tally->hits[i] - n * share;

                if (n == 0)
                        continue;
                runs++;
                if (variance > 0)
                        sum += away * away / (n * variance);
        }
        *df += runs > 0 ? runs - 1 : 0;
        return sum;
}

static double ratio_of(uint64_t part, uint64_t whole)
{
        return whole > 0 ? (double)part / (double)whole : 0;
}

static double p_of_growth(const struct statistics_proportions *of)
{
        double counting = of->error > 0 ? statistics_t_above(of->change / of->error, STATISTICS_NORMAL) : 1;

        if (of->error <= 0 || of->df == 0 || of->observed_phi <= 0)
                return counting;
        return fmax(counting, statistics_t_above(of->change / (of->error * sqrt(of->observed_phi)), of->df));
}

static double spread_of(const struct statistics_proportions *of, const struct sum *sums)
{
        double variance = 0;

        for (int side = 0; side < 2; side++)
                if (sums[side].samples > 0)
                        variance += of->share[side] * (1 - of->share[side]) / (double)sums[side].samples;
        return sqrt(variance);
}

void statistics_decide(struct statistics_proportions *of)
{
        of->phi = fmax(1, of->observed_phi);

        unsigned df = of->phi > 1 ? of->df : STATISTICS_NORMAL;
        double half = statistics_t_quantile((1 - CONFIDENCE) / 2, df) * of->spread * sqrt(of->phi);

        of->p = p_of_growth(of);
        of->low = fmax(-1, of->change - half);
        of->high = fmin(1, of->change + half);
}

void statistics_proportions(const struct statistics_tally sides[static 2], struct statistics_proportions *ret)
{
        struct statistics_proportions of = { 0 };
        struct sum sums[2];
        double chi2 = 0;

        for (int side = 0; side < 2; side++) {
                sums[side] = sum_runs(&sides[side]);
                of.hits[side] = sums[side].hits;
                of.share[side] = ratio_of(sums[side].hits, sums[side].samples);
                of.inverse_n += sums[side].samples > 0 ? 1 / (double)sums[side].samples : 0;
                chi2 += chi_squared(&sides[side], of.share[side], &of.df);
        }

        double pooled = ratio_of(sums[0].hits + sums[1].hits, sums[0].samples + sums[1].samples);

        of.change = of.share[1] - of.share[0];
        of.observed_phi = of.df > 0 ? chi2 / of.df : 0;
        of.error = sqrt(pooled * (1 - pooled) * of.inverse_n);
        of.spread = spread_of(&of, sums);
        statistics_decide(&of);
        *ret = of;
}

double statistics_possible(const struct statistics_proportions *of, double share, double miss)
{
        double error = sqrt(share * (1 - share) * of->inverse_n);
        double half = error * statistics_t_quantile(miss, STATISTICS_NORMAL);

        if (of->df > 0)
                half = fmax(half, error * sqrt(of->observed_phi) * statistics_t_quantile(miss, of->df));
        return fmax(0, of->change + half);
}

/* ---- several tests at once ----------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
        double x = **(double *const *)a, y = **(double *const *)b;

        return (x > y) - (x < y);
}

int statistics_holm(double *const *p, size_t n)
{
        double **sorted = malloc((n + 1) * sizeof(*sorted));
        double most = 0;

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                sorted[i] = p[i];
        qsort(sorted, n, sizeof(*sorted), by_value);
        for (size_t i = 0; i < n; i++) {
                most = fmax(most, fmin(1, *sorted[i] * (double)(n - i)));
                *sorted[i] = most;
        }
        free(sorted);
        return 0;
}

/* ---- means ----------------------------------------------------------------------- */

static double mean_of(const double *values, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += values[i];
        return sum / (double)n;
}

/* The variance of the mean. */
static double variance_of(const double *values, size_t n, double mean)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += (values[i] - mean) * (values[i] - mean);
        return sum / ((double)n - 1) / (double)n;
}

void statistics_welch(const double *const values[static 2], const size_t n[static 2], struct statistics_means *ret)
{
        struct statistics_means of = { 0 };
        double variance = 0, divisor = 0;

        for (int side = 0; side < 2; side++) {
                of.mean[side] = mean_of(values[side], n[side]);

                double part = variance_of(values[side], n[side], of.mean[side]);

                variance += part;
                divisor += part * part / ((double)n[side] - 1);
        }
        /* Welch's and Satterthwaite's degrees of freedom, rounded down to be cautious. */
        unsigned df = divisor > 0 ? (unsigned)fmax(1, variance * variance / divisor) : 1;
        double error = sqrt(variance), half = statistics_t_quantile((1 - CONFIDENCE) / 2, df) * error;

        of.change = of.mean[1] - of.mean[0];
        of.low = of.change - half;
        of.high = of.change + half;
        of.p = error > 0 ? 2 * statistics_t_above(fabs(of.change) / error, df) : of.change == 0;
        *ret = of;
}
