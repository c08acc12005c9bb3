/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <criterion/criterion.h>

/* Fails the test in whose process it is called if memory has leaked (ASan builds). */
void abort_on_leaks(void);

/* Every suite is declared with this, so that leaks fail its tests. */
#define SUITE(name) TestSuite(name, .fini = abort_on_leaks, .timeout = 60)

#endif
