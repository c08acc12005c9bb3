/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_OTLP_WRITER_H
#define FORMAT_OTLP_WRITER_H

#include "agent/base/base.h"
#include "dictionary.h"
#include "mappings.h"
#include "string_table.h"

/* What otlp_write.c and otlp_dictionary.c share: a request that is being written. */

struct otlp_writer {
        const struct profile_set *set;
        bool sent;                                /* see format_send_otlp() */
        bool all_labels;                          /* of what is sent */
        bool of_resource[PROFILE_ATTRIBUTES_MAX]; /* which attributes of this profile its resource has */
        struct json_writer json;
        struct dictionary dictionary;
        struct mappings mappings; /* of native code */
        struct string_table texts;
        struct string_table attributes; /* "key=kind:value"; each attribute is in the table once */
        struct json_object *attribute_table, *mapping_table;
};

enum otlp_value {
        OTLP_TEXT,
        OTLP_INT,
        OTLP_REAL,
};

/* Puts the index of a string. */
void otlp_writer_put_strindex(struct otlp_writer *w, struct json_object *object, const char *key, const char *text);

/* Puts an AnyValue as "value". */
void otlp_writer_put_value(struct otlp_writer *w, struct json_object *object, enum otlp_value kind, const char *value);

/* Appends the index of an attribute in the table to @indices. */
void otlp_writer_add_attribute(struct otlp_writer *w, struct json_object *indices, const char *key,
                               enum otlp_value kind, const char *value);

/* Puts the tables to which others add, with their entries 0; and, last of all, what is in the dictionary. */
void otlp_writer_begin_dictionary(struct otlp_writer *w, struct json_object *dictionary);
void otlp_writer_end_dictionary(struct otlp_writer *w, struct json_object *dictionary);

#endif
