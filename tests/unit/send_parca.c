/* SPDX-License-Identifier: Apache-2.0 */
/* Parca's push: what a body has, and that it is sent as it stands. */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "agent/http/client/client.h"
#include "agent/send/protocol.h"
#include "tests/unit/send_bodies.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(send_parca);

/* The series number @i of a body. */
static struct json_object *series_at(struct json_object *root, size_t i)
{
        struct json_object *list = NULL;

        cr_assert(json_object_object_get_ex(root, "series", &list));
        struct json_object *series = json_object_array_get_idx(list, i);
        cr_assert(series);
        return series;
}

/* The value of a label; "" if the series has none by that name. */
static const char *label(struct json_object *series, const char *name)
{
        struct json_object *set = NULL, *list = NULL, *key, *value;

        cr_assert(json_object_object_get_ex(series, "labels", &set) && json_object_object_get_ex(set, "labels", &list));
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *pair = json_object_array_get_idx(list, i);

                cr_assert(json_object_object_get_ex(pair, "name", &key) &&
                          json_object_object_get_ex(pair, "value", &value));
                if (strcmp(json_object_get_string(key), name) == 0)
                        return json_object_get_string(value);
        }
        return "";
}

/* The pprof, packed and in base64. */
static const char *raw_profile(struct json_object *series)
{
        struct json_object *samples = NULL, *raw = NULL;

        cr_assert(json_object_object_get_ex(series, "samples", &samples));
        cr_assert_eq(json_object_array_length(samples), 1);
        cr_assert(json_object_object_get_ex(json_object_array_get_idx(samples, 0), "rawProfile", &raw));
        return json_object_get_string(raw);
}

static char *base64_of_pprof(const struct profile *p)
{
        void *plain, *packed;
        size_t len, packed_len;

        cr_assert_eq(format_send_pprof(p, false, &plain, &len), 0);
        cr_assert_eq(gzip_pack(plain, len, &packed, &packed_len), 0);
        char *text = http_client_base64(packed, packed_len);
        free(plain);
        free(packed);
        return text;
}

Test(send_parca, a_body_has_labels_and_pprofs)
{
        struct profile_set set = { 0 };
        struct bodies bodies;

        profile_set_add(&set, bodies_profile(3, ""));
        profile_set_add(&set, bodies_profile(4, ""));
        profile_set_add(&set, profile_new());
        profile_set_attribute(set.items[0], "k8s.namespace.name", "quote\"d / caf\xc3\xa9");
        bodies_split(&send_parca, &set, &bodies);
        cr_assert_eq(bodies.n, 1);
        cr_assert_eq(send_body_count(&send_parca, &bodies.items[0]), 2);
        struct json_object *root = json_tokener_parse(bodies.items[0].text);
        for (size_t i = 0; i < 2; i++) {
                char *wanted = base64_of_pprof(set.items[i]);
                struct json_object *series = series_at(root, i);

                cr_expect_str_eq(label(series, "__name__"), "process_cpu");
                cr_expect_str_eq(label(series, "service_name"), "billing");
                cr_expect_str_eq(label(series, "namespace"), i == 0 ? "quote\"d / caf\xc3\xa9" : "");
                cr_expect_str_eq(raw_profile(series), wanted);
                free(wanted);
        }
        json_object_put(root);
        bodies_deinit(&bodies);
        profile_set_deinit(&set);
}

Test(send_parca, none_is_asked_without_profiles)
{
        const struct profile_set none = { 0 };
        struct send_body body;

        cr_assert_eq(send_parca.encode(&none, false, &body), 0);
        cr_expect_str_eq(body.text, "{\"series\":[]}");
        free(body.text);
}

/* Parca's gateway unpacks no body. */
Test(send_parca, bodies_are_sent_unpacked)
{
        static const struct step ok[] = { OK };
        struct server *server = server_start(0, ok, 1);
        struct send *send = open_with((struct send_config){ .protocol = "parca" }, server_port(server), NULL);

        send_one(send, "work");
        cr_assert_eq(wait_for_end(send, 1).delivered, 1);
        const struct request *request = server_request(server, 0);
        cr_expect_eq(strncmp(request->head, "POST /api/profiles/writeraw HTTP/1.1\r\n", 38), 0);
        cr_expect_str_eq(request_header(request, "Content-Type"), "application/json");
        cr_expect_str_eq(request_header(request, "Content-Encoding"), "(none)");
        cr_expect_eq(strncmp(request->body, "{\"series\":[{", 12), 0);
        send_close(send, 1000);
        server_stop(server);
}
