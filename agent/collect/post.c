/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1development/profiles.
 *
 * Bodies must have the type application/json. A web page of another origin cannot send that type without a preflight
 * request, which is never answered. So no page that someone visits can post to a collector on loopback.
 */
#include "agent/base/base.h"
#include "agent/collect/answer.h"
#include "agent/collect/api.h"
#include "agent/collect/ingest.h"
#include "agent/collect/json.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SECOND_NS 1000000000

/* The most bytes of an unpacked body: twice what podflame sends at a time. */
#define UNPACKED_MAX_BYTES ((size_t)32 << 20)

/* The longest key. A UUID has 36 characters; other senders' keys may be longer. */
#define KEY_MAX 128

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
                collect_answer_error(answer, r);
        else if (r < 0)
                collect_refuse(answer, 400, "the body is not gzip");
        return r == 0;
}

static void ingest_export(struct collect_api *api, char *json, size_t len, const char *key, struct http_answer *ret)
{
        int64_t oldest = api->retain_s > 0 ? time(NULL) - (int64_t)api->retain_s : 0;
        struct ingest_result result;
        const char *why = "the body is not an export of profiles";
        int r = collect_ingest(api->store, json, len, key, oldest > 0 ? oldest * SECOND_NS : 0, &result, &why);

        if (r == -EINVAL)
                collect_refuse(ret, 400, why);
        else if (r < 0)
                collect_answer_error(ret, r);
        else
                collect_answer_json(ret, collect_json_export(result.rejected, result.sentence));
}

void collect_post_profiles(void *ctx, const struct http_request *request, struct http_answer *ret)
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
