/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TEXTS_H
#define FORMAT_TEXTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * A string table as pprof and OTLP have it: every text once, by index; index 0
 * is "". Texts are made clean (see escape.h) as they come in. {0} is not valid:
 * initialise first. After a failure the table stays usable and says so.
 */
struct text_entry;

struct texts {
        struct text_entry *index; /* a hash table */
        char **items;             /* by index */
        size_t n, capacity;
        int error; /* -ENOMEM from the first failure on */
};

int texts_init(struct texts *texts);
void texts_deinit(struct texts *texts); /* accepts {0} */

/* The index of @text; NULL is "". 0 on failure, with texts->error set. */
uint32_t texts_index(struct texts *texts, const char *text);

#endif
