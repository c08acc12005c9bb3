/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any texts of requests as what a collector is asked, one after the other, of a new store in memory. They come to its
 * routes as the server hands them over: the target split and decoded, headers by their names, the body whole. Whatever
 * comes is answered, with a status, and with JSON unless it is a page.
 */
#include "agent/base/base.h"
#include "agent/collect/api.h"
#include "agent/format/format.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FIELDS_MAX 16
#define REQUESTS_MAX 32

/* Between requests: ASCII's record separator. */
#define SEPARATOR 0x1e

struct field {
        char *name, *value;
};

struct http_request {
        char *method, *path;
        struct field parameters[FIELDS_MAX], headers[FIELDS_MAX];
        size_t parameters_n, headers_n;
        void *body;
        size_t len;
};

/* ---- what the routes ask of the server -------------------------------------------------- */

const char *http_request_parameter(const struct http_request *request, const char *name)
{
        for (size_t i = 0; i < request->parameters_n; i++)
                if (strcmp(request->parameters[i].name, name) == 0)
                        return request->parameters[i].value;
        return NULL;
}

void http_request_parameters(const struct http_request *request,
                             bool (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
        for (size_t i = 0; i < request->parameters_n; i++)
                if (!each(ctx, request->parameters[i].name, request->parameters[i].value))
                        return;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
        for (size_t i = 0; i < request->headers_n; i++)
                if (strcasecmp(request->headers[i].name, name) == 0)
                        return request->headers[i].value;
        return NULL;
}

const void *http_request_body(const struct http_request *request, size_t *ret_len)
{
        *ret_len = request->len;
        return request->body;
}

/* ---- a request of its text --------------------------------------------------------------- */

static void add(struct field *fields, size_t *n, char *name, char *value)
{
        if (name && value && *n < FIELDS_MAX)
                fields[(*n)++] = (struct field){ name, value };
}

/* %41 becomes A, in place; what is no such escape stays. */
static void unescape(char *text)
{
        char *out = text;

        for (; *text; text++, out++) {
                unsigned char byte;

                *out = *text;
                if (*text == '%' && isxdigit((unsigned char)text[1]) && sscanf(text + 1, "%2hhx", &byte) == 1 &&
                    isxdigit((unsigned char)text[2])) {
                        *out = (char)byte;
                        text += 2;
                }
        }
        *out = '\0';
}

static void split_target(struct http_request *request, char *target)
{
        char *query = target, *pair;

        request->path = strsep(&query, "?");
        unescape(request->path);
        while ((pair = strsep(&query, "&"))) {
                char *name = strsep(&pair, "=");

                unescape(name);
                if (pair)
                        unescape(pair);
                add(request->parameters, &request->parameters_n, name, pair);
        }
}

/* A body that says that it is packed, and is not, is packed here: few mutations of gzip's bytes would be any. */
static void pack(struct http_request *request)
{
        const char *encoding = http_request_header(request, "Content-Encoding");
        static const uint8_t magic[] = { 0x1f, 0x8b };
        void *packed;
        size_t len;

        if (!encoding || strcasecmp(encoding, "gzip") != 0 ||
            (request->len >= sizeof magic && memcmp(request->body, magic, sizeof magic) == 0) ||
            gzip_pack(request->body, request->len, &packed, &len) != 0)
                return;
        free(request->body);
        request->body = packed;
        request->len = len;
}

/* @text is written over; its last byte is a NUL, which is not counted. */
static void split(struct http_request *request, char *text, size_t len)
{
        char *end = text + len, *line = text, *rest;

        *request = (struct http_request){ 0 };
        rest = strsep(&line, "\n");
        request->method = strsep(&rest, " ");
        static char nothing[] = "";
        split_target(request, rest ? rest : nothing);
        while (line && *line && *line != '\n') {
                char *value = strsep(&line, "\n");
                char *name = strsep(&value, ":");

                add(request->headers, &request->headers_n, name, value ? value + strspn(value, " ") : NULL);
        }
        if (line && *line == '\n')
                line++;
        request->len = line && line < end ? (size_t)(end - line) : 0;
        request->body = malloc(request->len ? request->len : 1); /* just as long: a byte beyond is found */
        if (request->body && request->len > 0)
                memcpy(request->body, line, request->len);
        pack(request);
}

/* ---- answers ------------------------------------------------------------------------------ */

static void check_answer(struct http_answer *answer)
{
        if (answer->status < 200 || answer->status > 503 || !answer->type || !answer->body)
                abort();
        if (strcmp(answer->type, "application/json") == 0) {
                struct json_object *json = json_tokener_parse(answer->body);

                if (!json)
                        abort();
                json_object_put(json);
        }
        free(answer->body);
        free(answer->policy);
        free(answer->file);
}

static void ask(struct collect_api *api, struct http_request *request)
{
        for (size_t i = 0; i < collect_routes_n; i++) {
                struct http_answer answer = { 0 };

                if (strcmp(collect_routes[i].method, request->method) != 0 ||
                    strcmp(collect_routes[i].path, request->path) != 0)
                        continue;
                collect_routes[i].answer(api, request, &answer);
                check_answer(&answer);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct collect_api api = { 0 };
        char reason[256], *text = malloc(len + 1), *at = text;
        size_t left = len;

        if (!text || store_open(NULL, &api.store, reason, sizeof reason) != 0)
                abort();
        memcpy(text, data, len);
        text[len] = '\0';
        for (unsigned i = 0; i < REQUESTS_MAX && left > 0; i++) {
                struct http_request request;
                char *end = memchr(at, SEPARATOR, left);
                size_t one = end ? (size_t)(end - at) : left;

                at[one] = '\0';
                split(&request, at, one);
                if (request.body)
                        ask(&api, &request);
                free(request.body);
                at += one + (end != NULL);
                left -= one + (end != NULL);
        }
        store_retain(api.store, 1, 1, 1);
        store_close(api.store);
        free(text);
        return 0;
}
