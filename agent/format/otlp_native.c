/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locations of native code in an untrusted OTLP request. A location's kind and a mapping are looked at once, since each
 * of them may list a million attributes, and be named by as many stacks.
 *
 * OTLP's functions do not say of which file they are: the location does. So one function of the request can be several
 * of the profile. Each one that is made is charged, also if it was made before: that bounds the work, too.
 */
#include "otlp.h"
#include "otlp_tables.h"

#include "format.h"

#include <string.h>

/* Frame types of machine code. All others are interpreted. */
static const struct {
        const char *type;
        enum profile_kind kind;
} types[] = {
        { OTLP_NATIVE, PROFILE_C },
        { OTLP_KERNEL, PROFILE_KERNEL },
        { "go", PROFILE_C },
        { "rust", PROFILE_C },
};

/* Finds the text of an attribute that @object lists by index. It stays as it is if there is none. */
static int read_listed_text(struct otlp_tables *t, const struct json_value *object, const char *key, const char **ret)
{
        const struct json_value *indices;
        int r = json_reader_array(&t->take, object, "attributeIndices", &indices);

        for (size_t i = 0; r == 0 && i < json_reader_length(indices); i++) {
                struct otlp_attribute attribute;
                size_t index;

                r = json_reader_index_at(&t->take, indices, i, t->n[OTLP_ATTRIBUTES], &index);
                if (r == 0)
                        r = otlp_tables_attribute(t, index, &attribute);
                if (r == 0 && strcmp(attribute.key, key) == 0 && attribute.value && attribute.value != attribute.number)
                        *ret = attribute.value;
        }
        return r;
}

/* ---- kinds -------------------------------------------------------------------- */

static int read_kind(struct otlp_tables *t, const struct json_value *location, size_t lines, enum profile_kind *ret)
{
        const char *type = NULL;
        size_t mapping;
        int r = read_listed_text(t, location, OTLP_FRAME_TYPE, &type);

        if (r == 0)
                r = json_reader_index(&t->take, location, "mappingIndex", t->n[OTLP_MAPPINGS], &mapping);
        if (r)
                return r;
        *ret = !type && lines == 0 && mapping > 0 ? PROFILE_C : PROFILE_PYTHON;
        for (size_t i = 0; type && i < sizeof(types) / sizeof(*types); i++)
                if (strcmp(type, types[i].type) == 0)
                        *ret = types[i].kind;
        return 0;
}

int otlp_native_kind(struct otlp_tables *t, const struct json_value *location, size_t index, size_t lines,
                     enum profile_kind *ret)
{
        enum profile_kind kind;
        int r = 0;

        if (t->kinds[index] == 0) {
                r = read_kind(t, location, lines, &kind);
                if (r == 0)
                        t->kinds[index] = (uint8_t)(kind + 1);
        }
        if (r == 0)
                *ret = (enum profile_kind)(t->kinds[index] - 1);
        return r;
}

/* ---- places ------------------------------------------------------------------- */

static int read_mapping(struct otlp_tables *t, size_t index, struct otlp_mapping *ret)
{
        struct otlp_mapping mapping = { .build_id = "" };
        const struct json_value *entry;
        int r = otlp_tables_charge(t, sizeof(*ret));

        if (r == 0)
                r = otlp_tables_entry(t, OTLP_MAPPINGS, index, &entry);
        if (r == 0)
                r = otlp_tables_string(t, entry, "filenameStrindex", &mapping.file);
        if (r == 0)
                r = read_listed_text(t, entry, OTLP_BUILD_ID, &mapping.build_id);
        if (r == 0)
                r = json_reader_u64(&t->take, entry, "memoryStart", &mapping.start);
        if (r == 0)
                r = json_reader_u64(&t->take, entry, "fileOffset", &mapping.offset);
        if (r == 0)
                *ret = mapping;
        return r;
}

/* Reads where the code of a location is: all of @ret but the name. */
static int read_place(struct otlp_tables *t, const struct json_value *location, enum profile_kind kind,
                      struct profile_native *ret, size_t *ret_mapping)
{
        uint64_t address;
        int r = json_reader_index(&t->take, location, "mappingIndex", t->n[OTLP_MAPPINGS], ret_mapping);

        if (r == 0)
                r = json_reader_u64(&t->take, location, "address", &address);
        if (r)
                return r;

        struct otlp_mapping *mapping = &t->mappings[*ret_mapping];

        r = mapping->file ? 0 : read_mapping(t, *ret_mapping, mapping);
        if (r)
                return r;
        *ret = (struct profile_native){
                .kind = kind, .file = mapping->file, .build_id = mapping->build_id, .address = address
        };
        if (kind == PROFILE_KERNEL && !*ret->file)
                ret->file = "[kernel]";
        if (kind == PROFILE_C && address >= mapping->start)
                ret->address = address - mapping->start + mapping->offset;
        return 0;
}

/* ---- frames ------------------------------------------------------------------- */

static int push_unnamed(struct otlp_tables *t, struct profile *p, const struct profile_native *native, size_t index,
                        size_t *n)
{
        struct otlp_known *known = &t->unnamed[index];
        profile_id id = known->id;
        int r = 0;

        if (known->profile != t->profile) {
                r = otlp_tables_charge(t, 2 * strlen(native->file) + strlen(native->build_id) + OTLP_FUNCTION_COST);
                if (r == 0)
                        r = profile_intern_native(p, native, &id);
                if (r == 0)
                        *known = (struct otlp_known){ .profile = t->profile, .id = id };
        }
        if (r == 0)
                t->frames[(*n)++] = id;
        return r;
}

static int make_native_function(struct otlp_tables *t, struct profile *p, const struct profile_native *native,
                                size_t index, profile_id *ret)
{
        struct profile_function function = { .file = native->file, .kind = native->kind, .build_id = native->build_id };
        const struct json_value *entry;
        int r = otlp_tables_entry(t, OTLP_FUNCTIONS, index, &entry);

        if (r == 0)
                r = otlp_tables_string(t, entry, "nameStrindex", &function.name);
        if (r == 0 && !*function.name)
                function.name = OTLP_UNKNOWN;
        if (r == 0)
                r = otlp_tables_charge(t, strlen(function.name) + strlen(function.file) + strlen(function.build_id) +
                                                  OTLP_FUNCTION_COST);
        return r ? r : profile_copy_function(p, &function, ret);
}

static int push_native_line(struct otlp_tables *t, struct profile *p, const struct profile_native *native, size_t index,
                            uint32_t code, size_t *n)
{
        struct otlp_known *known = &t->functions[index];
        struct profile_frame frame = { .function = known->id, .address = native->address };
        int r = 0;

        if (known->profile != t->profile || known->code != code) {
                r = make_native_function(t, p, native, index, &frame.function);
                if (r == 0)
                        *known = (struct otlp_known){ .profile = t->profile, .id = frame.function, .code = code };
        }
        if (r == 0)
                r = profile_copy_frame(p, &frame, &t->frames[*n]);
        if (r == 0)
                ++*n;
        return r;
}

int otlp_native_push(struct otlp_tables *t, struct profile *p, const struct json_value *location, size_t index,
                     enum profile_kind kind, const struct json_value *lines, size_t *n)
{
        struct profile_native native;
        size_t mapping, count = json_reader_length(lines);
        int r = read_place(t, location, kind, &native, &mapping);

        if (r == 0 && (count ? count : 1) > FORMAT_OTLP_MAX_FRAMES - *n)
                r = json_reader_refuse(&t->take, "a stack has too many frames");
        if (r == 0 && count == 0)
                r = push_unnamed(t, p, &native, index, n);
        for (size_t i = 0; r == 0 && i < count; i++) {
                const struct json_value *line;
                size_t function;

                r = json_reader_object_at(&t->take, lines, i, &line);
                if (r == 0)
                        r = json_reader_index(&t->take, line, "functionIndex", t->n[OTLP_FUNCTIONS], &function);
                /* kinds of native code are not 0, and there are fewer than 2^22 mappings: FORMAT_OTLP_MAX_VALUES */
                if (r == 0)
                        r = push_native_line(t, p, &native, function, (uint32_t)mapping * PROFILE_KINDS + kind, n);
        }
        return r;
}
