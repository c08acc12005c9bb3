/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_SUITES_H
#define COMPARE_SUITES_H

/* The tests of a suite, which are the outermost judged functions: did the same ones run? */

#include "paired.h"

/*
 * Finds a test that ran in some runs of a side only, for paired->scope. Leaves out the samples of tests that only one side
 * has: they are other work. -ENOMEM.
 */
int suites_check(struct paired *paired, struct run_counts *runs, size_t n);

#endif
