/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP profiles (v1development, 1.10 and later) as JSON: an ExportProfilesServiceRequest with one ResourceProfiles for
 * each profile and one dictionary for all. Its JSON is proto3's: 64-bit numbers are strings, zero and empty fields are
 * left out, entry 0 of every table is the zero value.
 *
 * Strings are cleaned when they are added. profileId and links are left out, since receivers disagree on how JSON
 * encodes their bytes.
 */
#include "formats.h"
#include "otlp.h"
#include "otlp_writer.h"
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_number(struct otlp_writer *w, struct json_object *indices, const char *key, uint64_t value)
{
        char digits[sizeof("18446744073709551615")];

        snprintf(digits, sizeof(digits), "%" PRIu64, value);
        otlp_writer_add_attribute(w, indices, key, OTLP_INT, digits);
}

/* ---- profiles -------------------------------------------------------------- */

static void put_type(struct otlp_writer *w, struct json_object *profile, const char *key, const char *type,
                     const char *unit)
{
        struct json_object *value = json_writer_put_object(&w->json, profile, key);

        otlp_writer_put_strindex(w, value, "typeStrindex", type);
        otlp_writer_put_strindex(w, value, "unitStrindex", unit);
}

static void put_sample_attributes(struct otlp_writer *w, struct json_object *out, const struct profile *p,
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
                        otlp_writer_add_attribute(w, indices, OTLP_THREAD_NAME, OTLP_TEXT, name);
        }
        if (sample->state == PROFILE_IDLE)
                otlp_writer_add_attribute(w, indices, OTLP_THREAD_STATE, OTLP_TEXT, OTLP_IDLE);
        if (profile_sample_reason(p, sample))
                otlp_writer_add_attribute(w, indices, OTLP_WAIT, OTLP_TEXT, profile_sample_reason(p, sample));
}

static void put_samples(struct otlp_writer *w, struct json_object *profile, size_t item)
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

static void add_coverage(struct otlp_writer *w, struct json_object *indices, double coverage)
{
        char digits[32];

        if (coverage < 0)
                return;
        snprintf(digits, sizeof(digits), "%.4f", coverage);
        otlp_writer_add_attribute(w, indices, OTLP_COVERAGE, OTLP_REAL, digits);
}

static void put_profile_attributes(struct otlp_writer *w, struct json_object *out, const struct profile *p)
{
        const struct profile_settings *settings = profile_settings(p);
        struct json_object *indices = json_writer_put_array(&w->json, out, "attributeIndices");

        otlp_writer_add_attribute(w, indices, OTLP_MODE, OTLP_TEXT, profile_mode_name(settings->mode));
        if (settings->engine)
                otlp_writer_add_attribute(w, indices, OTLP_ENGINE, OTLP_TEXT, settings->engine);
        for (size_t i = 0; i < SUMMARY_COUNTERS; i++) {
                char key[64];

                if (!summary_counter_is_told(profile_counters_of(p), i))
                        continue;
                snprintf(key, sizeof(key), OTLP_PREFIX "%s", summary_counters[i].name);
                add_number(w, indices, key, summary_counter_get(profile_counters_of(p), i));
        }
        add_coverage(w, indices, profile_coverage(profile_counters_of(p)));
}

static void put_profile(struct otlp_writer *w, struct json_object *profiles, size_t item)
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

static void put_resource_attribute(struct otlp_writer *w, struct json_object *attributes, const char *key,
                                   const char *value)
{
        struct json_object *attribute = json_writer_append_object(&w->json, attributes);

        json_writer_put_text(&w->json, attribute, "key", key);
        otlp_writer_put_value(w, attribute, is_number(key, value) ? OTLP_INT : OTLP_TEXT, value);
}

/* Writes the one attribute that OpenTelemetry requires, with the value that it prescribes if there is none. */
static void put_fallback_name(struct otlp_writer *w, struct json_object *attributes, const struct profile *p)
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

static void put_resource(struct otlp_writer *w, struct json_object *resource_profiles, const struct profile *p)
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

static void put_resource_profiles(struct otlp_writer *w, struct json_object *list, size_t item)
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

/* ---- the request ----------------------------------------------------------- */

/* Puts the request. Attributes and strings come last, since all other parts add to them. */
static void put_request(struct otlp_writer *w, struct json_object *request)
{
        struct json_object *list = json_writer_put_array(&w->json, request, "resourceProfiles");
        struct json_object *dictionary = json_writer_put_object(&w->json, request, "dictionary");

        otlp_writer_begin_dictionary(w, dictionary);
        for (size_t i = 0; i < w->set->n; i++)
                put_resource_profiles(w, list, i);
        otlp_writer_end_dictionary(w, dictionary);
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
        struct otlp_writer w = { .set = set };
        struct json_object *request = json_object_new_object();
        int r = request ? string_table_init(&w.texts) : -ENOMEM;

        if (r == 0)
                r = string_table_init(&w.attributes);
        if (r == 0)
                r = dictionary_init(&w.dictionary, set);
        if (r == 0)
                r = mappings_init(&w.mappings, w.dictionary.all);
        if (r == 0) {
                put_request(&w, request);
                r = w.json.failed || w.texts.error || w.attributes.error ? -ENOMEM : print_otlp(request, out);
        }
        json_object_put(request);
        mappings_deinit(&w.mappings);
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
