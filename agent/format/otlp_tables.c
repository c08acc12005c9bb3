/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dictionary of an untrusted OTLP request. An entry is decoded only when a sample leads to it. Every index is
 * checked when it is followed.
 *
 * All profiles of the request share the dictionary, and each profile gets copies of what it uses. A hundred thousand
 * small profiles that name one large stack would fill the memory. So copies are counted against a bound before they are
 * made.
 */
#include "otlp_tables.h"

#include "format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that each of these takes in a profile, about, without its strings. */
#define STACK_COST 64
#define FRAME_COST 32

static const char *const table_keys[OTLP_TABLES] = {
        [OTLP_STRINGS] = "stringTable", [OTLP_FUNCTIONS] = "functionTable",   [OTLP_LOCATIONS] = "locationTable",
        [OTLP_STACKS] = "stackTable",   [OTLP_ATTRIBUTES] = "attributeTable", [OTLP_MAPPINGS] = "mappingTable",
};

int otlp_tables_init(struct otlp_tables *t, const struct json_value *dictionary)
{
        *t = (struct otlp_tables){ 0 };
        for (size_t i = 0; i < OTLP_TABLES; i++) {
                int r = json_reader_array(&t->take, dictionary, table_keys[i], &t->table[i]);

                if (r)
                        return r;
                t->n[i] = json_reader_length(t->table[i]);
        }
        t->functions = calloc(t->n[OTLP_FUNCTIONS] + 1, sizeof(*t->functions));
        t->stacks = calloc(t->n[OTLP_STACKS] + 1, sizeof(*t->stacks));
        t->unnamed = calloc(t->n[OTLP_LOCATIONS] + 1, sizeof(*t->unnamed));
        t->kinds = calloc(t->n[OTLP_LOCATIONS] + 1, sizeof(*t->kinds));
        t->mappings = calloc(t->n[OTLP_MAPPINGS] + 1, sizeof(*t->mappings));
        t->frames = calloc(FORMAT_OTLP_MAX_FRAMES, sizeof(*t->frames));
        return t->functions && t->stacks && t->unnamed && t->kinds && t->mappings && t->frames ? 0 : -ENOMEM;
}

void otlp_tables_deinit(struct otlp_tables *t)
{
        free(t->functions);
        free(t->stacks);
        free(t->unnamed);
        free(t->kinds);
        free(t->mappings);
        free(t->frames);
        *t = (struct otlp_tables){ 0 };
}

int otlp_tables_charge(struct otlp_tables *t, size_t bytes)
{
        if (bytes > FORMAT_OTLP_MAX_COST - t->cost)
                return json_reader_refuse(&t->take, "the profiles would take too much memory");
        t->cost += bytes;
        return 0;
}

void otlp_tables_next(struct otlp_tables *t)
{
        t->profile++;
}

int otlp_tables_entry(struct otlp_tables *t, enum otlp_table table, size_t i, const struct json_value **ret)
{
        if (i >= t->n[table]) {
                *ret = NULL;
                return 0;
        }
        return json_reader_object_at(&t->take, t->table[table], i, ret);
}

int otlp_tables_string(struct otlp_tables *t, const struct json_value *object, const char *key, const char **ret)
{
        size_t i;
        int r = json_reader_index(&t->take, object, key, t->n[OTLP_STRINGS], &i);

        if (r)
                return r;
        const struct json_value *text = i < t->n[OTLP_STRINGS] ? &t->table[OTLP_STRINGS]->items[i] : NULL;
        if (text && text->type != JSON_VALUE_STRING && text->type != JSON_VALUE_NULL)
                return json_reader_refuse(&t->take, "an entry of the string table is no string");
        *ret = text && text->type == JSON_VALUE_STRING ? text->text : "";
        return 0;
}

/* ---- functions and stacks -------------------------------------------------- */

static int make_function(struct otlp_tables *t, struct profile *p, size_t index, profile_id *ret)
{
        const struct json_value *entry;
        const char *name, *file;
        uint64_t line;
        int r = otlp_tables_entry(t, OTLP_FUNCTIONS, index, &entry);

        if (r == 0)
                r = otlp_tables_string(t, entry, "nameStrindex", &name);
        if (r == 0)
                r = otlp_tables_string(t, entry, "filenameStrindex", &file);
        if (r == 0)
                r = json_reader_u64(&t->take, entry, "startLine", &line);
        if (r == 0 && line > UINT32_MAX)
                r = json_reader_refuse(&t->take, "a line number is too large");
        if (r == 0)
                r = otlp_tables_charge(t, strlen(name) + strlen(file) + OTLP_FUNCTION_COST);
        if (r)
                return r;
        return profile_intern_function(p, *name ? name : OTLP_UNKNOWN, file, (uint32_t)line, ret);
}

static int get_or_make_function(struct otlp_tables *t, struct profile *p, size_t index, profile_id *ret)
{
        struct otlp_known *known = &t->functions[index];
        profile_id id;

        if (known->profile != t->profile || known->code != 0) {
                int r = make_function(t, p, index, &id);

                if (r)
                        return r;
                *known = (struct otlp_known){ .profile = t->profile, .id = id };
        }
        *ret = known->id;
        return 0;
}

static int push_frame(struct otlp_tables *t, struct profile *p, size_t function, uint64_t line, size_t *n)
{
        profile_id id;
        int r = *n < FORMAT_OTLP_MAX_FRAMES ? 0 : json_reader_refuse(&t->take, "a stack has too many frames");

        if (r == 0 && line > UINT32_MAX)
                r = json_reader_refuse(&t->take, "a line number is too large");
        if (r == 0)
                r = get_or_make_function(t, p, function, &id);
        if (r == 0)
                r = profile_intern_frame(p, id, (uint32_t)line, &t->frames[*n]);
        if (r == 0)
                ++*n;
        return r;
}

/* Pushes the frames of a location. Inlined functions come first and their caller last: leaf first, like frames. */
static int push_location(struct otlp_tables *t, struct profile *p, size_t index, size_t *n)
{
        const struct json_value *location, *lines;
        enum profile_kind kind = PROFILE_PYTHON;
        int r = otlp_tables_entry(t, OTLP_LOCATIONS, index, &location);

        if (r == 0)
                r = json_reader_array(&t->take, location, "lines", &lines);
        if (r == 0)
                r = otlp_native_kind(t, location, index, json_reader_length(lines), &kind);
        if (r == 0 && kind != PROFILE_PYTHON)
                return otlp_native_push(t, p, location, index, kind, lines, n);
        if (r == 0 && json_reader_length(lines) == 0)
                return push_frame(t, p, 0, 0, n);
        for (size_t i = 0; r == 0 && i < json_reader_length(lines); i++) {
                const struct json_value *line;
                size_t function;
                uint64_t number;

                r = json_reader_object_at(&t->take, lines, i, &line);
                if (r == 0)
                        r = json_reader_index(&t->take, line, "functionIndex", t->n[OTLP_FUNCTIONS], &function);
                if (r == 0)
                        r = json_reader_u64(&t->take, line, "line", &number);
                if (r == 0)
                        r = push_frame(t, p, function, number, n);
        }
        return r;
}

static int make_stack(struct otlp_tables *t, struct profile *p, size_t index, profile_id *ret)
{
        const struct json_value *stack, *locations;
        size_t n = 0;
        int r = otlp_tables_entry(t, OTLP_STACKS, index, &stack);

        if (r == 0)
                r = json_reader_array(&t->take, stack, "locationIndices", &locations);
        if (r == 0 && json_reader_length(locations) == 0)
                r = push_frame(t, p, 0, 0, &n);
        for (size_t i = 0; r == 0 && i < json_reader_length(locations); i++) {
                size_t location;

                r = json_reader_index_at(&t->take, locations, i, t->n[OTLP_LOCATIONS], &location);
                if (r == 0)
                        r = push_location(t, p, location, &n);
        }
        if (r == 0)
                r = otlp_tables_charge(t, STACK_COST + n * FRAME_COST);
        return r ? r : profile_intern_stack(p, t->frames, n, ret);
}

int otlp_tables_stack(struct otlp_tables *t, struct profile *p, size_t index, profile_id *ret)
{
        struct otlp_known *known = &t->stacks[index];
        profile_id id;

        if (known->profile != t->profile) {
                int r = make_stack(t, p, index, &id);

                if (r)
                        return r;
                *known = (struct otlp_known){ .profile = t->profile, .id = id };
        }
        *ret = known->id;
        return 0;
}

/* ---- attributes ------------------------------------------------------------ */

/* Whether a fraction or an exponent follows the digits of a number. */
static bool is_fraction(const char *end)
{
        return *end == '.' || *end == 'e' || *end == 'E';
}

static int read_int_value(struct otlp_tables *t, const struct json_value *value, struct otlp_attribute *ret)
{
        bool fits = value->type == JSON_VALUE_STRING || value->type == JSON_VALUE_NUMBER;
        char *end = NULL;

        errno = 0;
        long long number = fits ? strtoll(value->text, &end, 10) : 0;
        if (!fits || errno || end == value->text ||
            (value->type == JSON_VALUE_STRING ? *end != '\0' : is_fraction(end)))
                return json_reader_refuse(&t->take, "an integer attribute is no integer");
        snprintf(ret->number, sizeof(ret->number), "%lld", number);
        ret->value = ret->number;
        return 0;
}

static int read_any_value(struct otlp_tables *t, const struct json_value *any, struct otlp_attribute *ret)
{
        const struct json_value *value;

        ret->value = NULL;
        if (json_reader_member(any, "stringValue"))
                return json_reader_text(&t->take, any, "stringValue", &ret->value);
        if (json_reader_member(any, "stringValueStrindex"))
                return otlp_tables_string(t, any, "stringValueStrindex", &ret->value);
        value = json_reader_member(any, "intValue");
        if (value)
                return read_int_value(t, value, ret);
        value = json_reader_member(any, "boolValue");
        if (value && (value->type == JSON_VALUE_TRUE || value->type == JSON_VALUE_FALSE))
                ret->value = value->type == JSON_VALUE_TRUE ? "true" : "false";
        value = json_reader_member(any, "doubleValue");
        if (value && value->type == JSON_VALUE_NUMBER) {
                snprintf(ret->number, sizeof(ret->number), "%.15g", strtod(value->text, NULL));
                ret->value = ret->number;
        }
        return 0;
}

int otlp_tables_key_value(struct otlp_tables *t, const struct json_value *entry, struct otlp_attribute *ret)
{
        const struct json_value *value;
        int r = json_reader_member(entry, "key") ? json_reader_text(&t->take, entry, "key", &ret->key)
                                                 : otlp_tables_string(t, entry, "keyStrindex", &ret->key);

        if (r == 0)
                r = json_reader_object(&t->take, entry, "value", &value);
        return r ? r : read_any_value(t, value, ret);
}

int otlp_tables_attribute(struct otlp_tables *t, size_t index, struct otlp_attribute *ret)
{
        const struct json_value *entry;
        int r = otlp_tables_entry(t, OTLP_ATTRIBUTES, index, &entry);

        return r ? r : otlp_tables_key_value(t, entry, ret);
}
