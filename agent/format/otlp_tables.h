/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_OTLP_TABLES_H
#define FORMAT_OTLP_TABLES_H

#include "agent/base/base.h"
#include "agent/profile/profile.h"

/*
 * The dictionary of a request that is being read: its tables, and those entries that the current profile has already.
 */
enum otlp_table {
        OTLP_STRINGS,
        OTLP_FUNCTIONS,
        OTLP_LOCATIONS,
        OTLP_STACKS,
        OTLP_ATTRIBUTES,
        OTLP_MAPPINGS,
        OTLP_TABLES,
};

/* The id of a table's entry in a profile, and the number of that profile. */
struct otlp_known {
        uint32_t profile;
        profile_id id;
        uint32_t code; /* of a function: its mapping and kind, see otlp_native.c. 0: Python */
};

/* A mapped file, once it was looked at. */
struct otlp_mapping {
        const char *file, *build_id; /* NULL: it was not looked at */
        uint64_t start, offset;      /* where it lay in memory, and which part of the file */
};

struct otlp_tables {
        struct json_reader take;
        const struct json_value *table[OTLP_TABLES]; /* NULL: absent */
        size_t n[OTLP_TABLES];
        struct otlp_known *functions, *stacks;
        struct otlp_known *unnamed; /* by location: its frame, if it is native code without a name */
        struct otlp_mapping *mappings;
        uint8_t *kinds;     /* by location: its kind + 1; 0: it was not looked at */
        uint32_t profile;   /* number of the current profile, from 1 */
        size_t cost;        /* bytes that the profiles take at least, so far */
        profile_id *frames; /* frames of the stack that is being read */
};

/* An attribute, with its value as text. */
#define OTLP_NUMBER_MAX 40
struct otlp_attribute {
        const char *key;
        const char *value; /* NULL: its type has no text */
        char number[OTLP_NUMBER_MAX];
};

/* @dictionary may be NULL; it outlives @ret. */
int otlp_tables_init(struct otlp_tables *t, const struct json_value *dictionary);
void otlp_tables_deinit(struct otlp_tables *t); /* accepts {0} */

/* Adds @bytes to the cost. -EINVAL if it exceeds FORMAT_OTLP_MAX_COST. */
int otlp_tables_charge(struct otlp_tables *t, size_t bytes);

/* Begins a new profile. */
void otlp_tables_next(struct otlp_tables *t);

/* Finds an entry of a table. NULL: it is the zero entry of a table that is not there. */
int otlp_tables_entry(struct otlp_tables *t, enum otlp_table table, size_t i, const struct json_value **ret);
/* Finds a string by the index that @object has as @key. */
int otlp_tables_string(struct otlp_tables *t, const struct json_value *object, const char *key, const char **ret);
/* Finds a stack by its index, and interns it in @p. */
int otlp_tables_stack(struct otlp_tables *t, struct profile *p, size_t index, profile_id *ret);
/* Finds an attribute by its index. The zero entry has the key "". The texts are in @ret and in the request. */
int otlp_tables_attribute(struct otlp_tables *t, size_t index, struct otlp_attribute *ret);
/* Reads a KeyValue in the same way. Its texts are in itself, or in the table if a proxy has moved them there. */
int otlp_tables_key_value(struct otlp_tables *t, const struct json_value *entry, struct otlp_attribute *ret);

/* ---- native code: otlp_native.c ---------------------------------------------- */

/* Tells the kind of a location, which is entry @index. Without a frame type it is native if it has only an address. */
int otlp_native_kind(struct otlp_tables *t, const struct json_value *location, size_t index, size_t lines,
                     enum profile_kind *ret);

/* Pushes the frames of a location of native code, as push_location() does those of Python. */
int otlp_native_push(struct otlp_tables *t, struct profile *p, const struct json_value *location, size_t index,
                     enum profile_kind kind, const struct json_value *lines, size_t *n);

/* What a function takes in a profile, about, without its strings; and the name of one that has none. */
#define OTLP_FUNCTION_COST 64
#define OTLP_UNKNOWN "(unknown)"

#endif
