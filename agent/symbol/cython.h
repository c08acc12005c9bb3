/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_CYTHON_H
#define SYMBOL_CYTHON_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Turns a name that Cython has made for a function back to module.Class.function. Returns false if it is not such a
 * name. @size >= 1; longer names are cut.
 */
bool cython_demangle(const char *raw, char *ret, size_t size);

#endif
