/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APIs that name all containers in one answer. The answer is remembered. The API is asked again when an unknown id
 * turns up, at most once a second. After a failure it is not asked for half a minute, since the scan waits for the
 * answer.
 */
#include "agent/find/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_NS UINT64_C(1000000000)
#define AFTER_FAILURE_NS UINT64_C(30000000000)

/* The scan waits for the answer. Both APIs are on this machine. */
#define TIMEOUT_MS 1000

/* The kubelet's answer has some 10 KiB for each pod, and a node has some hundred pods. */
#define ANSWER_MAX ((size_t)32 << 20)

#define MAX_CONTAINERS 4096

struct known {
        char id[NSUTIL_CONTAINER_ID_SIZE];
        UT_hash_handle hh;
        struct find_names names; /* memory for labels is allocated only as far as there are any */
};

struct find_api_poll {
        const struct find_api_poll_kind *kind;
        struct http_client *client;
        struct known *all;
        uint64_t ask_at; /* ns since boot */
        bool failed;     /* the last request failed */
};

int find_api_poll_open(const struct find_api_poll_kind *kind, const struct http_client_config *config,
                       struct find_api_poll **ret)
{
        struct http_client_config ours = *config;
        struct find_api_poll *api = calloc(1, sizeof(*api));

        if (!api)
                return -ENOMEM;
        ours.path = kind->path;
        ours.proxy = "";
        ours.timeout_ms = TIMEOUT_MS;
        ours.body_max = ANSWER_MAX;
        api->kind = kind;
        int r = http_client_open(&ours, &api->client);
        if (r == 0)
                *ret = api;
        else
                free(api);
        return r;
}

static void forget_containers(struct find_api_poll *api)
{
        struct known *known, *next;

        HASH_ITER(hh, api->all, known, next) {
                HASH_DEL(api->all, known);
                free(known);
        }
}

void find_api_poll_close(struct find_api_poll *api)
{
        if (!api)
                return;
        forget_containers(api);
        http_client_close(api->client);
        free(api);
}

/* The bytes of a row of labels, including the empty label at its end. */
static size_t labels_size(const char *labels)
{
        size_t n = 0;

        while (labels[n])
                n += strlen(labels + n) + 1;
        return n + 1;
}

static void add_container(void *ctx, const char *id, const struct find_names *names)
{
        struct find_api_poll *api = ctx;
        size_t size = offsetof(struct find_names, labels) + labels_size(names->labels);
        struct known *known, *same;

        if (!find_is_long_id(id) || HASH_COUNT(api->all) >= MAX_CONTAINERS)
                return;
        HASH_FIND_STR(api->all, id, same);
        known = same ? NULL : calloc(1, offsetof(struct known, names) + size);
        if (!known)
                return;
        memcpy(known->id, id, strlen(id) + 1);
        memcpy(&known->names, names, size);
        HASH_ADD_STR(api->all, id, known);
        if (!known->hh.tbl)
                free(known);
}

/* Asks the API. NULL, or what was wrong with the answer. */
static const char *request_containers(struct find_api_poll *api, char why[static HTTP_CLIENT_REASON_SIZE])
{
        static const char *const headers[] = { "Accept: application/json", NULL };
        const struct http_client_request request = { .headers = headers };
        struct http_client_answer answer;

        http_client_request(api->client, &request, &answer);
        if (answer.status <= 0)
                snprintf(why, HTTP_CLIENT_REASON_SIZE, "%s", answer.error);
        else if (answer.status != 200)
                snprintf(why, HTTP_CLIENT_REASON_SIZE, "HTTP status %ld", answer.status);
        if (answer.status != 200)
                return why;
        struct json_object *root = find_json_parse(answer.body, answer.len);
        if (!root)
                return answer.len == ANSWER_MAX ? "its answer is too large" : "its answer is not JSON";
        forget_containers(api);
        api->kind->parse(root, add_container, api);
        find_json_free(root);
        return NULL;
}

/* Calls on_api when a problem begins and when it ends. */
static void note_api_state(struct find *find, struct find_api_poll *api, const char *problem)
{
        bool changed = api->failed != (problem != NULL);

        api->failed = problem != NULL;
        if (changed && find->on_api)
                find->on_api(find->ctx, api->kind->name, problem);
}

const struct find_names *find_api_poll_get(struct find *find, struct find_api_poll *api, const char *id)
{
        char why[HTTP_CLIENT_REASON_SIZE];
        uint64_t now = find_now();
        struct known *known;

        HASH_FIND_STR(api->all, id, known);
        if (!known && now >= api->ask_at && find_is_long_id(id)) {
                note_api_state(find, api, request_containers(api, why));
                api->ask_at = find_now() + (api->failed ? AFTER_FAILURE_NS : ASK_AGAIN_NS);
                HASH_FIND_STR(api->all, id, known);
        }
        return known ? &known->names : NULL;
}
