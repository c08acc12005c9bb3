/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_REGISTRY_H
#define PYSTACK_REGISTRY_H

/* What an interpreter's modules have: the dict in which threading has its Threads, sys.modules['threading']._active. */

#include "pystack/decode/dict.h"

/* Entries of sys.modules, and of the module's own dict, that are searched at most. */
#define REGISTRY_MODULES_MAX 65536
#define REGISTRY_GLOBALS_MAX 4096

/* The built-in types that were met so far, as type_expect() keeps them; 0: not yet. */
struct registry_types {
        uint64_t dict, str, integer, module;
};

/*
 * Opens the dict of globals of the module @name of the interpreter at @interp. @ret_found is false if it was never
 * imported. All that this depends on is in @trail. PYSTACK_E_CORRUPT, PYSTACK_E_COSTLY, or an error of reading.
 */
int registry_open_module(struct trail *trail, const struct layout *layout, uint64_t interp,
                         struct registry_types *types, const char *name, struct dict *ret, bool *ret_found);

/* The value of the entry @key of such globals. @ret_found is false if there is none. Errors as above. */
int registry_value(struct trail *trail, const struct layout *layout, const struct dict *globals, const char *key,
                   struct registry_types *types, uint64_t *ret, bool *ret_found);

/*
 * Finds threading._active in the interpreter at @interp. @ret_found is false if threading was never imported. All that this depends on
 * is in @trail. PYSTACK_E_NOT_READY: the module is just being imported. PYSTACK_E_CORRUPT, PYSTACK_E_COSTLY, or an error
 * of reading.
 */
int registry_find(struct trail *trail, const struct layout *layout, uint64_t interp, struct registry_types *types,
                  struct dict *ret, bool *ret_found);

#endif
