/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GUARD_H
#define TESTS_GUARD_H

#include <stddef.h>

/*
 * A copy of @len bytes that ends exactly where an unmapped page begins: reading
 * one byte too many crashes, with any compiler and without a sanitizer. Lives
 * until the test process ends.
 */
char *guard_copy(const void *data, size_t len);

#endif
