/* SPDX-License-Identifier: Apache-2.0 */
/* The routes. Those of the API are answered by the files in questions/. */
#include "agent/collect/api.h"
#include "agent/collect/page.h"
#include "agent/collect/questions/questions.h"

#include <string.h>

static void get_page(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        (void)ctx;
        (void)request;
        collect_page(ret);
}

static void get_health(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        (void)ctx;
        (void)request;
        *ret = (struct http_answer){ .status = 200, .type = "text/plain", .body = strdup("ok\n"), .len = 3 };
}

const struct http_route collect_routes[] = {
        { .method = "GET", .path = "/", .open = true, .linked = true, .answer = get_page },
        { .method = "GET", .path = "/healthz", .lane = HTTP_LANE_PROBES, .open = true, .answer = get_health },
        { .method = "POST",
          .path = "/v1development/profiles",
          .lane = HTTP_LANE_WRITES,
          .answer = collect_post_profiles },
        { .method = "GET", .path = "/api/v1/series", .answer = question_series },
        { .method = "GET", .path = "/api/v1/groups", .answer = question_groups },
        { .method = "GET", .path = "/api/v1/timeline", .answer = question_timeline },
        { .method = "GET", .path = "/api/v1/tree", .answer = question_tree },
        { .method = "GET", .path = "/api/v1/top", .answer = question_top },
        { .method = "GET", .path = "/api/v1/openapi.json", .answer = question_openapi },
        { .method = "GET", .path = "/api/v1/compare", .answer = question_compare },
        { .method = "GET", .path = "/api/v1/export", .answer = question_export },
        { .method = "GET", .path = "/api/v1/function", .answer = question_function },
};
const size_t collect_routes_n = sizeof(collect_routes) / sizeof(collect_routes[0]);
