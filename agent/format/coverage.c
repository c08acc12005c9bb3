/* SPDX-License-Identifier: Apache-2.0 */
/* The books of a profile for programs: one JSON object, which pages, reports and the collector share. */
#include "format.h"

#include "agent/base/base.h"

/* Puts a real number. json-c by itself would write all 17 digits, and the last ones are noise. */
static void put_real(struct json_writer *m, struct json_object *object, const char *key, double value)
{
        char digits[32];

        snprintf(digits, sizeof(digits), "%.9g", value);
        json_writer_put(m, object, key, json_object_new_double_s(value, digits));
}

static void put_ns_as_seconds(struct json_writer *m, struct json_object *object, const char *key, uint64_t ns)
{
        put_real(m, object, key, (double)ns / 1e9);
}

static void put_losses(struct json_writer *m, struct json_object *object, const struct profile_counters *c)
{
        struct json_object *list = json_writer_put_array(m, object, "losses");
        struct profile_loss losses[PROFILE_LOSSES];
        size_t n = profile_losses_by_size(c, losses);

        for (size_t i = 0; i < n; i++) {
                struct json_object *loss = json_writer_append_object(m, list);

                json_writer_put_text(m, loss, "name", losses[i].name);
                json_writer_put_text(m, loss, "reason", losses[i].reason);
                put_ns_as_seconds(m, loss, "seconds", losses[i].ns);
        }
}

struct json_object *format_coverage(const struct profile_counters *c, enum profile_mode mode, uint64_t period_ns)
{
        struct json_object *object = json_object_new_object();
        struct json_writer m = { .failed = !object };
        char sentence[PROFILE_COVERAGE_SIZE];

        profile_coverage_tell(c, mode, sentence, sizeof(sentence));
        put_real(&m, object, "share", profile_coverage(c));
        json_writer_put(&m, object, "low", json_object_new_boolean(profile_coverage_is_low(c, period_ns)));
        json_writer_put_text(&m, object, "sentence", sentence);
        put_ns_as_seconds(&m, object, "accounted", c->accounted_ns);
        put_ns_as_seconds(&m, object, "sampled", c->sampled_ns);
        put_ns_as_seconds(&m, object, "native", c->native_ns);
        put_ns_as_seconds(&m, object, "left_out", c->left_out_ns);
        put_losses(&m, object, c);
        if (!m.failed)
                return object;
        json_object_put(object);
        return NULL;
}
