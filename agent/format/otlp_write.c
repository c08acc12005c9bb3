/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP profiles (v1development, 1.10 and later) as JSON: an ExportProfilesServiceRequest with one ResourceProfiles for
 * each profile and one dictionary for all. Its JSON is proto3's: 64-bit numbers are strings, zero and empty fields are
 * left out, entry 0 of every table is the zero value.
 *
 * Strings are cleaned when they are added. Links are left out. The profileId is 32 hexadecimal digits, as OTLP/JSON has
 * the ids of traces. Receivers that expect base64 instead take the digits for that, and get 24 bytes.
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

/* ---- attributes ------------------------------------------------------------ */

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

/* ---- profiles -------------------------------------------------------------- */

static void put_type(struct otlp_writer *w, struct json_object *profile, const char *key, const char *type,
                     const char *unit)
{
        struct json_object *value = json_writer_put_object(&w->json, profile, key);

        otlp_writer_put_strindex(w, value, "typeStrindex", type);
        otlp_writer_put_strindex(w, value, "unitStrindex", unit);
}

/* Receivers may make a series of each text of a sample. */
static void add_state(struct otlp_writer *w, struct json_object *indices, const struct profile *p,
                      const struct profile_sample *sample)
{
        const char *reason = profile_sample_reason(p, sample);

        if (sample->state == PROFILE_IDLE && w->sent && !w->all_labels)
                add_number(w, indices, OTLP_SAMPLE_IDLE, 1);
        else if (sample->state == PROFILE_IDLE)
                otlp_writer_add_attribute(w, indices, OTLP_THREAD_STATE, OTLP_TEXT, OTLP_IDLE);
        if (reason && !(w->sent && !w->all_labels))
                otlp_writer_add_attribute(w, indices, OTLP_WAIT, OTLP_TEXT, reason);
}

/* Whether the values of a profile are times. Receivers know how to make times of samples of a CPU. */
static bool is_timed(const struct otlp_writer *w, const struct profile *p)
{
        const struct profile_settings *settings = profile_settings(p);

        return w->sent && settings->mode != PROFILE_MODE_CPU && settings->period_ns > 0;
}

/* Whether readers do not get the number of samples from their time. */
static bool is_odd(const struct otlp_writer *w, const struct profile *p, const struct profile_sample *sample)
{
        return is_timed(w, p) && sample->count != summary_count(sample->nanoseconds, profile_settings(p)->period_ns);
}

static void put_sample_attributes(struct otlp_writer *w, struct json_object *out, const struct profile *p,
                                  const struct profile_sample *sample)
{
        if (!sample->thread && sample->state != PROFILE_IDLE && !is_odd(w, p, sample))
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
        add_state(w, indices, p, sample);
        if (is_odd(w, p, sample))
                add_number(w, indices, OTLP_SAMPLES, sample->count);
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
                                   json_writer_u64(is_timed(w, p) ? sample->nanoseconds : sample->count));
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

/* @labels: those of podflame, which nobody else can say. */
static void put_profile_attributes(struct otlp_writer *w, struct json_object *out, const struct profile *p,
                                   const struct series_labels *labels)
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
        for (size_t i = 0; i < profile_attributes(p); i++) {
                const char *key, *value;

                profile_attribute_at(p, i, &key, &value);
                if (!w->of_resource[i] && !series_is_label(labels, key))
                        otlp_writer_add_attribute(w, indices, key, is_number(key, value) ? OTLP_INT : OTLP_TEXT, value);
        }
}

static void put_profile_id(struct otlp_writer *w, struct json_object *profile, const struct profile *p)
{
        uint8_t id[FORMAT_ID_SIZE];
        char digits[2 * FORMAT_ID_SIZE + 1];

        format_profile_id(p, id);
        for (size_t i = 0; i < FORMAT_ID_SIZE; i++)
                snprintf(digits + 2 * i, 3, "%02x", id[i]);
        json_writer_put_text(&w->json, profile, "profileId", digits);
}

static void put_profile(struct otlp_writer *w, struct json_object *profiles, size_t item,
                        const struct series_labels *labels)
{
        const struct profile *p = w->set->items[item];
        const struct profile_settings *settings = profile_settings(p);
        struct json_object *out = json_writer_append_object(&w->json, profiles);

        if (w->sent)
                put_profile_id(w, out, p);
        if (is_timed(w, p))
                put_type(w, out, "sampleType", summary_period_type(settings->mode), "nanoseconds");
        else
                put_type(w, out, "sampleType", "samples", "count");
        put_type(w, out, "periodType", summary_period_type(settings->mode), "nanoseconds");
        json_writer_put_u64(&w->json, out, "period", settings->period_ns);
        json_writer_put_u64(&w->json, out, "timeUnixNano", settings->start_ns);
        json_writer_put_u64(&w->json, out, "durationNano", settings->duration_ns);
        put_profile_attributes(w, out, p, labels);
        put_samples(w, out, item);
}

/* ---- resources ------------------------------------------------------------- */

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
                if (w->of_resource[i])
                        put_resource_attribute(w, attributes, key, value);
        }
        put_fallback_name(w, attributes, p);
}

/*
 * Puts the labels. Pyroscope makes labels of a scope's attributes, too, and calls the others as OpenTelemetry does.
 * The service's label it makes by itself.
 */
static void put_scope(struct otlp_writer *w, struct json_object *scope_profiles, const struct series_labels *labels)
{
        struct json_object *scope = json_writer_put_object(&w->json, scope_profiles, "scope"), *attributes;

        json_writer_put_text(&w->json, scope, "name", OTLP_SCOPE);
        json_writer_put_text(&w->json, scope, "version", PODFLAME_VERSION);
        if (!w->sent)
                return;
        attributes = json_writer_put_array(&w->json, scope, "attributes");
        for (size_t i = 0; i < SERIES_LABELS; i++) {
                if (labels->values[i])
                        put_resource_attribute(w, attributes, series_label_names[i], labels->values[i]);
        }
}

static void put_resource_profiles(struct otlp_writer *w, struct json_object *list, size_t item)
{
        struct json_object *out = json_writer_append_object(&w->json, list);
        const struct profile *p = w->set->items[item];
        struct series_labels labels = { 0 };

        if (w->sent && series_labels_of(p, &labels) < 0)
                w->json.failed = true;
        if (w->sent)
                series_choose_resource(p, &labels, w->all_labels, w->of_resource);
        else
                memset(w->of_resource, true, sizeof(w->of_resource));
        put_resource(w, out, p);

        struct json_object *scopes = json_writer_put_array(&w->json, out, "scopeProfiles");
        struct json_object *scope_profiles = json_writer_append_object(&w->json, scopes);

        put_scope(w, scope_profiles, &labels);
        put_profile(w, json_writer_put_array(&w->json, scope_profiles, "profiles"), item, &labels);
        series_labels_deinit(&labels);
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

static int write_request(struct otlp_writer *w, FILE *out)
{
        struct json_object *request = json_object_new_object();
        int r = request ? string_table_init(&w->texts) : -ENOMEM;

        if (r == 0)
                r = string_table_init(&w->attributes);
        if (r == 0)
                r = dictionary_init(&w->dictionary, w->set);
        if (r == 0)
                r = mappings_init(&w->mappings, w->dictionary.all);
        if (r == 0) {
                put_request(w, request);
                r = w->json.failed || w->texts.error || w->attributes.error ? -ENOMEM : print_otlp(request, out);
        }
        json_object_put(request);
        mappings_deinit(&w->mappings);
        dictionary_deinit(&w->dictionary);
        string_table_deinit(&w->attributes);
        string_table_deinit(&w->texts);
        return r;
}

int format_write_otlp(const struct profile_set *set, FILE *out)
{
        return write_request(&(struct otlp_writer){ .set = set }, out);
}

int format_send_otlp(const struct profile_set *set, bool all_labels, FILE *out)
{
        return write_request(&(struct otlp_writer){ .set = set, .sent = true, .all_labels = all_labels }, out);
}

const struct format format_otlp = {
        .name = "otlp",
        .endings = { ".otlp.json", ".json" },
        .runs = true,
        .summary = "OpenTelemetry profiles as JSON, as sent to collectors",
        .write = format_write_otlp,
};
