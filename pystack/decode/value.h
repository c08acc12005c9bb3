/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_VALUE_H
#define PYSTACK_VALUE_H

/* Values of the target's strs and ints. */

#include "pystack/memory/trail.h"
#include "pystr.h"

/*
 * Reads the str at @addr, which may be an instance of a class of strs. @str_type is the address of str; 0: not known. At
 * most @max characters are kept, and a longer str is marked as cut. @ret_data points to the characters in @trail, and to
 * one more: a NUL, or the first one that is cut off. PYSTACK_E_CORRUPT if it is no str. Errors of reading.
 */
int value_str(struct trail *trail, const struct layout *layout, uint64_t addr, uint64_t str_type, uint32_t max,
              struct pystr *ret, const uint8_t **ret_data);

/* The value of an int of one or two digits that is not negative; 0: it is another one. @fields begin with its size. */
uint64_t value_int(const struct layout *layout, const uint8_t *fields);

#endif
