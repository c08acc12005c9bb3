/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes: they check requests, and answer them as JSON.
 *
 * Bodies must have the type application/json. A web page of another origin cannot send that type without a preflight
 * request, which is never answered. So no page that someone visits can post to a collector on loopback.
 */
#include "agent/collect/api.h"
#include "agent/base/base.h"
#include "agent/collect/answer.h"
#include "agent/collect/ingest.h"
#include "agent/collect/json.h"
#include "agent/collect/page.h"
#include "agent/collect/query.h"
#include "agent/format/format.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECOND_NS 1000000000

#define DEFAULT_RANGE_S 900

/* The year 2255: it fits in 63 bits of nanoseconds, with room to calculate. */
#define SECONDS_MAX 9000000000.0

#define TOP_DEFAULT 100
#define TOP_MAX 10000

/* The most stacks of a tree. A browser draws this number with ease; they take some megabytes. */
#define TREE_MAX 10000

/* The most bytes of an unpacked body: twice what podflame sends at a time. */
#define UNPACKED_MAX_BYTES ((size_t)32 << 20)

/* The longest key. A UUID has 36 characters; other senders' keys may be longer. */
#define KEY_MAX 128

static int64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* Answers with JSON. Consumes @body; NULL means that memory ran out. */
static void answer_json(struct http_answer *ret, char *body)
{
        if (!body) {
                collect_refuse(ret, 500, "out of memory");
                return;
        }
        *ret = (struct http_answer){ .status = 200, .type = "application/json", .body = body, .len = strlen(body) };
}

static void answer_error(struct http_answer *ret, int r)
{
        switch (r) {
        case -ENOENT:
                collect_refuse(ret, 404, "there is no such series");
                return;
        case -ENOSPC:
                collect_refuse(ret, 503, "the disk is full");
                return;
        case -ENOMEM:
                collect_refuse(ret, 503, "out of memory");
                return;
        default:
                collect_refuse(ret, 500, "the store cannot be used");
        }
}

/* ---- POST /v1development/profiles ----------------------------------------- */

static bool is_json(const char *type)
{
        static const char json[] = "application/json";

        return type && strncasecmp(type, json, strlen(json)) == 0 && strchr("; ", type[strlen(json)]);
}

/* Unpacks the body into @ret (malloc). False: @answer has the reason. */
static bool unpack_body(const struct http_request *request, char **ret, size_t *ret_len, struct http_answer *answer)
{
        const char *encoding = http_request_header(request, "Content-Encoding");
        size_t len;
        const void *body = http_request_body(request, &len);
        void *json = NULL;
        int r;

        if (encoding && strcasecmp(encoding, "gzip") == 0) {
                r = gzip_unpack(body, len, UNPACKED_MAX_BYTES, &json, ret_len);
        } else if (!encoding || strcasecmp(encoding, "identity") == 0) {
                json = malloc(len + 1);
                r = json ? 0 : -ENOMEM;
                if (json && len > 0)
                        memcpy(json, body, len);
                *ret_len = len;
        } else {
                collect_refuse(answer, 415, "the body's encoding is neither gzip nor identity");
                return false;
        }
        *ret = json;
        if (r == -EFBIG)
                collect_refuse(answer, 413, "the body is larger than 32 MiB when unpacked");
        else if (r == -ENOMEM)
                answer_error(answer, r);
        else if (r < 0)
                collect_refuse(answer, 400, "the body is not gzip");
        return r == 0;
}

static void ingest_export(struct collect_api *api, char *json, size_t len, const char *key, struct http_answer *ret)
{
        int64_t oldest = api->retain_s > 0 ? now_ns() / SECOND_NS - (int64_t)api->retain_s : 0;
        struct ingest_result result;
        const char *why = "the body is not an export of profiles";
        int r = collect_ingest(api->store, json, len, key, oldest > 0 ? oldest * SECOND_NS : 0, &result, &why);

        if (r == -EINVAL)
                collect_refuse(ret, 400, why);
        else if (r < 0)
                answer_error(ret, r);
        else
                answer_json(ret, collect_json_export(result.rejected, result.sentence));
}

static void post_profiles(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        const char *key = http_request_header(request, "Idempotency-Key");
        struct collect_api *api = ctx;
        char *json;
        size_t len;

        if (!is_json(http_request_header(request, "Content-Type"))) {
                collect_refuse(ret, 415, "the content type must be application/json");
                return;
        }
        if (key && strlen(key) > KEY_MAX) {
                collect_refuse(ret, 400, "the Idempotency-Key is longer than 128 bytes");
                return;
        }
        if (unpack_body(request, &json, &len, ret)) {
                ingest_export(api, json, len, key, ret);
                free(json);
                /* glibc would keep the memory for the next body. A body may have taken much more than its own size. */
                malloc_trim(0);
        }
}

/* ---- parameters ----------------------------------------------------------- */

/* Parses Unix seconds, which may have a fraction. */
static bool parse_moment(const char *text, int64_t *ret)
{
        double seconds;
        char *end;

        if (*text == '\0' || strspn(text, "0123456789.") != strlen(text))
                return false;
        seconds = strtod(text, &end);
        if (*end != '\0' || seconds > SECONDS_MAX)
                return false;
        *ret = (int64_t)(seconds * SECOND_NS);
        return true;
}

static bool parse_positive_number(const char *text, int64_t max, int64_t *ret)
{
        long long number;

        if (*text == '\0' || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
                return false;
        number = strtoll(text, NULL, 10);
        if (number < 1 || number > max)
                return false;
        *ret = number;
        return true;
}

/* Parses the range. NULL, or what is wrong. */
static const char *parse_range(const struct http_request *request, struct store_range *ret)
{
        const char *from = http_request_parameter(request, "from"), *to = http_request_parameter(request, "to");

        ret->to_ns = now_ns();
        if (to && !parse_moment(to, &ret->to_ns))
                return "\"to\" is not a time in Unix seconds";
        ret->from_ns = ret->to_ns - INT64_C(1) * DEFAULT_RANGE_S * SECOND_NS;
        if (from && !parse_moment(from, &ret->from_ns))
                return "\"from\" is not a time in Unix seconds";
        if (ret->from_ns >= ret->to_ns)
                return "\"from\" is not before \"to\"";
        return NULL;
}

static const char *parse_series(const struct http_request *request, int64_t *ret)
{
        const char *series = http_request_parameter(request, "series");

        if (series && strcmp(series, "all") != 0 && !parse_positive_number(series, INT64_MAX, ret))
                return "\"series\" is neither \"all\" nor a number";
        return NULL;
}

/* Parses a query. query->mode may point to @mode. */
static const char *parse_query(const struct http_request *request, enum profile_mode *mode, struct collect_query *query)
{
        const char *name = http_request_parameter(request, "mode");
        const char *why = parse_range(request, &query->range);

        if (!why)
                why = parse_series(request, &query->range.series);
        if (why || !name)
                return why;
        if (!profile_mode_parse(name, mode))
                return "\"mode\" is none of cpu, wall, gil and blame";
        query->mode = mode;
        return NULL;
}

/* ---- GET /api/v1/… -------------------------------------------------------- */

static int list_found_series(void *ctx, const struct store_found *found)
{
        return collect_json_list_add(ctx, found);
}

static void get_series(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct collect_api *api = ctx;
        struct store_range range = { 0 };
        const char *why = parse_range(request, &range);
        struct json_object *list;
        int r;

        if (why) {
                collect_refuse(ret, 400, why);
                return;
        }
        r = store_read_begin(api->store);
        if (r < 0) {
                answer_error(ret, r);
                return;
        }
        list = collect_json_list();
        r = list ? store_list(api->store, &range, list_found_series, list) : -ENOMEM;
        store_read_end(api->store);
        if (r == 0) {
                answer_json(ret, collect_json_list_text(list));
        } else {
                collect_json_list_free(list);
                answer_error(ret, r);
        }
}

/* Runs a query. @query says how, @request says what. False: @ret has the reason. */
static bool run_query(struct collect_api *api, const struct http_request *request, struct collect_query query,
                      struct profile_set *ret_set, struct collect_meta *ret_meta, struct http_answer *ret)
{
        enum profile_mode mode;
        const char *why = parse_query(request, &mode, &query);
        int r;

        if (why) {
                collect_refuse(ret, 400, why);
                return false;
        }
        r = collect_query(api->store, &query, ret_set, ret_meta);
        if (r < 0)
                answer_error(ret, r);
        return r == 0;
}

static int write_tree(const struct profile_set *set, const struct collect_meta *meta, char **ret, size_t *ret_len)
{
        char *text = collect_json_meta(meta);
        FILE *out = text ? open_memstream(ret, ret_len) : NULL;
        int r = out ? 0 : -ENOMEM;

        if (out) {
                fprintf(out, "{\"meta\":%s,\"tree\":", text);
                r = format_write_tree(set, out);
                fputc('}', out);
                if (fclose(out) != 0 && r == 0)
                        r = -ENOMEM;
        }
        free(text);
        return r;
}

static void get_tree(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct profile_set set = { 0 };
        struct collect_meta meta;
        char *body = NULL;
        size_t len;
        int r;

        if (!run_query(ctx, request, (struct collect_query){ .apart = true, .stacks_max = TREE_MAX }, &set, &meta, ret))
                return;
        r = write_tree(&set, &meta, &body, &len);
        profile_set_deinit(&set);
        if (r == 0) {
                *ret = (struct http_answer){ .status = 200, .type = "application/json", .body = body, .len = len };
        } else {
                free(body);
                answer_error(ret, r);
        }
}

static void answer_top(const struct profile_set *set, const struct collect_meta *meta, int64_t limit,
                       struct http_answer *ret)
{
        struct profile_top *tops = NULL;
        struct profile *shown = NULL;
        size_t n = 0;
        int r = set->n > 0 ? profile_view(set->items[0], PROFILE_VIEW_FOLDED, &shown) : 0;

        if (r == 0 && shown)
                r = profile_top(shown, (size_t)limit, &tops, &n);
        if (r == 0)
                answer_json(ret, collect_json_top(tops, n, meta->samples));
        else
                answer_error(ret, r);
        free(tops);
        profile_free(shown);
}

static void get_top(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        const char *text = http_request_parameter(request, "limit");
        struct profile_set set = { 0 };
        struct collect_meta meta;
        int64_t limit = TOP_DEFAULT;

        if (text && !parse_positive_number(text, TOP_MAX, &limit)) {
                collect_refuse(ret, 400, "\"limit\" is not a number from 1 to 10000");
                return;
        }
        if (!run_query(ctx, request, (struct collect_query){ 0 }, &set, &meta, ret))
                return;
        answer_top(&set, &meta, limit, ret);
        profile_set_deinit(&set);
}

/* ---- other routes ---------------------------------------------------------- */

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
        { .method = "POST", .path = "/v1development/profiles", .lane = HTTP_LANE_WRITES, .answer = post_profiles },
        { .method = "GET", .path = "/api/v1/series", .answer = get_series },
        { .method = "GET", .path = "/api/v1/tree", .answer = get_tree },
        { .method = "GET", .path = "/api/v1/top", .answer = get_top },
};
const size_t collect_routes_n = sizeof(collect_routes) / sizeof(collect_routes[0]);
