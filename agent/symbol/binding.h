/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_BINDING_H
#define SYMBOL_BINDING_H

/*
 * Which file gives names to a mapping of a process. To find out, files are opened and compared. The answer is kept, so
 * that a look-up does not ask the operating system for anything.
 */

#include "cache.h"
#include "symbol.h"

#include <uthash.h>

/* A mapping of a process. No padding. */
struct binding_key {
        uint64_t pid, start_time, map_start, dev, inode;
};

struct binding {
        struct binding_key key;
        char build_id[ELFSYM_BUILD_ID_SIZE];
        bool has_build_id; /* false: nobody has looked */
        struct cache_file *file;
        int error;           /* a symbol_error if there is no file */
        int64_t retry_at_ns; /* then. 0: never */
        struct binding *next, *prev;
        UT_hash_handle hh;
};

struct bindings {
        struct binding *items;
        struct binding *oldest;
        size_t n;
        struct cache cache;
};

void bindings_init(struct bindings *bindings, size_t bytes_max);
void bindings_deinit(struct bindings *bindings);

/* Finds the file that gives names to @place->map, reading it if need be. 0, a symbol_error, or -ENOMEM. */
int bindings_get(struct bindings *bindings, const struct symbol_place *place, struct cache_file **ret);

#endif
