/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_STRING_TABLE_H
#define FORMAT_STRING_TABLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A string table as pprof and OTLP have it: every text once, by index; index 0 is "". Texts are made clean (see
 * escape.h) when they are added. {0} is not valid: initialise it first. After a failure the table can still be used,
 * and keeps the error.
 */
struct text_entry;

struct string_table {
        struct text_entry *index; /* a hash table */
        char **items;             /* texts by index */
        size_t n, capacity;
        int error; /* -ENOMEM from the first failure on */
};

int string_table_init(struct string_table *texts);
void string_table_deinit(struct string_table *texts); /* accepts {0} */

/*
 * The index of @text, which is added if needed. A NULL text counts as "". Returns 0 on failure, and sets texts->error.
 */
uint32_t string_table_index(struct string_table *texts, const char *text);

#endif
