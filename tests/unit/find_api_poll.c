/* SPDX-License-Identifier: Apache-2.0 */
/* Names from Docker's API and the kubelet's: the parsers, and asking a server on a Unix socket. */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"
#include "tests/unit/support/unix_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SUITE(find_api_poll);

#define A "aad6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define B "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define POD "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288"

/* ---- parsers ---------------------------------------------------------------- */

static char seen[8192];

/* "ID name image pod namespace container uid first-label;" of each, the id cut. */
static void note(void *ctx, const char *id, const struct find_names *names)
{
        size_t len = strlen(seen);

        (void)ctx;
        snprintf(seen + len, sizeof(seen) - len, "%.4s %s %s %s %s %s %.4s %.99s;", id, names->name, names->image,
                 names->pod, names->pod_namespace, names->k8s_container, names->pod_uid, names->labels);
}

static const char *parse(const struct find_api_poll_kind *kind, const char *text)
{
        struct json_object *root = find_json_parse(guard_copy(text, strlen(text)), strlen(text));

        seen[0] = '\0';
        kind->parse(root, note, NULL);
        find_json_free(root);
        return seen;
}

Test(find_api_poll, docker)
{
        static const char *const cases[][2] = {
                { "[{\"Id\":\"" A "\",\"Names\":[\"/web\",\"/other/alias\"],\"Image\":\"shop:2\","
                  "\"Labels\":{\"app\":\"web\"}},{\"Id\":\"" B "\",\"Names\":null}]",
                  "aad6 web shop:2     app=web;b4d6       ;" },
                { "[{\"Id\":7,\"Names\":[\"/web\"]},{\"Id\":\"" B "\",\"Names\":\"web\",\"Image\":{}}]",
                  "b4d6       ;" },
                { "[{\"Id\":\"" A "\",\"Names\":[\"/w\\u001beb\"]}]", "aad6 w?eb      ;" },
                { "{\"message\":\"no\"}", "" },
                { "[]", "" },
                { "null", "" },
                { "[[],7,\"x\",null]", "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                cr_expect_str_eq(parse(&find_docker_api, cases[i][0]), cases[i][1], "%s", cases[i][0]);
}

#define METADATA \
        "\"metadata\":{\"name\":\"web-0\",\"namespace\":\"shop\",\"uid\":\"" POD "\",\"labels\":{\"app\":\"web\"}}"
#define STATUS(name, id) "{\"name\":\"" name "\",\"image\":\"i:1\",\"containerID\":\"" id "\"}"

Test(find_api_poll, kubelet)
{
        static const char *const cases[][2] = {
                { "{\"items\":[{" METADATA ",\"status\":{\"containerStatuses\":[" STATUS(
                          "app", "containerd://" A) "],"
                                                    "\"initContainerStatuses\":[" STATUS("init", "cri-o://" B) "]}}]}",
                  "aad6  i:1 web-0 shop app f6f2 app=web;b4d6  i:1 web-0 shop init f6f2 app=web;" },
                { "{\"items\":[{" METADATA ",\"status\":{\"containerStatuses\":[" STATUS("app", "") "," STATUS(
                          "x", A) ",{\"name\":\"y\"},7]}}]}",
                  "" },
                { "{\"items\":[{\"metadata\":[],\"status\":{\"ephemeralContainerStatuses\":[" STATUS(
                          "debug", "docker://" A) "]}}]}",
                  "aad6  i:1   debug  ;" },
                { "{\"items\":[{" METADATA "}]}", "" },
                { "{\"items\":{}}", "" },
                { "[]", "" },
                { "7", "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                cr_expect_str_eq(parse(&find_kubelet, cases[i][0]), cases[i][1], "%s", cases[i][0]);
}

#define LABELS(hash) "\"labels\":{\"pod-template-hash\":" hash "}"
#define OWNED(owners, labels)                                               \
        "{\"items\":[{\"metadata\":{\"ownerReferences\":" owners "," labels \
        "},\"status\":{\"containerStatuses\":[" STATUS("app", "containerd://" A) "]}}]}"
#define OWNER(kind, name, controller) "{\"kind\":" kind ",\"name\":" name ",\"controller\":" controller "}"

static void note_workload(void *ctx, const char *id, const struct find_names *names)
{
        (void)ctx, (void)id;
        snprintf(seen, sizeof(seen), "%d %s", (int)names->workload_kind, names->workload);
}

/* The controller that made a pod; of a ReplicaSet, the Deployment, if the pod's hash is the end of the ReplicaSet's name. */
Test(find_api_poll, workloads)
{
        static const struct {
                const char *text;
                enum find_workload kind;
                const char *name;
        } cases[] = {
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"web-7d9f\"", "true") "]", LABELS("\"7d9f\"")), FIND_DEPLOYMENT,
                  "web" },
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"a-7d9f-7d9f\"", "true") "]", LABELS("\"7d9f\"")),
                  FIND_DEPLOYMENT, "a-7d9f" },
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"web-7d9f\"", "true") "]", LABELS("\"other\"")), FIND_REPLICA_SET,
                  "web-7d9f" },
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"web7d9f\"", "true") "]", LABELS("\"7d9f\"")), FIND_REPLICA_SET,
                  "web7d9f" },
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"-7d9f\"", "true") "]", LABELS("\"7d9f\"")), FIND_REPLICA_SET,
                  "-7d9f" },
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"7d9f\"", "true") "]", LABELS("\"7d9f\"")), FIND_REPLICA_SET,
                  "7d9f" },
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"web-\"", "true") "]", LABELS("\"\"")), FIND_REPLICA_SET,
                  "web-" },
                { OWNED("[" OWNER("\"ReplicaSet\"", "\"web-7\"", "true") "]", LABELS("7")), FIND_REPLICA_SET, "web-7" },
                { OWNED("[" OWNER("\"StatefulSet\"", "\"db\"", "true") "]", LABELS("\"x\"")), FIND_STATEFUL_SET, "db" },
                { OWNED("[" OWNER("\"DaemonSet\"", "\"log\"", "true") "]", LABELS("\"x\"")), FIND_DAEMON_SET, "log" },
                { OWNED("[" OWNER("\"Job\"", "\"n\\u001bight\"", "true") "]", LABELS("\"x\"")), FIND_JOB, "n?ight" },
                { OWNED("[" OWNER("\"Job\"", "\"a\"", "false") "," OWNER("\"Job\"", "\"b\"", "true") "]",
                        LABELS("\"x\"")),
                  FIND_JOB, "b" },
                { OWNED("[" OWNER("\"Job\"", "\"a\"", "\"true\"") "]", LABELS("\"x\"")), FIND_NO_WORKLOAD, "" },
                { OWNED("[" OWNER("\"Node\"", "\"n\"", "true") "]", LABELS("\"x\"")), FIND_NO_WORKLOAD, "" },
                { OWNED("[" OWNER("\"Job\"", "\"\"", "true") "]", LABELS("\"x\"")), FIND_NO_WORKLOAD, "" },
                { OWNED("[" OWNER("7", "\"a\"", "true") "]", LABELS("\"x\"")), FIND_NO_WORKLOAD, "" },
                { OWNED("[7]", LABELS("\"x\"")), FIND_NO_WORKLOAD, "" },
                { OWNED("7", LABELS("\"x\"")), FIND_NO_WORKLOAD, "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct json_object *root = find_json_parse(guard_copy(cases[i].text, strlen(cases[i].text)),
                                                           strlen(cases[i].text));
                char expected[300];

                cr_assert_not_null(root, "%s", cases[i].text);
                snprintf(expected, sizeof(expected), "%d %s", (int)cases[i].kind, cases[i].name);
                find_kubelet_parse(root, note_workload, NULL);
                cr_expect_str_eq(seen, expected, "%s", cases[i].text);
                find_json_free(root);
        }
}

Test(find_api_poll, merging_adds_what_is_not_known)
{
        struct find_names names = { .name = "web", .pod = "a" };
        const struct find_names other = {
                .name = "x", .image = "i", .pod = "b", .has_labels = true, .labels = "k=v\0l=w\0"
        };

        find_names_merge(&names, &other);
        cr_expect_not(names.has_labels);
        find_names_merge_labels(&names, &other);
        cr_expect_str_eq(names.name, "web");
        cr_expect_str_eq(names.image, "i");
        cr_expect_str_eq(names.pod, "a");
        cr_expect(names.has_labels);
        cr_expect_eq(memcmp(names.labels, "k=v\0l=w\0", 9), 0);
        cr_expect_eq(names.workload_kind, FIND_NO_WORKLOAD);
        find_names_merge(&names, &(struct find_names){ .workload_kind = FIND_JOB, .workload = "a" });
        find_names_merge(&names, &(struct find_names){ .workload_kind = FIND_DAEMON_SET, .workload = "b" });
        cr_expect_eq(names.workload_kind, FIND_JOB);
        cr_expect_str_eq(names.workload, "a");
        find_names_merge_labels(&names, &(struct find_names){ .has_labels = true, .labels = "m=x\0" });
        cr_expect_eq(memcmp(names.labels, "k=v\0l=w\0", 9), 0);
}

/* ---- asking ------------------------------------------------------------------ */

/* Answers each request on a Unix socket with the same text. */
struct server {
        struct unix_server at;
        const char *answer;
        unsigned requests;
};

static void *serve(void *ctx)
{
        struct server *server = ctx;
        char request[4096];
        int fd;

        while ((fd = accept(server->at.fd, NULL, NULL)) >= 0) {
                ssize_t n = read(fd, request, sizeof(request) - 1);

                request[n > 0 ? n : 0] = '\0';
                if (!strncmp(request, "GET /containers/json HTTP/1.1\r\n", 31))
                        __atomic_fetch_add(&server->requests, 1, __ATOMIC_SEQ_CST);
                dprintf(fd, "%s", server->answer);
                close(fd);
        }
        return NULL;
}

static char problem[512];
static unsigned n_problems, n_repaired;

static void on_api(void *ctx, const char *api, const char *text)
{
        (void)ctx;
        cr_expect_str_eq(api, "Docker's API");
        snprintf(problem, sizeof(problem), "%s", text ? text : "");
        n_problems += text != NULL;
        n_repaired += text == NULL;
}

#define CLOSE "Connection: close\r\n\r\n"

Test(find_api_poll, an_unknown_container_is_asked_for)
{
        struct server server = { .answer = "HTTP/1.1 200 OK\r\n" CLOSE "[{\"Id\":\"" A "\",\"Names\":[\"/web\"]}]" };
        struct find find = { .on_api = on_api };
        struct find_api_poll *api;

        unix_server_start(&server.at, serve, &server);
        cr_assert_eq(find_api_poll_open(
                             &find_docker_api,
                             &(struct http_client_config){ .url = "http://docker", .unix_socket = server.at.path },
                             &api),
                     0);
        cr_expect_null(find_api_poll_get(&find, api, "web"));
        cr_expect_eq(__atomic_load_n(&server.requests, __ATOMIC_SEQ_CST), 0, "that is no id");
        const struct find_names *names = find_api_poll_get(&find, api, A);
        cr_assert_not_null(names);
        cr_expect_str_eq(names->name, "web");
        for (int i = 0; i < 5; i++) {
                cr_expect_not_null(find_api_poll_get(&find, api, A));
                cr_expect_null(find_api_poll_get(&find, api, B));
        }
        cr_expect_eq(__atomic_load_n(&server.requests, __ATOMIC_SEQ_CST), 1, "not more than once a second");
        cr_expect_eq(n_problems, 0);
        find_api_poll_close(api);
        unix_server_stop(&server.at);
}

Test(find_api_poll, wrong_answers)
{
        static const struct {
                const char *answer, *problem;
        } cases[] = {
                { "HTTP/1.1 403 Forbidden\r\n" CLOSE, "HTTP status 403" },
                { "HTTP/1.1 200 OK\r\n" CLOSE "[{", "its answer is not JSON" },
                { "HTTP/1.1 200 OK\r\n" CLOSE, "its answer is not JSON" },
                { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n" CLOSE, "HTTP status 302" },
                { "nonsense\r\n\r\n", "" },
                { "", "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct server server = { .answer = cases[i].answer };
                struct find find = { .on_api = on_api };
                struct find_api_poll *api;

                n_problems = 0;
                unix_server_start(&server.at, serve, &server);
                cr_assert_eq(find_api_poll_open(&find_docker_api,
                                                &(struct http_client_config){ .url = "http://docker",
                                                                              .unix_socket = server.at.path },
                                                &api),
                             0);
                for (int n = 0; n < 5; n++)
                        cr_expect_null(find_api_poll_get(&find, api, A));
                cr_expect_eq(n_problems, 1, "case %zu: %u", i, n_problems);
                cr_expect(problem[0] && strstr(problem, cases[i].problem), "case %zu: %s", i, problem);
                find_api_poll_close(api);
                unix_server_stop(&server.at);
        }
}

Test(find_api_poll, nobody_there)
{
        struct find find = { .on_api = on_api };
        struct find_api_poll *api;

        cr_assert_eq(find_api_poll_open(
                             &find_docker_api,
                             &(struct http_client_config){ .url = "http://docker", .unix_socket = "/nonexistent" },
                             &api),
                     0);
        cr_expect_null(find_api_poll_get(&find, api, A));
        cr_expect_eq(n_problems, 1);
        cr_expect_eq(n_repaired, 0);
        find_api_poll_close(api);
        cr_expect_eq(find_api_poll_open(&find_kubelet, &(struct http_client_config){ .url = "localhost:10250" }, &api),
                     HTTP_CLIENT_E_URL);
        cr_expect_eq(find_api_poll_open(&find_kubelet,
                                        &(struct http_client_config){ .url = "https://localhost:10250",
                                                                      .token_file = "/nonexistent" },
                                        &api),
                     HTTP_CLIENT_E_FILE);
}
