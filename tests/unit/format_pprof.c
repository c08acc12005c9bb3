/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "pprof.pb-c.h"
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <stdlib.h>
#include <string.h>

SUITE(pprof);

#define MAX ((size_t)1 << 20)

static Pprof__Profile *decoded(const struct profile_set *set)
{
        void *bytes;
        size_t len, packed_len;
        char *packed = helper_write(format_by_name("pprof")->write, set, &packed_len);

        cr_assert_eq(gzip_unpack(packed, packed_len, MAX, &bytes, &len), 0);
        Pprof__Profile *p = pprof__profile__unpack(NULL, len, bytes);
        cr_assert_neq(p, NULL);
        free(bytes);
        free(packed);
        return p;
}

static const char *text(const Pprof__Profile *p, int64_t i)
{
        cr_assert(i >= 0 && (size_t)i < p->n_string_table);
        return p->string_table[i];
}

static void check_sample(const Pprof__Profile *p, const Pprof__Sample *sample)
{
        cr_expect_eq(sample->n_value, p->n_sample_type);
        cr_expect_gt(sample->n_location_id, 0);
        for (size_t i = 0; i < sample->n_location_id; i++)
                cr_expect(sample->location_id[i] >= 1 && sample->location_id[i] <= p->n_location);
        for (size_t i = 0; i < sample->n_label; i++) {
                cr_expect((sample->label[i]->str == 0) != (sample->label[i]->num == 0));
                for (size_t k = 0; k < i; k++)
                        cr_expect_neq(sample->label[i]->key, sample->label[k]->key);
        }
}

/* The rules that pprof, Pyroscope and Parca have. */
static void check_rules(const Pprof__Profile *p)
{
        cr_assert_gt(p->n_string_table, 0);
        cr_expect_str_eq(p->string_table[0], "");
        for (size_t i = 0; i < p->n_string_table; i++) {
                for (size_t k = 0; k < i; k++)
                        cr_expect_str_neq(p->string_table[i], p->string_table[k]);
        }
        cr_assert_eq(p->n_mapping, 1);
        cr_expect_eq(p->mapping[0]->id, 1);
        cr_expect(p->mapping[0]->has_functions && p->mapping[0]->has_filenames && p->mapping[0]->has_line_numbers);
        for (size_t i = 0; i < p->n_function; i++) {
                cr_expect_eq(p->function[i]->id, i + 1);
                cr_expect_eq(p->function[i]->system_name, 0);
        }
        for (size_t i = 0; i < p->n_location; i++) {
                cr_expect_eq(p->location[i]->id, i + 1);
                cr_expect_eq(p->location[i]->mapping_id, 1);
                cr_assert_eq(p->location[i]->n_line, 1);
                uint64_t function = p->location[i]->line[0]->function_id;
                cr_expect(function >= 1 && function <= p->n_function);
        }
        for (size_t i = 0; i < p->n_sample; i++)
                check_sample(p, p->sample[i]);
}

static void expect_frame(const Pprof__Profile *p, uint64_t location, const char *name, const char *file, int64_t line,
                         int64_t start)
{
        const Pprof__Line *l = p->location[location - 1]->line[0];
        const Pprof__Function *f = p->function[l->function_id - 1];

        cr_expect_str_eq(text(p, f->name), name);
        cr_expect_str_eq(text(p, f->filename), file);
        cr_expect_eq(f->start_line, start);
        cr_expect_eq(l->line, line);
}

Test(pprof, one_profile)
{
        struct profile_set set = helper_set(helper_service());
        Pprof__Profile *p = decoded(&set);

        check_rules(p);
        cr_assert_eq(p->n_sample_type, 2);
        cr_expect_str_eq(text(p, p->sample_type[0]->type), "samples");
        cr_expect_str_eq(text(p, p->sample_type[0]->unit), "count");
        cr_expect_str_eq(text(p, p->sample_type[1]->type), "cpu");
        cr_expect_str_eq(text(p, p->sample_type[1]->unit), "nanoseconds");
        cr_expect_str_eq(text(p, p->period_type->type), "cpu");
        cr_expect_str_eq(text(p, p->period_type->unit), "nanoseconds");
        cr_expect_str_eq(text(p, p->default_sample_type), "cpu");
        cr_expect_eq(p->period, 10000000);
        cr_expect_eq(p->time_nanos, 1767225600000000000);
        cr_expect_eq(p->duration_nanos, 10000000000);
        cr_expect_str_eq(text(p, p->mapping[0]->filename), "python3");
        cr_assert_eq(p->n_sample, 2);
        cr_expect_eq(p->sample[0]->value[0], 7);
        cr_expect_eq(p->sample[0]->value[1], 70000000);
        cr_expect_eq(p->sample[0]->n_label, 0);
        cr_assert_eq(p->sample[0]->n_location_id, 3);
        expect_frame(p, p->sample[0]->location_id[0], "dumps", "/usr/lib/python3.11/json/__init__.py", 231, 183);
        expect_frame(p, p->sample[0]->location_id[2], "<module>", "/app/main.py", 40, 1);
        pprof__profile__free_unpacked(p, NULL);
        profile_set_deinit(&set);
}

static bool has_comment(const Pprof__Profile *p, const char *comment)
{
        for (size_t i = 0; i < p->n_comment; i++) {
                if (strcmp(text(p, p->comment[i]), comment) == 0)
                        return true;
        }
        return false;
}

Test(pprof, comments)
{
        static const char *const comments[] = {
                ("podflame: " PODFLAME_VERSION),
                "mode: cpu",
                "engine: perf",
                "ticks: 12",
                "ok: 10",
                "retried: 1",
                "torn: 2",
                "late: 0",
                "service.name: billing-api",
        };
        struct profile_set set = helper_set(helper_service());
        Pprof__Profile *p = decoded(&set);

        for (size_t i = 0; i < sizeof(comments) / sizeof(comments[0]); i++)
                cr_expect(has_comment(p, comments[i]), "%s", comments[i]);
        pprof__profile__free_unpacked(p, NULL);
        profile_set_deinit(&set);
}

Test(pprof, comments_tell_the_books)
{
        struct profile *service = helper_service();

        profile_counters(service)->accounted_ns = 200000000;
        profile_counters(service)->sampled_ns = 100000000;
        struct profile_set set = helper_set(service);
        Pprof__Profile *p = decoded(&set);

        cr_expect(has_comment(p, "accounted_ns: 200000000"));
        cr_expect(has_comment(p, "coverage: 0.5000"));
        pprof__profile__free_unpacked(p, NULL);
        profile_set_deinit(&set);
}

/* "key=text" or "key=number" of all labels. */
static void expect_labels(const Pprof__Profile *p, size_t sample, const char *expected)
{
        char got[200] = "";
        size_t n = 0;

        for (size_t i = 0; i < p->sample[sample]->n_label; i++) {
                const Pprof__Label *label = p->sample[sample]->label[i];

                n += (size_t)snprintf(got + n, sizeof(got) - n, "%s=", text(p, label->key));
                if (label->str)
                        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s ", text(p, label->str));
                else
                        n += (size_t)snprintf(got + n, sizeof(got) - n, "%lld ", (long long)label->num);
        }
        cr_expect_str_eq(got, expected);
}

Test(pprof, labels_of_several_profiles)
{
        static const struct helper_frame frame = { "handle", "/app/main.py", 10, 12 };
        struct profile *other = profile_new();
        struct profile_set set = helper_set(helper_service());

        helper_add(other, &frame, 1, interned_thread(other, 77, "worker"), PROFILE_IDLE, 5);
        profile_set_add(&set, other);
        Pprof__Profile *p = decoded(&set);
        check_rules(p);
        cr_assert_eq(p->n_sample, 3);
        expect_labels(p, 0, "pid=42 container=web ");
        expect_labels(p, 2, "thread=worker tid=77 state=idle ");
        /* Its function and frame are those of the first profile. */
        cr_expect_eq(p->n_function, 3);
        cr_expect_eq(p->n_location, 3);
        cr_expect_eq(p->sample[2]->location_id[0], p->sample[1]->location_id[0]);
        pprof__profile__free_unpacked(p, NULL);
        profile_set_deinit(&set);
}

Test(pprof, wall)
{
        struct profile *service = helper_service();
        struct profile_settings settings = *profile_settings(service);
        struct profile_set set = helper_set(service);

        settings.mode = PROFILE_MODE_WALL;
        profile_set_settings(service, &settings);
        Pprof__Profile *p = decoded(&set);
        cr_expect_str_eq(text(p, p->sample_type[1]->type), "wall");
        cr_expect_str_eq(text(p, p->period_type->type), "wall");
        pprof__profile__free_unpacked(p, NULL);
        profile_set_deinit(&set);
}

/* protobuf's strings are UTF-8: others reject the whole profile. */
Test(pprof, invalid_names_become_valid)
{
        struct profile_set set = helper_set(helper_frame("f\xff", "\xc3", 1));
        Pprof__Profile *p = decoded(&set);

        expect_frame(p, 1, "f\\xff", "\\xc3", 1, 0);
        pprof__profile__free_unpacked(p, NULL);
        profile_set_deinit(&set);
}
