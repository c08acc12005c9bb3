/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_OTLP_TABLES_H
#define FORMAT_OTLP_TABLES_H

#include "agent/base/base.h"
#include "agent/profile/profile.h"

/*
 * The dictionary of a request that is being read: its tables, and what of them
 * is in the current profile already.
 */
enum otlp_table {
        OTLP_STRINGS,
        OTLP_FUNCTIONS,
        OTLP_LOCATIONS,
        OTLP_STACKS,
        OTLP_ATTRIBUTES,
        OTLP_TABLES,
};

/* What an entry of a table is in the profile of that number. */
struct otlp_known {
        uint32_t profile;
        profile_id id;
};

struct otlp_tables {
        struct json_reader take;
        const struct json_value *table[OTLP_TABLES]; /* NULL: absent */
        size_t n[OTLP_TABLES];
        struct otlp_known *functions, *stacks;
        uint32_t profile;   /* the number of the current profile, from 1 */
        size_t cost;        /* bytes that the profiles take so far, at least */
        profile_id *frames; /* of the stack that is being read */
};

/* An attribute's value as text. */
#define OTLP_NUMBER_MAX 40
struct otlp_attribute {
        const char *key;
        const char *value; /* NULL: of a type that has no text */
        char number[OTLP_NUMBER_MAX];
};

/* @dictionary may be NULL; it outlives @ret. */
int otlp_tables_init(struct otlp_tables *t, const struct json_value *dictionary);
void otlp_tables_deinit(struct otlp_tables *t); /* accepts {0} */

/* Adds to the cost; -EINVAL beyond FORMAT_OTLP_MAX_COST. */
int otlp_tables_charge(struct otlp_tables *t, size_t bytes);

/* What follows is for a new profile. */
void otlp_tables_next(struct otlp_tables *t);

/* A string by the index that @object has as @key. */
int otlp_tables_string(struct otlp_tables *t, const struct json_value *object, const char *key, const char **ret);
/* A stack by its index, in @p. */
int otlp_tables_stack(struct otlp_tables *t, struct profile *p, size_t index, profile_id *ret);
/* An attribute by its index; key "" for the zero one. Points into @ret and the request. */
int otlp_tables_attribute(struct otlp_tables *t, size_t index, struct otlp_attribute *ret);
/* Likewise a KeyValue: its texts are in itself, or in the table if somebody passed it on. */
int otlp_tables_key_value(struct otlp_tables *t, const struct json_value *entry, struct otlp_attribute *ret);

#endif
