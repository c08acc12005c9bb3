/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_IMAGES_H
#define PYSTACK_IMAGES_H

/* The code that a process has mapped: which file, which unwinding table, and where the evaluation loop lies in it. */

#include "pystack/internal.h"

/* Images that are told apart. Later ones have no names. Each takes 400 bytes. */
#define NATIVE_IMAGES_MAX 2048

/* Parts of the evaluation loop: compilers move rare code into functions of their own. */
#define NATIVE_LOOPS_MAX 4

struct image {
        struct pystack_image told;
        struct elfsym_frames frames;
        bool has_frames;
        char path[]; /* told.map.path */
};

/* A mapping of code. */
struct code_range {
        uint64_t start, end;
        uint32_t image; /* from 1 */
};

struct images {
        struct image *items[NATIVE_IMAGES_MAX]; /* only ever added to: others read them without a lock */
        uint32_t n;
        struct code_range *ranges; /* ascending */
        size_t n_ranges;
        struct code_range loops[NATIVE_LOOPS_MAX]; /* [0] is where the loop begins */
        size_t n_loops;
};

/* @memory as elfsym reads it. It is borrowed. */
struct elfsym_memory images_for_elfsym(struct pystack_memory *memory);

/* Reads what is mapped now. @before: the images that are known; NULL: none. What @ret shares with them is not copied. */
int images_read(const struct pystack *py, const struct images *before, struct images *ret);
/* Frees what was read, but for the images that @kept has, too. @kept may be NULL. */
void images_deinit(struct images *images, const struct images *kept);

/* The mapping that holds @address. NULL: none does. */
const struct code_range *images_find(const struct images *images, uint64_t address);

static inline const struct image *images_get(const struct images *images, uint32_t number)
{
        return number > 0 && number <= images->n ? images->items[number - 1] : NULL;
}

/* Whether @address lies in the evaluation loop. */
static inline bool images_is_loop(const struct images *images, uint64_t address)
{
        for (size_t i = 0; i < images->n_loops; i++)
                if (address - images->loops[i].start < images->loops[i].end - images->loops[i].start)
                        return true;
        return false;
}

#endif
