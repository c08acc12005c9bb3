/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a route's answer to libmicrohttpd's. Answers wait in memory until they are taken, and a client may be slow to
 * take them. So all waiting answers together are bounded. A single answer may be larger than the bound.
 */
#include "agent/base/base.h"
#include "agent/http/server/internal.h"
#include "agent/http/server/request.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX_BYTES ((size_t)32 << 20)

/* Answers of at least this many bytes are compressed. */
#define GZIP_MIN_BYTES 1024

/* Compresses an answer in place. If that fails, it is sent as it is. */
static bool compress_answer(struct http_answer *answer)
{
        void *packed;
        size_t len;

        if (gzip_pack(answer->body, answer->len, &packed, &len) < 0)
                return false;
        free(answer->body);
        answer->body = packed;
        answer->len = len;
        return true;
}

/* The names that an answer has: as a file, and as a version of what was asked. */
static void add_names(struct MHD_Response *response, const struct http_answer *answer)
{
        char line[512];

        if (answer->file) {
                snprintf(line, sizeof(line), "attachment; filename=\"%s\"", answer->file);
                MHD_add_response_header(response, "Content-Disposition", line);
        }
        if (*answer->tag) {
                snprintf(line, sizeof(line), "\"%s\"", answer->tag);
                MHD_add_response_header(response, "ETag", line);
        }
}

static void add_headers(struct MHD_Response *response, const struct http_answer *answer)
{
        const char *const headers[][2] = {
                { "Content-Type", answer->type },
                { "Content-Security-Policy", answer->policy ? answer->policy : "default-src 'none'" },
                { "X-Content-Type-Options", "nosniff" },
                { "Referrer-Policy", "no-referrer" },
                { "Cache-Control", "no-store" },
                { "Vary", "Accept-Encoding" },
                { "Connection", "close" },
        };

        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
                MHD_add_response_header(response, headers[i][0], headers[i][1]);
        add_names(response, answer);
        if (answer->status == MHD_HTTP_UNAUTHORIZED)
                MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"podflame\"");
        if (answer->status == MHD_HTTP_SERVICE_UNAVAILABLE)
                MHD_add_response_header(response, "Retry-After", "1");
}

/* Queues an answer, and consumes what @answer holds. */
static enum MHD_Result queue_answer(struct http_request *request, struct http_answer *answer, bool compressed)
{
        enum MHD_Result result = MHD_NO;
        struct MHD_Response *response = NULL;

        if (answer->body)
                response = MHD_create_response_from_buffer(answer->len, answer->body, MHD_RESPMEM_MUST_FREE);
        if (response) {
                add_headers(response, answer);
                if (compressed)
                        MHD_add_response_header(response, "Content-Encoding", "gzip");
                if (request->refused == MHD_HTTP_METHOD_NOT_ALLOWED)
                        MHD_add_response_header(response, "Allow", request->route->method);
                result = MHD_queue_response(request->connection, answer->status, response);
                MHD_destroy_response(response);
        } else {
                free(answer->body);
        }
        free(answer->policy);
        free(answer->file);
        return result;
}

/* Whether there is memory for the answer while it waits to be taken. It is counted until the request ends. */
static bool is_affordable(struct http_request *request, const struct http_answer *answer)
{
        size_t before = atomic_fetch_add(&request->serve->answered, answer->len);

        request->answer_len = answer->len;
        return before == 0 || before + answer->len <= ANSWERS_MAX_BYTES;
}

static void refuse_answer(struct http_request *request, struct http_answer *answer)
{
        atomic_fetch_sub(&request->serve->answered, request->answer_len);
        request->answer_len = 0;
        free(answer->body);
        free(answer->policy);
        free(answer->file);
        *answer = (struct http_answer){ 0 };
        request->serve->config.refuse(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "too many answers wait to be taken");
}

int http_server_reply(struct http_request *request)
{
        const char *accepted = http_request_header(request, "Accept-Encoding");
        struct http_answer answer = { 0 };
        bool compressed;

        if (request->refused)
                request->serve->config.refuse(&answer, request->refused, request->sentence);
        else
                request->route->answer(request->serve->config.ctx, request, &answer);
        compressed = answer.body && answer.len >= GZIP_MIN_BYTES && accepted && strstr(accepted, "gzip") &&
                     compress_answer(&answer);
        if (!is_affordable(request, &answer)) {
                refuse_answer(request, &answer);
                compressed = false;
        }
        return queue_answer(request, &answer, compressed);
}
