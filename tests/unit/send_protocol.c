/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/format/format.h"
#include "agent/http/http.h"
#include "agent/send/protocol.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

SUITE(send_protocol);

/* The bodies of a split. */
struct bodies {
        struct send_body items[64];
        size_t n, too_large;
};

static int keep(void *ctx, const struct send_body *body)
{
        struct bodies *bodies = ctx;

        cr_assert_lt(bodies->n, 64);
        bodies->items[bodies->n++] = (struct send_body){ strdup(body->text), body->len };
        return 0;
}

static void count(void *ctx)
{
        ((struct bodies *)ctx)->too_large++;
}

static void split(const struct send_protocol *protocol, const struct profile_set *set, struct bodies *ret)
{
        const struct send_split spec = { .protocol = protocol, .body = keep, .too_large = count, .ctx = ret };

        *ret = (struct bodies){ 0 };
        cr_assert_eq(send_split(&spec, set), 0);
}

static void bodies_deinit(struct bodies *bodies)
{
        for (size_t i = 0; i < bodies->n; i++)
                free(bodies->items[i].text);
}

/* @stacks stacks with functions of their own, each sampled once by one of two threads. */
static struct profile *make_profile(size_t stacks, const char *padding)
{
        struct profile *p = profile_new();
        profile_id threads[] = { interned_thread(p, 7, "one"), interned_thread(p, 8, "two") };
        char name[4096];

        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10000000,
                                                            .start_ns = 1767225600000000000,
                                                            .duration_ns = 10000000000,
                                                            .engine = "perf" });
        profile_set_attribute(p, "service.name", "billing");
        profile_counters(p)->ticks = profile_counters(p)->ok = stacks;
        for (size_t i = 0; i < stacks; i++) {
                snprintf(name, sizeof(name), "f%zu%s", i, padding);
                profile_id frame = interned_frame(p, interned_function(p, name, "/app/main.py", 3), 7);
                cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), threads[i % 2], PROFILE_RUNNING, 1, 10000000),
                             0);
        }
        return p;
}

/* ---- OTLP ---------------------------------------------------------------- */

/*
 * How often all bodies together say @text; none is beyond the bound. No strstr():
 * the address sanitizer's looks at all of the body in every call.
 */
static size_t occurrences(const struct bodies *bodies, const char *text)
{
        size_t n = 0;

        for (size_t i = 0; i < bodies->n; i++) {
                cr_assert_leq(bodies->items[i].len, 16 << 20);
                for (const char *at = bodies->items[i].text; *at; at++)
                        n += *at == *text && strncmp(at, text, strlen(text)) == 0;
        }
        return n;
}

Test(send_protocol, otlp_batches_have_8000_profiles_at_most)
{
        struct profile_set set = { 0 };
        struct bodies bodies;

        for (int i = 0; i < 8001; i++)
                make_set(&set, "work");
        split(&send_otlp, &set, &bodies);
        cr_assert_eq(bodies.n, 2);
        cr_assert_eq(occurrences(&bodies, "\"timeUnixNano\""), 8001);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* One profile of some 17 MB of names: cut between its stacks. */
Test(send_protocol, otlp_profile_too_large_is_cut_between_stacks)
{
        struct profile_set set = { 0 };
        struct bodies bodies;
        char padding[3001];

        memset(padding, 'x', 3000);
        padding[3000] = '\0';
        profile_set_add(&set, make_profile(5700, padding));
        split(&send_otlp, &set, &bodies);
        cr_assert_eq(bodies.n, 2);
        cr_assert_eq(bodies.too_large, 0);
        cr_assert_eq(occurrences(&bodies, "\"stackIndex\""), 5700);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* ---- splitting ----------------------------------------------------------- */

/* A protocol whose bodies hold no more than 3 samples; they say profiles, samples and ticks. */
static int encode_few(const struct profile_set *set, struct send_body *ret)
{
        uint64_t total = 0, ticks = 0;
        char *text;

        for (size_t i = 0; i < set->n; i++)
                total += profile_total(set->items[i]);
        if (total > 3)
                return -EFBIG;
        for (size_t i = 0; i < set->n; i++) {
                ticks += profile_counters_of(set->items[i])->ticks;
                cr_assert_str_eq(profile_attribute(set->items[i], "service.name"), "billing");
                cr_assert_eq(profile_settings(set->items[i])->period_ns, 10000000);
        }
        int len = asprintf(&text, "%zu/%zu/%zu", set->n, (size_t)total, (size_t)ticks);
        *ret = (struct send_body){ text, (size_t)len };
        return 0;
}

Test(send_protocol, halved_until_it_fits)
{
        static const struct send_protocol few = { .max_profiles = 2, .encode = encode_few };
        static const char *const wanted[] = { "1/2/5", "1/3/0", "1/1/1", "2/3/3" };
        struct profile_set set = { 0 };
        struct bodies bodies;

        profile_set_add(&set, make_profile(5, ""));
        profile_set_add(&set, make_profile(1, ""));
        struct profile *heavy = make_profile(0, "");
        profile_id frame = interned_frame(heavy, interned_function(heavy, "f", "", 1), 1);
        profile_add(heavy, interned_stack(heavy, &frame, 1), 0, PROFILE_RUNNING, 4, 4);
        profile_set_add(&set, heavy);
        profile_set_add(&set, make_profile(2, ""));
        profile_set_add(&set, make_profile(1, ""));
        split(&few, &set, &bodies);
        cr_assert_eq(bodies.too_large, 1, "a single stack cannot be cut");
        cr_assert_eq(bodies.n, 4);
        for (size_t i = 0; i < bodies.n; i++)
                cr_expect_str_eq(bodies.items[i].text, wanted[i]);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* ---- Pyroscope ----------------------------------------------------------- */

static struct json_object *series_at(const struct send_body *body, size_t i, size_t n)
{
        struct json_object *root = json_tokener_parse(body->text), *series;

        cr_assert(json_object_object_get_ex(root, "series", &series));
        cr_assert_eq(json_object_array_length(series), n);
        series = json_object_get(json_object_array_get_idx(series, i));
        json_object_put(root);
        return series;
}

/* "" if there is none. */
static const char *label(struct json_object *series, const char *name)
{
        struct json_object *labels, *field;

        cr_assert(json_object_object_get_ex(series, "labels", &labels));
        for (size_t i = 0; i < json_object_array_length(labels); i++) {
                struct json_object *one = json_object_array_get_idx(labels, i);

                json_object_object_get_ex(one, "name", &field);
                if (strcmp(json_object_get_string(field), name) == 0) {
                        json_object_object_get_ex(one, "value", &field);
                        return json_object_get_string(field);
                }
        }
        return "";
}

static const char *raw_profile(struct json_object *series)
{
        struct json_object *samples, *raw;

        cr_assert(json_object_object_get_ex(series, "samples", &samples));
        cr_assert_eq(json_object_array_length(samples), 1);
        cr_assert(json_object_object_get_ex(json_object_array_get_idx(samples, 0), "rawProfile", &raw));
        return json_object_get_string(raw);
}

Test(send_protocol, pyroscope_series)
{
        struct profile_set set = { 0 };
        struct profile *p = make_profile(3, ""), *wall = make_profile(1, ""), *plain = profile_new();
        struct profile_settings settings = *profile_settings(wall);
        struct bodies bodies;

        settings.mode = PROFILE_MODE_WALL;
        profile_set_settings(wall, &settings);
        profile_set_attribute(p, "k8s.namespace.name", "prod");
        profile_set_attribute(p, "k8s.pod.name", "billing-7d9f");
        profile_set_attribute(p, "container.name", "k8s_api");
        profile_set_attribute(p, "k8s.container.name", "api");
        profile_set_attribute(p, "host.name", "n1");
        profile_set_add(&set, p);
        profile_set_add(&set, wall);
        profile_set_add(&set, plain);
        split(&send_pyroscope, &set, &bodies);
        cr_assert_eq(bodies.n, 1);

        struct json_object *series = series_at(&bodies.items[0], 0, 2);
        cr_assert_str_eq(label(series, "__name__"), "process_cpu");
        cr_assert_str_eq(label(series, "service_name"), "billing");
        cr_assert_str_eq(label(series, "namespace"), "prod");
        cr_assert_str_eq(label(series, "pod"), "billing-7d9f");
        cr_assert_str_eq(label(series, "container"), "api");
        cr_assert_str_eq(label(series, "node"), "n1");
        json_object_put(series);
        series = series_at(&bodies.items[0], 1, 2);
        cr_assert_str_eq(label(series, "__name__"), "wall");
        cr_assert_str_eq(label(series, "pod"), "");
        json_object_put(series);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* What is said besides becomes labels, too, but none of ours; who speaks last is right. */
Test(send_protocol, pyroscope_other_labels)
{
        static const char *const others[][2] = {
                { "team", "a" },
                { "Deployment.environment", "prod" },
                { "9lives", "9" },
                { "service_name", "lie" },
                { "namespace", "lie" },
                { "pod", "lie" },
                { "__name__", "lie" },
                { "__session_id__", "lie" },
                { "x.y", "first" },
                { "x_y", "last" },
                { "container.id", "0123" },
                { "process.pid", "7" },
        };
        struct profile_set set = { 0 };
        struct profile *p = make_profile(3, "");
        struct bodies bodies;

        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                profile_set_attribute(p, others[i][0], others[i][1]);
        profile_set_add(&set, p);
        split(&send_pyroscope, &set, &bodies);

        struct json_object *series = series_at(&bodies.items[0], 0, 1), *array = NULL;
        cr_expect_str_eq(label(series, "team"), "a");
        cr_expect_str_eq(label(series, "Deployment_environment"), "prod");
        cr_expect_str_eq(label(series, "_9lives"), "9");
        cr_expect_str_eq(label(series, "service_name"), "billing");
        cr_expect_str_eq(label(series, "x_y"), "last");
        cr_expect_str_eq(label(series, "__name__"), "process_cpu");
        json_object_object_get_ex(series, "labels", &array);
        cr_expect_eq(json_object_array_length(array), 6);
        json_object_put(series);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* The pprof is what the format writes, without threads. */
Test(send_protocol, pyroscope_profile_is_pprof)
{
        struct profile_set set = { 0 }, merged = { 0 };
        struct profile *all = profile_new();
        char *pprof = NULL;
        size_t len;
        struct bodies bodies;

        profile_set_add(&set, make_profile(3, ""));
        profile_merge(all, set.items[0], false);
        profile_set_add(&merged, all);
        FILE *out = open_memstream(&pprof, &len);
        cr_assert_eq(format_by_name("pprof")->write(&merged, out), 0);
        fclose(out);
        char *wanted = http_client_base64(pprof, len);

        split(&send_pyroscope, &set, &bodies);
        struct json_object *series = series_at(&bodies.items[0], 0, 1);
        cr_assert_str_eq(raw_profile(series), wanted);
        json_object_put(series);
        free(wanted);
        free(pprof);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
        profile_set_deinit(&merged);
}

Test(send_protocol, pyroscope_labels_are_clean)
{
        char many[4000];
        const struct {
                const char *value, *wanted;
        } rows[] = {
                { "caf\xc3\xa9", "caf\xc3\xa9" },
                { "a\nb\x1b[31m\x7f", "a_b_[31m_" },
                { "a\xff\xfe"
                  "b",
                  "a??b" },
                { "over\xc0\xaflong", "over??long" },
                { "cut\xe2\x82", "cut??" },
                { "\xed\xa0\x80", "???" },
                { many, NULL },
        };

        memset(many, 'x', sizeof(many) - 1);
        many[sizeof(many) - 1] = '\0';
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct profile_set set = { 0 };
                struct bodies bodies;

                profile_set_add(&set, make_profile(1, ""));
                profile_set_attribute(set.items[0], "k8s.pod.name", rows[i].value);
                split(&send_pyroscope, &set, &bodies);
                struct json_object *series = series_at(&bodies.items[0], 0, 1);
                if (rows[i].wanted)
                        cr_expect_str_eq(label(series, "pod"), rows[i].wanted, "row %zu", i);
                else
                        cr_expect_eq(strlen(label(series, "pod")), 2048);
                json_object_put(series);
                bodies_deinit(&bodies);
                profile_set_deinit(&set);
        }
}

/* 16 000 samples are one too many; 3 MiB of pprof 1 MiB. */
Test(send_protocol, pyroscope_limits)
{
        const struct {
                size_t stacks, padding, bodies;
        } rows[] = { { 15999, 0, 1 }, { 16000, 0, 2 }, { 1000, 1900, 1 }, { 1000, 3000, 2 } };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct profile_set set = { 0 };
                struct bodies bodies;
                char padding[4000];

                memset(padding, 'x', rows[i].padding);
                padding[rows[i].padding] = '\0';
                profile_set_add(&set, make_profile(rows[i].stacks, padding));
                split(&send_pyroscope, &set, &bodies);
                cr_expect_eq(bodies.n, rows[i].bodies, "row %zu: %zu", i, bodies.n);
                cr_expect_eq(bodies.too_large, 0);
                bodies_deinit(&bodies);
                profile_set_deinit(&set);
        }
}

/* ---- halving ------------------------------------------------------------- */

Test(send_protocol, halves_of_a_body)
{
        static const struct send_protocol *const protocols[] = { &send_otlp, &send_pyroscope };
        static const char *const junk[] = { "",
                                            "{}",
                                            "[]",
                                            "7",
                                            "null",
                                            "{\"series\":7}",
                                            "{\"series\":[",
                                            "\xff",
                                            "{\"resourceProfiles\":[]}",
                                            "{\"series\":[]}" };

        for (size_t i = 0; i < 2; i++) {
                struct send_body halves[2], whole;
                struct profile_set set = { 0 };

                for (int k = 0; k < 5; k++)
                        profile_set_add(&set, make_profile(1, ""));
                cr_assert_eq(protocols[i]->encode(&set, &whole), 0);
                cr_assert_eq(protocols[i]->halve(&whole, halves), 0);
                const struct profile_set first = { .items = set.items, .n = 2 },
                                         second = { .items = set.items + 2, .n = 3 };
                free(whole.text);
                cr_assert_eq(protocols[i]->encode(&first, &whole), 0);
                cr_expect_str_eq(halves[0].text, whole.text);
                free(whole.text);
                cr_assert_eq(protocols[i]->encode(&second, &whole), 0);
                cr_expect_str_eq(halves[1].text, whole.text);
                free(whole.text);
                free(halves[0].text);
                free(halves[1].text);

                const struct profile_set one = { .items = set.items, .n = 1 };
                cr_assert_eq(protocols[i]->encode(&one, &whole), 0);
                cr_expect_eq(protocols[i]->halve(&whole, halves), -E2BIG);
                free(whole.text);
                for (size_t k = 0; k < sizeof(junk) / sizeof(junk[0]); k++) {
                        char *text = strdup(junk[k]);
                        int r = protocols[i]->halve(&(struct send_body){ text, strlen(text) }, halves);
                        cr_expect(r == -EINVAL || r == -E2BIG, "%s: %s", protocols[i]->name, junk[k]);
                        free(text);
                }
                profile_set_deinit(&set);
        }
}
