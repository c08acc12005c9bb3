/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dictionary of a request, and what the rest of the request puts into it. A function of native code has no file:
 * OTLP means its source. The mapped file is a mapping. A location without a symbol has no line, so that a receiver looks
 * it up by address and build id.
 */
#include "otlp.h"
#include "otlp_writer.h"

#include <stdlib.h>

void otlp_writer_put_strindex(struct otlp_writer *w, struct json_object *object, const char *key, const char *text)
{
        json_writer_put_u32(&w->json, object, key, string_table_index(&w->texts, text));
}

/* ---- attributes ------------------------------------------------------------ */

void otlp_writer_put_value(struct otlp_writer *w, struct json_object *object, enum otlp_value kind, const char *value)
{
        static const char *const keys[] = {
                [OTLP_TEXT] = "stringValue", [OTLP_INT] = "intValue", [OTLP_REAL] = "doubleValue"
        };
        struct json_object *out = json_writer_put_object(&w->json, object, "value");

        /* proto3's JSON writes 64-bit integers as strings, but real numbers as numbers. */
        if (kind == OTLP_REAL)
                json_writer_put(&w->json, out, keys[kind], json_object_new_double_s(strtod(value, NULL), value));
        else
                json_writer_put_text(&w->json, out, keys[kind], value);
}

void otlp_writer_add_attribute(struct otlp_writer *w, struct json_object *indices, const char *key,
                               enum otlp_value kind, const char *value)
{
        size_t known = w->attributes.n;
        char *composite;

        if (asprintf(&composite, "%s=%d:%s", key, (int)kind, value) < 0) {
                w->json.failed = true;
                return;
        }
        uint32_t index = string_table_index(&w->attributes, composite);
        free(composite);
        if (index == known) {
                struct json_object *entry = json_writer_append_object(&w->json, w->attribute_table);

                otlp_writer_put_strindex(w, entry, "keyStrindex", key);
                otlp_writer_put_value(w, entry, kind, value);
        }
        json_writer_append(&w->json, indices, json_object_new_int64(index));
}

/* ---- tables ---------------------------------------------------------------- */

/* Puts a table with its entry 0. */
static struct json_object *put_table(struct otlp_writer *w, struct json_object *dictionary, const char *key)
{
        struct json_object *table = json_writer_put_array(&w->json, dictionary, key);

        json_writer_append_object(&w->json, table);
        return table;
}

static void put_functions(struct otlp_writer *w, struct json_object *dictionary)
{
        struct json_object *table = put_table(w, dictionary, "functionTable");

        for (size_t i = 1; i <= profile_functions(w->dictionary.all) && !w->json.failed; i++) {
                const struct profile_function *f = profile_function(w->dictionary.all, (profile_id)i);
                struct json_object *out = json_writer_append_object(&w->json, table);

                otlp_writer_put_strindex(w, out, "nameStrindex", f->name);
                if (f->kind == PROFILE_PYTHON)
                        otlp_writer_put_strindex(w, out, "filenameStrindex", f->file);
                json_writer_put_u64(&w->json, out, "startLine", f->first_line);
        }
}

static void put_mappings(struct otlp_writer *w)
{
        for (size_t i = 0; i < w->mappings.n && !w->json.failed; i++) {
                const struct mapping *mapping = &w->mappings.items[i];
                struct json_object *out = json_writer_append_object(&w->json, w->mapping_table);

                otlp_writer_put_strindex(w, out, "filenameStrindex", mapping->file);
                if (*mapping->build_id)
                        otlp_writer_add_attribute(w, json_writer_put_array(&w->json, out, "attributeIndices"),
                                                  OTLP_BUILD_ID, OTLP_TEXT, mapping->build_id);
        }
}

static void put_line(struct otlp_writer *w, struct json_object *location, const struct profile_frame *frame)
{
        struct json_object *line = json_writer_append_object(&w->json,
                                                             json_writer_put_array(&w->json, location, "lines"));

        json_writer_put_u32(&w->json, line, "functionIndex", frame->function);
        json_writer_put_u64(&w->json, line, "line", frame->line);
}

static void put_locations(struct otlp_writer *w, struct json_object *dictionary)
{
        static const char *const types[PROFILE_KINDS] = {
                [PROFILE_PYTHON] = OTLP_CPYTHON, [PROFILE_C] = OTLP_NATIVE, [PROFILE_KERNEL] = OTLP_KERNEL
        };
        struct json_object *table = put_table(w, dictionary, "locationTable");

        for (size_t i = 1; i <= profile_frames(w->dictionary.all) && !w->json.failed; i++) {
                const struct profile_frame *frame = profile_frame(w->dictionary.all, (profile_id)i);
                struct json_object *out = json_writer_append_object(&w->json, table);

                json_writer_put_u32(&w->json, out, "mappingIndex", w->mappings.of_function[frame->function]);
                json_writer_put_u64(&w->json, out, "address", frame->address);
                if (profile_frame_is_named(w->dictionary.all, (profile_id)i))
                        put_line(w, out, frame);
                otlp_writer_add_attribute(w, json_writer_put_array(&w->json, out, "attributeIndices"), OTLP_FRAME_TYPE,
                                          OTLP_TEXT, types[profile_function(w->dictionary.all, frame->function)->kind]);
        }
}

static void put_stacks(struct otlp_writer *w, struct json_object *dictionary)
{
        struct json_object *table = put_table(w, dictionary, "stackTable");

        for (size_t i = 1; i <= profile_stacks(w->dictionary.all) && !w->json.failed; i++) {
                size_t n;
                const profile_id *stack = profile_stack(w->dictionary.all, (profile_id)i, &n);
                struct json_object *indices = json_writer_put_array(
                        &w->json, json_writer_append_object(&w->json, table), "locationIndices");

                for (size_t k = 0; k < n; k++)
                        json_writer_append(&w->json, indices, json_object_new_int64(stack[k]));
        }
}

static void put_strings(struct otlp_writer *w, struct json_object *dictionary)
{
        struct json_object *table = json_writer_put_array(&w->json, dictionary, "stringTable");

        for (size_t i = 0; i < w->texts.n && !w->json.failed; i++)
                json_writer_append(&w->json, table, json_object_new_string(w->texts.items[i]));
}

void otlp_writer_begin_dictionary(struct otlp_writer *w, struct json_object *dictionary)
{
        w->mapping_table = put_table(w, dictionary, "mappingTable");
        put_table(w, dictionary, "linkTable");
        w->attribute_table = put_table(w, dictionary, "attributeTable");
}

void otlp_writer_end_dictionary(struct otlp_writer *w, struct json_object *dictionary)
{
        put_mappings(w);
        put_functions(w, dictionary);
        put_locations(w, dictionary);
        put_stacks(w, dictionary);
        put_strings(w, dictionary);
}
