/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"
#include "push.pb-c.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
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
        char *copy = malloc(body->len + 1);
        memcpy(copy, body->text, body->len + 1);
        bodies->items[bodies->n++] = (struct send_body){ copy, body->len };
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
static int encode_few(const struct profile_set *set, bool all_labels, struct send_body *ret)
{
        uint64_t total = 0, ticks = 0;
        char *text;

        cr_assert(!all_labels);

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

/* The request; all of it is valid until it is freed by push__request__free_unpacked(). */
static Push__Request *request_of(const struct send_body *body, size_t n)
{
        Push__Request *request = push__request__unpack(NULL, body->len, (const uint8_t *)body->text);

        cr_assert(request);
        cr_assert_eq(request->n_series, n);
        return request;
}

/* "" if there is none. */
static const char *label(const Push__Series *series, const char *name)
{
        for (size_t i = 0; i < series->n_labels; i++) {
                if (strcmp(series->labels[i]->name, name) == 0)
                        return series->labels[i]->value;
        }
        return "";
}

Test(send_protocol, pyroscope_series)
{
        static const struct {
                enum profile_mode mode;
                const char *name;
        } rows[] = { { PROFILE_MODE_CPU, "process_cpu" },
                     { PROFILE_MODE_WALL, "wall" },
                     { PROFILE_MODE_GIL, "gil" },
                     { PROFILE_MODE_BLAME, "gil_wait" } };
        struct profile_set set = { 0 };
        struct bodies bodies;

        for (size_t i = 0; i < 4; i++) {
                struct profile *p = make_profile(3, "");
                struct profile_settings settings = *profile_settings(p);

                settings.mode = rows[i].mode;
                profile_set_settings(p, &settings);
                profile_set_attribute(p, "k8s.namespace.name", "prod");
                profile_set_attribute(p, "k8s.pod.name", "billing-7d9f-x2x1p");
                profile_set_attribute(p, "k8s.pod.label.pod-template-hash", "7d9f");
                profile_set_attribute(p, "container.name", "k8s_api_billing_0123_7");
                profile_set_attribute(p, "k8s.container.name", "api");
                profile_set_attribute(p, "host.name", "n1");
                profile_set_add(&set, p);
        }
        profile_set_add(&set, profile_new());
        split(&send_pyroscope, &set, &bodies);
        cr_assert_eq(bodies.n, 1);

        Push__Request *request = request_of(&bodies.items[0], 4);
        for (size_t i = 0; i < 4; i++) {
                cr_expect_str_eq(label(request->series[i], "__name__"), rows[i].name);
                cr_expect_str_eq(label(request->series[i], "service_name"), "billing");
                cr_expect_str_eq(label(request->series[i], "namespace"), "prod");
                cr_expect_str_eq(label(request->series[i], "workload"), "Deployment/billing");
                cr_expect_str_eq(label(request->series[i], "pod"), "billing-7d9f-x2x1p");
                cr_expect_str_eq(label(request->series[i], "container"), "api");
                cr_expect_str_eq(label(request->series[i], "node"), "n1");
                cr_expect_eq(request->series[i]->n_labels, 7);
        }
        push__request__free_unpacked(request, NULL);
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
                { "k8s.pod.label.pod-template-hash", "7d9f" },
        };
        static const size_t labels[] = { 6, 8 };

        for (int all = 0; all < 2; all++) {
                struct profile_set set = { 0 };
                struct profile *p = make_profile(3, "");
                struct send_body body;

                for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                        profile_set_attribute(p, others[i][0], others[i][1]);
                profile_set_add(&set, p);
                cr_assert_eq(send_pyroscope.encode(&set, all, &body), 0);

                Push__Request *request = request_of(&body, 1);
                const Push__Series *series = request->series[0];
                cr_expect_str_eq(label(series, "team"), "a");
                cr_expect_str_eq(label(series, "Deployment_environment"), "prod");
                cr_expect_str_eq(label(series, "_9lives"), "9");
                cr_expect_str_eq(label(series, "service_name"), "billing");
                cr_expect_str_eq(label(series, "x_y"), "last");
                cr_expect_str_eq(label(series, "__name__"), "process_cpu");
                cr_expect_str_eq(label(series, "container_id"), all ? "0123" : "");
                cr_expect_eq(series->n_labels, labels[all], "%d: %zu", all, series->n_labels);
                push__request__free_unpacked(request, NULL);
                free(body.text);
                profile_set_deinit(&set);
        }
}

/* The pprof is what the format makes of the profile without threads; its id tells one content from another. */
Test(send_protocol, pyroscope_profile_is_pprof)
{
        struct profile_set set = { 0 };
        struct bodies bodies;
        void *wanted;
        size_t len;

        profile_set_add(&set, make_profile(3, ""));
        profile_set_add(&set, make_profile(4, ""));
        profile_set_add(&set, make_profile(3, ""));
        cr_assert_eq(format_send_pprof(set.items[0], false, &wanted, &len), 0);

        split(&send_pyroscope, &set, &bodies);
        Push__Request *request = request_of(&bodies.items[0], 3);
        const Push__Sample *samples[3];
        for (size_t i = 0; i < 3; i++) {
                cr_assert_eq(request->series[i]->n_samples, 1);
                samples[i] = request->series[i]->samples[0];
                cr_assert_eq(strlen(samples[i]->id), 36);
        }
        cr_assert_eq(samples[0]->raw_profile.len, len);
        cr_assert_eq(memcmp(samples[0]->raw_profile.data, wanted, len), 0);
        cr_expect_str_eq(samples[0]->id, samples[2]->id);
        cr_expect_str_neq(samples[0]->id, samples[1]->id);
        push__request__free_unpacked(request, NULL);
        free(wanted);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
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
                Push__Request *request = request_of(&bodies.items[0], 1);
                if (rows[i].wanted)
                        cr_expect_str_eq(label(request->series[0], "pod"), rows[i].wanted, "row %zu", i);
                else
                        cr_expect_eq(strlen(label(request->series[0], "pod")), 2048);
                push__request__free_unpacked(request, NULL);
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

/* Several profiles share a body of 512 KiB; what is larger than that has one of its own. */
Test(send_protocol, pyroscope_bodies_are_small)
{
        struct profile_set set = { 0 };
        struct bodies bodies;
        char padding[1001];

        memset(padding, 'x', 1000);
        padding[1000] = '\0';
        for (size_t i = 0; i < 8; i++)
                profile_set_add(&set, make_profile(i == 7 ? 900 : 200, padding));
        split(&send_pyroscope, &set, &bodies);
        cr_assert_eq(bodies.n, 5);
        for (size_t i = 0; i < bodies.n; i++) {
                Push__Request *request = push__request__unpack(NULL, bodies.items[i].len,
                                                               (uint8_t *)bodies.items[i].text);

                cr_expect(bodies.items[i].len <= 513 << 10 || request->n_series == 1, "body %zu", i);
                push__request__free_unpacked(request, NULL);
        }
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

/* ---- dividing ------------------------------------------------------------ */

static void check_equal(const struct send_body *part, const struct send_protocol *protocol,
                        const struct profile_set *set)
{
        struct send_body wanted;

        cr_assert_eq(protocol->encode(set, false, &wanted), 0);
        cr_expect_eq(part->len, wanted.len, "%s", protocol->name);
        cr_expect(part->len == wanted.len && memcmp(part->text, wanted.text, part->len) == 0, "%s", protocol->name);
        free(wanted.text);
        free(part->text);
}

/* A part of a body is what the same profiles would have been sent as, with the same ids. */
Test(send_protocol, parts_of_a_body)
{
        static const struct send_protocol *const protocols[] = { &send_otlp, &send_pyroscope };
        static const struct send_choice some = { .items = { 1, 3, 4 }, .n = 3 }, wrong = { .items = { 5 }, .n = 1 };

        for (size_t i = 0; i < 2; i++) {
                struct send_body parts[5], whole;
                struct profile_set set = { 0 };

                for (size_t k = 0; k < 5; k++) {
                        profile_set_add(&set, make_profile(1 + k, ""));
                        profile_set_attribute(set.items[k], "container.id", "0123");
                }
                cr_assert_eq(protocols[i]->encode(&set, false, &whole), 0);
                cr_assert_eq(protocols[i]->count(&whole), 5);
                cr_assert_eq(protocols[i]->divide(&whole, false, NULL, 2, parts), 0);
                check_equal(&parts[0], protocols[i], &(struct profile_set){ .items = set.items, .n = 2 });
                check_equal(&parts[1], protocols[i], &(struct profile_set){ .items = set.items + 2, .n = 3 });
                cr_assert_eq(protocols[i]->divide(&whole, false, NULL, 5, parts), 0);
                for (size_t k = 0; k < 5; k++)
                        check_equal(&parts[k], protocols[i], &(struct profile_set){ .items = set.items + k, .n = 1 });
                cr_assert_eq(protocols[i]->divide(&whole, false, &some, 1, parts), 0);
                struct profile *chosen[] = { set.items[1], set.items[3], set.items[4] };
                check_equal(&parts[0], protocols[i], &(struct profile_set){ .items = chosen, .n = 3 });
                cr_expect_eq(protocols[i]->divide(&whole, false, NULL, 6, parts), -E2BIG);
                cr_expect_eq(protocols[i]->divide(&whole, false, &wrong, 1, parts), -EINVAL);
                free(whole.text);
                profile_set_deinit(&set);
        }
}

Test(send_protocol, junk_is_not_divided)
{
        static const struct send_protocol *const protocols[] = { &send_otlp, &send_pyroscope };
        static const char *const junk[] = { "",
                                            "{}",
                                            "[]",
                                            "7",
                                            "null",
                                            "{\"series\":7}",
                                            "\xff",
                                            "\n\x7f",
                                            "\n\x02",
                                            "\n\x01\n",
                                            "\x0a\xff\xff\xff\xff\x0f" };

        for (size_t i = 0; i < 2; i++) {
                for (size_t k = 0; k < sizeof(junk) / sizeof(junk[0]); k++) {
                        char *text = strdup(junk[k]);
                        const struct send_body body = { text, strlen(text) };
                        struct send_body halves[2];
                        int r = protocols[i]->divide(&body, false, NULL, 2, halves);

                        cr_expect(r == -EINVAL || r == -E2BIG, "%s: %s", protocols[i]->name, junk[k]);
                        cr_expect_leq(protocols[i]->count(&body), 0);
                        free(text);
                }
        }
}

/* ---- answers ------------------------------------------------------------- */

#define NAMED(index) \
        "push series with index " index " and id 0123 failed: resource_exhausted: push rate limit (4.0 MiB)"

Test(send_protocol, pyroscope_names_what_has_failed)
{
        static const struct {
                const char *answer;
                size_t n, first, last; /* n 0: it tells nothing */
        } rows[] = {
                { "", 0, 0, 0 },
                { "{\"code\":\"resource_exhausted\",\"message\":\"push rate limit (4.0 MiB) exceeded\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"" NAMED("3") "\"}", 1, 3, 3 },
                { "{\"code\":\"unknown\",\"message\":\"2 errors: " NAMED("12") "; " NAMED("3") "\"}", 2, 12, 3 },
                { "{\"code\":\"unknown\",\"message\":\"3 errors: " NAMED("12") "; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\": \"unknown\", \"message\": \"2 errors: " NAMED("12") "; " NAMED("3") "\"}", 2, 12, 3 },
                { "{\"code\": \"unknown\", \"message\": \"3 errors: " NAMED("12") "; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"2 errors: gzip: bad header; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"2 errors: " NAMED("3") "; " NAMED("3") "\"}", 0, 0, 0 },
                { "{\"code\":\"unknown\",\"message\":\"" NAMED("3") "; " NAMED("4") "\"}", 0, 0, 0 },
                { "\"message\":\"push series with index ", 0, 0, 0 },
                { "\"message\":\"push series with index x", 0, 0, 0 },
                { "\"message\":\"", 0, 0, 0 },
                { "\"message\":\"2", 0, 0, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                size_t len = strlen(rows[i].answer);
                struct send_choice failed = { .n = 0 };
                bool told = send_pyroscope.failed(guard_copy(rows[i].answer, len), len, &failed);

                cr_expect_eq(told, rows[i].n > 0, "row %zu", i);
                if (!told || rows[i].n == 0)
                        continue;
                cr_expect_eq(failed.n, rows[i].n, "row %zu", i);
                cr_expect_eq(failed.items[0], rows[i].first);
                cr_expect_eq(failed.items[failed.n - 1], rows[i].last);
        }
}
