/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TYPE_H
#define PYSTACK_TYPE_H

/*
 * Types of the target: what its objects are compared with, so that a wrong offset leads to no object instead of a wrong
 * one. The built-in types are static, and are the same ones in all interpreters of a process.
 */

#include "pystack/layout/layout.h"
#include "pystack/memory/remote.h"

/* Bits of tp_flags (Include/object.h). */
#define TYPE_INLINE_VALUES (1u << 2)
#define TYPE_MANAGED_DICT (1u << 4)
#define TYPE_HEAP (1u << 9)
#define TYPE_DICT_SUBCLASS (1u << 29)

/* Those of str and int, which have other bits in 2.x. */
uint64_t type_str_flag(const struct layout *layout);
uint64_t type_int_flag(const struct layout *layout);

/* Reads tp_flags of the type at @type. 0 or an error of reading. */
int type_flags(const struct pystack_memory *memory, const struct layout *layout, uint64_t type, uint64_t *ret);

/*
 * Checks that @type is the built-in type that is called @name, whose flags contain @flag: its type is `type`, which is
 * its own type. If @known is not 0 it is that type's address; else it gets it. PYSTACK_E_CORRUPT if it is another type.
 */
int type_expect(const struct pystack_memory *memory, const struct layout *layout, uint64_t type, const char *name,
                uint64_t flag, uint64_t *known);

#endif
