/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PYSTACK_TOLD_H
#define TESTS_PYSTACK_TOLD_H

/* The refusals that pystack has told. */

#include "pystack/pystack.h"

#include <criterion/logging.h>
#include <string.h>

struct told {
        size_t n;
        struct pystack_refusal items[64];
};

static inline void told_keep(void *ctx, const struct pystack_refusal *refusal)
{
        struct told *told = ctx;

        if (told->n < sizeof told->items / sizeof *told->items)
                told->items[told->n++] = *refusal;
}

/* The first refusal of @field at @address. NULL: there is none; then all are logged. */
static inline const struct pystack_refusal *told_find(const struct told *told, const char *field, uint64_t address)
{
        for (size_t i = 0; i < told->n; i++)
                if (strcmp(told->items[i].field, field) == 0 && told->items[i].address == address)
                        return &told->items[i];
        for (size_t i = 0; i < told->n; i++) {
                char line[PYSTACK_REFUSAL_SIZE];
                pystack_refusal_text(&told->items[i], line);
                cr_log_error("told: %s", line);
        }
        return NULL;
}

#endif
