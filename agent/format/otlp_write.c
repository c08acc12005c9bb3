/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP profiles (v1development, 1.10 and later) as JSON: an ExportProfilesServiceRequest with one ResourceProfiles for
 * each profile and one dictionary for all. Its JSON is proto3's: 64-bit numbers are strings, zero and empty fields are
 * left out, entry 0 of every table is the zero value.
 *
 * Strings are cleaned when they are added. profileId and links are left out, since receivers disagree on how JSON
 * encodes their bytes.
 */
#include "agent/base/base.h"
#include "dictionary.h"
#include "formats.h"
#include "otlp.h"
#include "string_table.h"
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct writer {
        const struct profile_set *set;
        struct json_writer json;
        struct dictionary dictionary;
        struct string_table texts;
        struct string_table attributes; /* "key=kind:value"; each attribute is in the table once */
        struct json_object *attribute_table;
};

static void put_strindex(struct writer *w, struct json_object *object, const char *key, const char *text)
{
        json_writer_put_u32(&w->json, object, key, string_table_index(&w->texts, text));
}

/* ---- attributes ------------------------------------------------------------ */

enum value_kind {
        VALUE_TEXT,
        VALUE_INT,
        VALUE_REAL,
};

static void put_value(struct writer *w, struct json_object *object, enum value_kind kind, const char *value)
{
        static const char *const keys[] = {
                [VALUE_TEXT] = "stringValue", [VALUE_INT] = "intValue", [VALUE_REAL] = "doubleValue"
        };
        struct json_object *out = json_writer_put_object(&w->json, object, "value");

        /* proto3's JSON writes 64-bit integers as strings, but real numbers as numbers. */
        if (kind == VALUE_REAL)
                json_writer_put(&w->json, out, keys[kind], json_object_new_double_s(strtod(value, NULL), value));
        else
                json_writer_put_text(&w->json, out, keys[kind], value);
}

/* Appends the index of an attribute in the table to @indices. */
static void add_attribute(struct writer *w, struct json_object *indices, const char *key, enum value_kind kind,
                          const char *value)
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

                put_strindex(w, entry, "keyStrindex", key);
                put_value(w, entry, kind, value);
        }
        json_writer_append(&w->json, indices, json_object_new_int64(index));
}

static void add_number(struct writer *w, struct json_object *indices, const char *key, uint64_t value)
{
        char digits[sizeof("18446744073709551615")];

        snprintf(digits, sizeof(digits), "%" PRIu64, value);
        add_attribute(w, indices, key, VALUE_INT, digits);
}

/* ---- profiles -------------------------------------------------------------- */

static void put_type(struct writer *w, struct json_object *profile, const char *key, const char *type, const char *unit)
{
        struct json_object *value = json_writer_put_object(&w->json, profile, key);

        put_strindex(w, value, "typeStrindex", type);
        put_strindex(w, value, "unitStrindex", unit);
}

static void put_sample_attributes(struct writer *w, struct json_object *out, const struct profile *p,
                                  const struct profile_sample *sample)
{
        if (!sample->thread && sample->state != PROFILE_IDLE)
                return;
        struct json_object *indices = json_writer_put_array(&w->json, out, "attributeIndices");
        if (sample->thread) {
                const char *name;
                uint64_t tid;

                profile_thread(p, sample->thread, &tid, &name);
                add_number(w, indices, OTLP_THREAD_ID, tid);
                if (name && *name)
                        add_attribute(w, indices, OTLP_THREAD_NAME, VALUE_TEXT, name);
        }
        if (sample->state == PROFILE_IDLE)
                add_attribute(w, indices, OTLP_THREAD_STATE, VALUE_TEXT, OTLP_IDLE);
        if (profile_sample_reason(p, sample))
                add_attribute(w, indices, OTLP_WAIT, VALUE_TEXT, profile_sample_reason(p, sample));
}

static void put_samples(struct writer *w, struct json_object *profile, size_t item)
{
        const struct profile *p = w->set->items[item];
        struct json_object *samples = json_writer_put_array(&w->json, profile, "samples");

        for (size_t i = 0; i < profile_samples(p) && !w->json.failed; i++) {
                const struct profile_sample *sample = profile_sample(p, i);
                struct json_object *out = json_writer_append_object(&w->json, samples);

                json_writer_put_u32(&w->json, out, "stackIndex", w->dictionary.stacks[item][sample->stack]);
                put_sample_attributes(w, out, p, sample);
                json_writer_append(&w->json, json_writer_put_array(&w->json, out, "values"),
                                   json_writer_u64(sample->count));
        }
}

static void add_coverage(struct writer *w, struct json_object *indices, double coverage)
{
        char digits[32];

        if (coverage < 0)
                return;
        snprintf(digits, sizeof(digits), "%.4f", coverage);
        add_attribute(w, indices, OTLP_COVERAGE, VALUE_REAL, digits);
}

static void put_profile_attributes(struct writer *w, struct json_object *out, const struct profile *p)
{
        const struct profile_settings *settings = profile_settings(p);
        struct json_object *indices = json_writer_put_array(&w->json, out, "attributeIndices");

        add_attribute(w, indices, OTLP_MODE, VALUE_TEXT, profile_mode_name(settings->mode));
        if (settings->engine)
                add_attribute(w, indices, OTLP_ENGINE, VALUE_TEXT, settings->engine);
        for (size_t i = 0; i < SUMMARY_COUNTERS; i++) {
                char key[64];

                if (!summary_counter_is_told(profile_counters_of(p), i))
                        continue;
                snprintf(key, sizeof(key), OTLP_PREFIX "%s", summary_counters[i].name);
                add_number(w, indices, key, summary_counter_get(profile_counters_of(p), i));
        }
        add_coverage(w, indices, profile_coverage(profile_counters_of(p)));
}

static void put_profile(struct writer *w, struct json_object *profiles, size_t item)
{
        const struct profile *p = w->set->items[item];
        const struct profile_settings *settings = profile_settings(p);
        struct json_object *out = json_writer_append_object(&w->json, profiles);

        put_type(w, out, "sampleType", "samples", "count");
        put_type(w, out, "periodType", summary_period_type(settings->mode), "nanoseconds");
        json_writer_put_u64(&w->json, out, "period", settings->period_ns);
        json_writer_put_u64(&w->json, out, "timeUnixNano", settings->start_ns);
        json_writer_put_u64(&w->json, out, "durationNano", settings->duration_ns);
        put_profile_attributes(w, out, p);
        put_samples(w, out, item);
}

/* ---- resources ------------------------------------------------------------- */

static bool is_integer(const char *text)
{
        char *end;

        errno = 0;
        strtoll(text, &end, 10);
        return errno == 0 && end != text && *end == '\0';
}

/* Whether an attribute is written as a number. In a profile its value is text. */
static bool is_number(const char *key, const char *value)
{
        static const char *const numbers[] = { OTLP_PID, OTLP_RUN, OTLP_RATE };

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                if (strcmp(key, numbers[i]) == 0)
                        return is_integer(value);
        return false;
}

static void put_resource_attribute(struct writer *w, struct json_object *attributes, const char *key, const char *value)
{
        struct json_object *attribute = json_writer_append_object(&w->json, attributes);

        json_writer_put_text(&w->json, attribute, "key", key);
        put_value(w, attribute, is_number(key, value) ? VALUE_INT : VALUE_TEXT, value);
}

/* Writes the one attribute that OpenTelemetry requires, with the value that it prescribes if there is none. */
static void put_fallback_name(struct writer *w, struct json_object *attributes, const struct profile *p)
{
        const char *executable = profile_attribute(p, "process.executable.name");
        char *name;

        if (profile_attribute(p, OTLP_SERVICE))
                return;
        if (asprintf(&name, "unknown_service%s%s", executable ? ":" : "", executable ? executable : "") < 0) {
                w->json.failed = true;
                return;
        }
        put_resource_attribute(w, attributes, OTLP_SERVICE, name);
        free(name);
}

static void put_resource(struct writer *w, struct json_object *resource_profiles, const struct profile *p)
{
        struct json_object *resource = json_writer_put_object(&w->json, resource_profiles, "resource");
        struct json_object *attributes = json_writer_put_array(&w->json, resource, "attributes");

        for (size_t i = 0; i < profile_attributes(p); i++) {
                const char *key, *value;

                profile_attribute_at(p, i, &key, &value);
                put_resource_attribute(w, attributes, key, value);
        }
        put_fallback_name(w, attributes, p);
}

static void put_resource_profiles(struct writer *w, struct json_object *list, size_t item)
{
        struct json_object *out = json_writer_append_object(&w->json, list);

        put_resource(w, out, w->set->items[item]);

        struct json_object *scopes = json_writer_put_array(&w->json, out, "scopeProfiles");
        struct json_object *scope_profiles = json_writer_append_object(&w->json, scopes);
        struct json_object *scope = json_writer_put_object(&w->json, scope_profiles, "scope");

        json_writer_put_text(&w->json, scope, "name", OTLP_SCOPE);
        json_writer_put_text(&w->json, scope, "version", PODFLAME_VERSION);
        put_profile(w, json_writer_put_array(&w->json, scope_profiles, "profiles"), item);
}

/* ---- the dictionary -------------------------------------------------------- */

/* Puts a table with its entry 0. */
static struct json_object *put_table(struct writer *w, struct json_object *dictionary, const char *key)
{
        struct json_object *table = json_writer_put_array(&w->json, dictionary, key);

        json_writer_append_object(&w->json, table);
        return table;
}

static void put_functions(struct writer *w, struct json_object *dictionary)
{
        struct json_object *table = put_table(w, dictionary, "functionTable");

        for (size_t i = 1; i <= profile_functions(w->dictionary.all) && !w->json.failed; i++) {
                const struct profile_function *f = profile_function(w->dictionary.all, (profile_id)i);
                struct json_object *out = json_writer_append_object(&w->json, table);

                put_strindex(w, out, "nameStrindex", f->name);
                put_strindex(w, out, "filenameStrindex", f->file);
                json_writer_put_u64(&w->json, out, "startLine", f->first_line);
        }
}

static void put_locations(struct writer *w, struct json_object *dictionary)
{
        struct json_object *table = put_table(w, dictionary, "locationTable");

        for (size_t i = 1; i <= profile_frames(w->dictionary.all) && !w->json.failed; i++) {
                const struct profile_frame *frame = profile_frame(w->dictionary.all, (profile_id)i);
                struct json_object *out = json_writer_append_object(&w->json, table);
                struct json_object *line = json_writer_append_object(&w->json,
                                                                     json_writer_put_array(&w->json, out, "lines"));

                json_writer_put_u32(&w->json, line, "functionIndex", frame->function);
                json_writer_put_u64(&w->json, line, "line", frame->line);
                add_attribute(w, json_writer_put_array(&w->json, out, "attributeIndices"), OTLP_FRAME_TYPE, VALUE_TEXT,
                              OTLP_CPYTHON);
        }
}

static void put_stacks(struct writer *w, struct json_object *dictionary)
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

static void put_strings(struct writer *w, struct json_object *dictionary)
{
        struct json_object *table = json_writer_put_array(&w->json, dictionary, "stringTable");

        for (size_t i = 0; i < w->texts.n && !w->json.failed; i++)
                json_writer_append(&w->json, table, json_object_new_string(w->texts.items[i]));
}

/* Puts the request. Attributes and strings come last, since all other parts add to them. */
static void put_request(struct writer *w, struct json_object *request)
{
        struct json_object *list = json_writer_put_array(&w->json, request, "resourceProfiles");
        struct json_object *dictionary = json_writer_put_object(&w->json, request, "dictionary");

        put_table(w, dictionary, "mappingTable");
        put_table(w, dictionary, "linkTable");
        w->attribute_table = put_table(w, dictionary, "attributeTable");
        for (size_t i = 0; i < w->set->n; i++)
                put_resource_profiles(w, list, i);
        put_functions(w, dictionary);
        put_locations(w, dictionary);
        put_stacks(w, dictionary);
        put_strings(w, dictionary);
}

static int print_otlp(struct json_object *request, FILE *out)
{
        size_t len;
        const char *text = json_object_to_json_string_length(
                request, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

        if (!text)
                return -ENOMEM;
        errno = 0;
        return fwrite(text, 1, len, out) == len ? escape_finish(out) : errno ? -errno : -EIO;
}

int format_write_otlp(const struct profile_set *set, FILE *out)
{
        struct writer w = { .set = set };
        struct json_object *request = json_object_new_object();
        int r = request ? string_table_init(&w.texts) : -ENOMEM;

        if (r == 0)
                r = string_table_init(&w.attributes);
        if (r == 0)
                r = dictionary_init(&w.dictionary, set);
        if (r == 0) {
                put_request(&w, request);
                r = w.json.failed || w.texts.error || w.attributes.error ? -ENOMEM : print_otlp(request, out);
        }
        json_object_put(request);
        dictionary_deinit(&w.dictionary);
        string_table_deinit(&w.attributes);
        string_table_deinit(&w.texts);
        return r;
}

const struct format format_otlp = {
        .name = "otlp",
        .endings = { ".otlp.json", ".json" },
        .runs = true,
        .summary = "OpenTelemetry profiles as JSON, as sent to collectors",
        .write = format_write_otlp,
};
