/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Untrusted OTLP profiles as JSON: otlp_write.c describes them. Bodies are bounded in bytes, in nesting, in the number
 * of values, and in the memory of the profiles. Every table and field may be missing. Unknown fields are ignored.
 *
 * podflame writes one value for each sample, counted in samples, or in nanoseconds, which are divided by the period.
 * Another shape is read as well: samples that have only timestamps count one for each timestamp.
 */
#include "format.h"
#include "otlp.h"
#include "otlp_tables.h"
#include "summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROFILE_COST (32u << 10) /* bytes that an empty profile takes, about */
#define ATTRIBUTE_COST 64
#define THREAD_COST 64

struct reader {
        struct otlp_tables tables;
        struct json_reader *take; /* the tables' reader */
        struct profile_set *set;
        uint64_t samples, time_ns; /* sums over all profiles */
        /* the current profile */
        struct profile *profile;
        struct profile_settings settings;
        bool nanoseconds; /* values are time, not counts */
        int error;        /* of an attribute of the profile */
};

/* Calls @each for the attributes that @object lists by index, if they have a text. */
static int each_attribute(struct reader *r, const struct json_value *object,
                          void (*each)(const struct otlp_attribute *attribute, void *ctx), void *ctx)
{
        const struct json_value *indices;
        int rc = json_reader_array(r->take, object, "attributeIndices", &indices);

        for (size_t i = 0; rc == 0 && i < json_reader_length(indices); i++) {
                struct otlp_attribute attribute;
                size_t index;

                rc = json_reader_index_at(r->take, indices, i, r->tables.n[OTLP_ATTRIBUTES], &index);
                if (rc == 0)
                        rc = otlp_tables_attribute(&r->tables, index, &attribute);
                if (rc == 0 && attribute.value)
                        each(&attribute, ctx);
        }
        return rc;
}

/* ---- samples --------------------------------------------------------------- */

struct sample {
        const char *thread_name; /* NULL: none */
        uint64_t thread_id;
        enum profile_state state;
        uint64_t told; /* the number of samples, if it is an attribute; 0: it is none */
        uint64_t count;
        uint64_t nanoseconds;
};

static void read_sample_attribute(const struct otlp_attribute *attribute, void *ctx)
{
        struct sample *sample = ctx;

        if (strcmp(attribute->key, OTLP_THREAD_ID) == 0)
                sample->thread_id = summary_number(attribute->value);
        else if (strcmp(attribute->key, OTLP_THREAD_NAME) == 0 && attribute->value != attribute->number)
                sample->thread_name = attribute->value;
        else if ((strcmp(attribute->key, OTLP_THREAD_STATE) == 0 && strcmp(attribute->value, OTLP_IDLE) == 0) ||
                 (strcmp(attribute->key, OTLP_SAMPLE_IDLE) == 0 && summary_number(attribute->value) > 0))
                sample->state = PROFILE_IDLE;
        else if (strcmp(attribute->key, OTLP_SAMPLES) == 0)
                sample->told = summary_number(attribute->value);
}

static int sum_values(struct reader *r, const struct json_value *object, uint64_t *ret)
{
        const struct json_value *values, *timestamps;
        uint64_t sum = 0;
        int rc = json_reader_array(r->take, object, "values", &values);

        if (rc == 0)
                rc = json_reader_array(r->take, object, "timestampsUnixNano", &timestamps);
        if (rc == 0 && json_reader_length(values) == 0)
                sum = json_reader_length(timestamps);
        for (size_t i = 0; rc == 0 && i < json_reader_length(values); i++) {
                uint64_t value;

                rc = json_reader_u64_at(r->take, values, i, &value);
                if (rc == 0 && __builtin_add_overflow(sum, value, &sum))
                        rc = json_reader_refuse(r->take, "the samples add up to too much");
        }
        if (rc == 0)
                *ret = sum;
        return rc;
}

static int weigh_sample(struct reader *r, uint64_t value, struct sample *sample)
{
        uint64_t period = r->settings.period_ns;

        sample->count = value;
        if (r->nanoseconds && period) {
                sample->nanoseconds = value;
                sample->count = sample->told ? sample->told : summary_count(value, period);
        } else if (__builtin_mul_overflow(value, period, &sample->nanoseconds)) {
                return json_reader_refuse(r->take, "the samples add up to too much");
        }
        if (__builtin_add_overflow(r->samples, sample->count, &r->samples) ||
            __builtin_add_overflow(r->time_ns, sample->nanoseconds, &r->time_ns))
                return json_reader_refuse(r->take, "the samples add up to too much");
        return 0;
}

static int add_read_sample(struct reader *r, size_t stack, const struct sample *sample)
{
        profile_id stack_id, thread_id = 0;
        int rc = otlp_tables_stack(&r->tables, r->profile, stack, &stack_id);

        if (rc == 0 && (sample->thread_name || sample->thread_id)) {
                const char *name = sample->thread_name ? sample->thread_name : "";

                rc = otlp_tables_charge(&r->tables, strlen(name) + THREAD_COST);
                if (rc == 0)
                        rc = profile_intern_thread(r->profile, sample->thread_id, name, &thread_id);
        }
        if (rc)
                return rc;
        return profile_add(r->profile, stack_id, thread_id, sample->state, sample->count, sample->nanoseconds);
}

static int read_sample(struct reader *r, const struct json_value *object)
{
        struct sample sample = { .state = PROFILE_RUNNING };
        size_t stack;
        uint64_t value;
        int rc = json_reader_index(r->take, object, "stackIndex", r->tables.n[OTLP_STACKS], &stack);

        if (rc == 0)
                rc = each_attribute(r, object, read_sample_attribute, &sample);
        if (rc == 0)
                rc = sum_values(r, object, &value);
        if (rc == 0)
                rc = weigh_sample(r, value, &sample);
        if (rc || sample.count == 0)
                return rc;
        return add_read_sample(r, stack, &sample);
}

/* ---- profiles -------------------------------------------------------------- */

static const char *const engines[] = { "perf", "timer", "blocking" };
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

static void read_engine(const char *name, const char **ret)
{
        for (size_t i = 0; i < ENGINES; i++) {
                if (strcmp(engines[i], name) == 0)
                        *ret = engines[i];
        }
}

/* Takes what a profile says of its process as if its resource had said it: see series_choose_resource(). */
static int take_attribute(struct reader *r, const struct otlp_attribute *attribute)
{
        int rc = otlp_tables_charge(&r->tables, strlen(attribute->key) + strlen(attribute->value) + ATTRIBUTE_COST);

        if (rc == 0)
                rc = profile_set_attribute(r->profile, attribute->key, attribute->value);
        return rc == -ENOSPC ? json_reader_refuse(r->take, "a profile has too many attributes") : rc;
}

static void read_profile_attribute(const struct otlp_attribute *attribute, void *ctx)
{
        struct reader *r = ctx;

        if (strcmp(attribute->key, OTLP_MODE) == 0)
                profile_mode_parse(attribute->value, &r->settings.mode);
        else if (strcmp(attribute->key, OTLP_ENGINE) == 0)
                read_engine(attribute->value, &r->settings.engine);
        else if (strncmp(attribute->key, OTLP_PREFIX, strlen(OTLP_PREFIX)) == 0)
                summary_counter_read(profile_counters(r->profile), attribute->key + strlen(OTLP_PREFIX),
                                     attribute->value);
        else if (r->error == 0)
                r->error = take_attribute(r, attribute);
}

static int read_types(struct reader *r, const struct json_value *object)
{
        const struct json_value *type;
        const char *name = "", *unit = "";
        int rc = json_reader_object(r->take, object, "periodType", &type);

        if (rc == 0)
                rc = otlp_tables_string(&r->tables, type, "typeStrindex", &name);
        if (rc == 0)
                rc = json_reader_object(r->take, object, "sampleType", &type);
        if (rc == 0)
                rc = otlp_tables_string(&r->tables, type, "unitStrindex", &unit);
        if (rc)
                return rc;
        r->nanoseconds = strcmp(unit, "nanoseconds") == 0;
        profile_mode_parse(name, &r->settings.mode);
        return 0;
}

static int read_settings(struct reader *r, const struct json_value *object)
{
        int rc;

        r->settings = (struct profile_settings){ .mode = PROFILE_MODE_CPU };
        rc = read_types(r, object);
        if (rc == 0)
                rc = json_reader_u64(r->take, object, "period", &r->settings.period_ns);
        if (rc == 0)
                rc = json_reader_u64(r->take, object, "timeUnixNano", &r->settings.start_ns);
        if (rc == 0)
                rc = json_reader_u64(r->take, object, "durationNano", &r->settings.duration_ns);
        if (rc == 0)
                rc = each_attribute(r, object, read_profile_attribute, r);
        if (rc == 0)
                rc = r->error;
        if (rc == 0)
                profile_set_settings(r->profile, &r->settings);
        return rc;
}

static int read_resource(struct reader *r, const struct json_value *resource)
{
        const struct json_value *attributes;
        int rc = json_reader_array(r->take, resource, "attributes", &attributes);

        for (size_t i = 0; rc == 0 && i < json_reader_length(attributes); i++) {
                const struct json_value *entry;
                struct otlp_attribute attribute;

                rc = json_reader_object_at(r->take, attributes, i, &entry);
                if (rc == 0)
                        rc = otlp_tables_key_value(&r->tables, entry, &attribute);
                if (rc || !attribute.value)
                        continue;
                rc = otlp_tables_charge(&r->tables, strlen(attribute.key) + strlen(attribute.value) + ATTRIBUTE_COST);
                if (rc == 0)
                        rc = profile_set_attribute(r->profile, attribute.key, attribute.value);
                if (rc == -ENOSPC)
                        rc = json_reader_refuse(r->take, "a resource has too many attributes");
        }
        return rc;
}

static int fill_profile(struct reader *r, const struct json_value *resource, const struct json_value *object)
{
        const struct json_value *samples;
        int rc = read_resource(r, resource);

        if (rc == 0)
                rc = read_settings(r, object);
        if (rc == 0)
                rc = json_reader_array(r->take, object, "samples", &samples);
        for (size_t i = 0; rc == 0 && i < json_reader_length(samples); i++) {
                const struct json_value *sample;

                rc = json_reader_object_at(r->take, samples, i, &sample);
                if (rc == 0)
                        rc = read_sample(r, sample);
        }
        return rc;
}

static int read_profile(struct reader *r, const struct json_value *resource, const struct json_value *object)
{
        int rc = otlp_tables_charge(&r->tables, PROFILE_COST);

        if (rc)
                return rc;
        otlp_tables_next(&r->tables);
        r->profile = profile_new();
        rc = r->profile ? fill_profile(r, resource, object) : -ENOMEM;
        if (rc == 0)
                rc = profile_set_add(r->set, r->profile);
        if (rc)
                profile_free(r->profile);
        return rc;
}

/* ---- the request ----------------------------------------------------------- */

static int read_scope(struct reader *r, const struct json_value *resource, const struct json_value *scope)
{
        const struct json_value *profiles;
        int rc = json_reader_array(r->take, scope, "profiles", &profiles);

        for (size_t i = 0; rc == 0 && i < json_reader_length(profiles); i++) {
                const struct json_value *profile;

                rc = json_reader_object_at(r->take, profiles, i, &profile);
                if (rc == 0)
                        rc = read_profile(r, resource, profile);
        }
        return rc;
}

static int read_resource_profiles(struct reader *r, const struct json_value *object)
{
        const struct json_value *resource, *scopes;
        int rc = json_reader_object(r->take, object, "resource", &resource);

        if (rc == 0)
                rc = json_reader_array(r->take, object, "scopeProfiles", &scopes);
        for (size_t i = 0; rc == 0 && i < json_reader_length(scopes); i++) {
                const struct json_value *scope;

                rc = json_reader_object_at(r->take, scopes, i, &scope);
                if (rc == 0)
                        rc = read_scope(r, resource, scope);
        }
        return rc;
}

static int read_request(struct reader *r, const struct json_value *request)
{
        const struct json_value *dictionary, *list;
        int rc = json_reader_object(r->take, request, "dictionary", &dictionary);

        if (rc == 0)
                rc = otlp_tables_init(&r->tables, dictionary);
        if (rc == 0)
                rc = json_reader_array(r->take, request, "resourceProfiles", &list);
        for (size_t i = 0; rc == 0 && i < json_reader_length(list); i++) {
                const struct json_value *object;

                rc = json_reader_object_at(r->take, list, i, &object);
                if (rc == 0)
                        rc = read_resource_profiles(r, object);
        }
        return rc;
}

static const char *const errors[] = {
        [JSON_VALUE_E_WRONG] = "the body is not JSON, or not all of it",
        [JSON_VALUE_E_DEEP] = "the body is nested too deeply",
        [JSON_VALUE_E_MANY] = "the body is too large",
};

static int parse_body(struct reader *r, char *json, size_t len, struct json_value **ret_all,
                      const struct json_value **ret)
{
        int rc = len > FORMAT_OTLP_MAX_BYTES ? JSON_VALUE_E_MANY
                                             : json_value_read(json, len, FORMAT_OTLP_MAX_VALUES, ret_all, ret);

        if (rc > 0)
                return json_reader_refuse(r->take, errors[rc]);
        if (rc == 0 && (*ret)->type != JSON_VALUE_OBJECT)
                return json_reader_refuse(r->take, "the body is not a JSON object");
        return rc;
}

int format_take_otlp(char *json, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct profile_set set = { 0 };
        struct reader r = { .set = &set };
        const struct json_value *request;
        struct json_value *all = NULL;
        int rc;

        r.take = &r.tables.take;
        rc = parse_body(&r, json, len, &all, &request);
        if (rc == 0)
                rc = read_request(&r, request);
        if (rc == 0)
                *ret = set;
        else
                profile_set_deinit(&set);
        if (rc == -EINVAL && ret_error)
                *ret_error = r.tables.take.error;
        otlp_tables_deinit(&r.tables);
        free(all);
        return rc;
}

int format_read_otlp(const char *json, size_t len, struct profile_set *ret, const char **ret_error)
{
        char *copy = malloc(len + 1);
        int rc;

        if (!copy)
                return -ENOMEM;
        memcpy(copy, json, len);
        rc = format_take_otlp(copy, len, ret, ret_error);
        free(copy);
        return rc;
}
