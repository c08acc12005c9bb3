/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers as JSON, made by base's json_write. If memory ran out, an answer is incomplete. The one function that makes
 * text of it checks that.
 */
#include "agent/collect/json.h"

#include "agent/base/base.h"
#include "agent/format/format.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
        struct json_object *object;
        struct json_writer json;
};

static struct answer start_answer(void)
{
        struct json_object *object = json_object_new_object();

        return (struct answer){ .object = object, .json.failed = !object };
}

static void put_member(struct answer *answer, const char *key, struct json_object *value)
{
        json_writer_put(&answer->json, answer->object, key, value);
}

static void put_text(struct answer *answer, const char *key, const char *value)
{
        put_member(answer, key, json_object_new_string(value));
}

static void put_member_number(struct answer *answer, const char *key, uint64_t value)
{
        put_member(answer, key, json_object_new_uint64(value));
}

static void put_member_seconds(struct answer *answer, const char *key, int64_t ns)
{
        put_member(answer, key, json_object_new_double((double)ns / 1e9));
}

static void put_modes(struct answer *answer, unsigned modes)
{
        struct json_object *names = json_writer_put_array(&answer->json, answer->object, "modes");

        for (unsigned mode = 0; mode < PROFILE_MODES; mode++) {
                if (modes & 1u << mode)
                        json_writer_append(&answer->json, names, json_object_new_string(profile_mode_name(mode)));
        }
}

/* Makes text of @object, and consumes it. */
static char *text_of(struct json_object *object)
{
        int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
        const char *text = json_object_to_json_string_ext(object, flags);
        char *copy = text ? strdup(text) : NULL;

        json_object_put(object);
        return copy;
}

static char *finish_text(struct answer *answer)
{
        if (!answer->json.failed)
                return text_of(answer->object);
        json_object_put(answer->object);
        return NULL;
}

/* ---- attributes ---------------------------------------------------------- */

char *collect_json_attributes(const struct profile *profile)
{
        struct answer answer = start_answer();

        for (size_t i = 0; i < profile_attributes(profile); i++) {
                const char *key, *value;

                profile_attribute_at(profile, i, &key, &value);
                if (strcmp(key, "process.pid") != 0)
                        put_text(&answer, key, value);
        }
        return finish_text(&answer);
}

int collect_json_each(const char *attributes, int (*each)(void *ctx, const char *key, const char *value), void *ctx)
{
        struct json_object *object = json_tokener_parse(attributes);
        int r = 0;

        if (!json_object_is_type(object, json_type_object)) {
                json_object_put(object);
                return 0;
        }
        json_object_object_foreach(object, key, value) {
                if (r == 0 && json_object_is_type(value, json_type_string))
                        r = each(ctx, key, json_object_get_string(value));
        }
        json_object_put(object);
        return r;
}

static int restore_attribute(void *ctx, const char *key, const char *value)
{
        return profile_set_attribute(ctx, key, value);
}

int collect_json_restore(const char *attributes, struct profile *profile)
{
        return collect_json_each(attributes, restore_attribute, profile);
}

/* ---- answers ------------------------------------------------------------- */

/* https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
static int rpc_code(unsigned http_status)
{
        static const struct {
                unsigned status;
                int code;
        } codes[] = {
                { 400, 3 }, { 401, 16 }, { 404, 5 }, { 405, 12 }, { 413, 3 }, { 415, 3 }, { 500, 13 }, { 503, 14 },
        };

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                if (codes[i].status == http_status)
                        return codes[i].code;
        }
        return 2; /* UNKNOWN */
}

char *collect_json_error(unsigned http_status, const char *sentence)
{
        struct answer answer = start_answer();

        put_member(&answer, "code", json_object_new_int(rpc_code(http_status)));
        put_text(&answer, "message", sentence);
        return finish_text(&answer);
}

char *collect_json_export(uint64_t rejected, const char *sentence)
{
        struct answer answer = start_answer(), partial = start_answer();

        if (rejected == 0) {
                json_object_put(partial.object);
                return finish_text(&answer);
        }
        /* protobuf's JSON writes 64-bit numbers as text. */
        char digits[24];
        snprintf(digits, sizeof(digits), "%llu", (unsigned long long)rejected);
        put_text(&partial, "rejectedProfiles", digits);
        put_text(&partial, "errorMessage", sentence);
        answer.json.failed |= partial.json.failed;
        put_member(&answer, "partialSuccess", partial.object);
        return finish_text(&answer);
}

struct json_object *collect_json_list(void)
{
        return json_object_new_array();
}

static void put_attributes(struct answer *answer, const char *attributes)
{
        static const char *const names[][2] = {
                { "service", "service.name" },
                { "container_id", "container.id" },
                { "container_name", "container.name" },
                { "image", "container.image.name" },
                { "executable", "process.executable.name" },
                { "host", "host.name" },
                { "runtime_version", "process.runtime.version" },
        };
        struct json_object *object = json_tokener_parse(attributes), *value;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (json_object_object_get_ex(object, names[i][1], &value))
                        put_text(answer, names[i][0], json_object_get_string(value));
        }
        json_object_put(object);
}

/* Puts a short form of the coverage of a series. collect_json_meta() has all of it. */
static void put_coverage(struct answer *answer, const struct store_books *books)
{
        double coverage = profile_coverage(&books->counters);

        if (coverage < 0)
                return;
        put_member(answer, "coverage", json_object_new_double(coverage));
        put_member(answer, "coverage_low",
                   json_object_new_boolean(profile_coverage_is_low(&books->counters, books->period_ns)));
}

static void put_labels(struct answer *answer, const struct labels *labels)
{
        struct json_object *object = json_writer_put_object(&answer->json, answer->object, "labels");

        for (unsigned label = 0; label < LABELS; label++)
                json_writer_put(&answer->json, object, collect_label_name((enum label)label),
                                json_object_new_string(labels->values[label]));
}

int collect_json_list_add(struct json_object *list, const struct collect_found *found)
{
        struct answer answer = start_answer();

        put_member_number(&answer, "id", (uint64_t)found->id);
        put_attributes(&answer, found->attributes);
        put_labels(&answer, found->labels);
        put_member_number(&answer, "samples", found->samples);
        put_member_seconds(&answer, "cpu_seconds", (int64_t)found->cpu_ns);
        put_modes(&answer, found->modes);
        put_member_seconds(&answer, "first_seen", found->first_seen_ns);
        put_member_seconds(&answer, "last_seen", found->last_seen_ns);
        put_coverage(&answer, &found->books);
        if (answer.json.failed || json_object_array_add(list, answer.object) != 0) {
                json_object_put(answer.object);
                return -ENOMEM;
        }
        return 0;
}

char *collect_json_list_text(struct json_object *list)
{
        return text_of(list);
}

void collect_json_list_free(struct json_object *list)
{
        json_object_put(list);
}

char *collect_json_meta(const struct collect_meta *meta)
{
        struct answer answer = start_answer();

        if (meta->series)
                put_member_number(&answer, "series", (uint64_t)meta->series);
        else
                put_text(&answer, "series", "all");
        put_member_seconds(&answer, "from", meta->from_ns);
        put_member_seconds(&answer, "to", meta->to_ns);
        put_text(&answer, "mode", profile_mode_name(meta->mode));
        put_modes(&answer, meta->modes);
        put_member_number(&answer, "profiles", meta->slices);
        put_member_number(&answer, "samples", meta->samples);
        put_member_seconds(&answer, "seconds", (int64_t)meta->ns);
        if (profile_coverage(&meta->books.counters) >= 0)
                put_member(&answer, "coverage",
                           format_coverage(&meta->books.counters, meta->mode, meta->books.period_ns));
        return finish_text(&answer);
}

char *collect_json_coverage(const struct store_books *books, enum profile_mode mode)
{
        struct json_object *coverage = format_coverage(&books->counters, mode, books->period_ns);

        return coverage ? text_of(coverage) : NULL;
}

static struct json_object *function_object(const struct profile_top *top, uint64_t total)
{
        double whole = total > 0 ? (double)total : 1;
        struct answer answer = start_answer();

        put_text(&answer, "name", top->name);
        put_text(&answer, "file", top->file);
        put_member_number(&answer, "self", top->self);
        put_member_number(&answer, "total", top->total);
        put_member(&answer, "self_share", json_object_new_double((double)top->self / whole));
        put_member(&answer, "total_share", json_object_new_double((double)top->total / whole));
        if (!answer.json.failed)
                return answer.object;
        json_object_put(answer.object);
        return NULL;
}

char *collect_json_top(const struct profile_top *tops, size_t n, uint64_t total)
{
        struct json_object *functions = json_object_new_array();
        struct answer answer = start_answer();

        for (size_t i = 0; functions && !answer.json.failed && i < n; i++) {
                struct json_object *function = function_object(&tops[i], total);
                answer.json.failed = !function || json_object_array_add(functions, function) != 0;
        }
        put_member_number(&answer, "total", total);
        put_member(&answer, "functions", functions);
        return finish_text(&answer);
}
