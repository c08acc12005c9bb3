/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"
#include "push.pb-c.h"
#include "tests/unit/send_bodies.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(send_pyroscope);

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

Test(send_pyroscope, series)
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
                struct profile *p = bodies_profile(3, "");
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
        bodies_split(&send_pyroscope, &set, &bodies);
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
Test(send_pyroscope, other_labels)
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
                struct profile *p = bodies_profile(3, "");
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
Test(send_pyroscope, profile_is_pprof)
{
        struct profile_set set = { 0 };
        struct bodies bodies;
        void *wanted;
        size_t len;

        profile_set_add(&set, bodies_profile(3, ""));
        profile_set_add(&set, bodies_profile(4, ""));
        profile_set_add(&set, bodies_profile(3, ""));
        cr_assert_eq(format_send_pprof(set.items[0], false, &wanted, &len), 0);

        bodies_split(&send_pyroscope, &set, &bodies);
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

Test(send_pyroscope, labels_are_clean)
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

                profile_set_add(&set, bodies_profile(1, ""));
                profile_set_attribute(set.items[0], "k8s.pod.name", rows[i].value);
                bodies_split(&send_pyroscope, &set, &bodies);
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
Test(send_pyroscope, limits)
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
                profile_set_add(&set, bodies_profile(rows[i].stacks, padding));
                bodies_split(&send_pyroscope, &set, &bodies);
                cr_expect_eq(bodies.n, rows[i].bodies, "row %zu: %zu", i, bodies.n);
                cr_expect_eq(bodies.too_large, 0);
                bodies_deinit(&bodies);
                profile_set_deinit(&set);
        }
}

/* Several profiles share a body of 512 KiB; what is larger than that has one of its own. */
Test(send_pyroscope, bodies_are_small)
{
        struct profile_set set = { 0 };
        struct bodies bodies;
        char padding[1001];

        memset(padding, 'x', 1000);
        padding[1000] = '\0';
        for (size_t i = 0; i < 8; i++)
                profile_set_add(&set, bodies_profile(i == 7 ? 900 : 200, padding));
        bodies_split(&send_pyroscope, &set, &bodies);
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
