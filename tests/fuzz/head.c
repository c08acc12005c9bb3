/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the beginning of a connection, and as what a browser says of a page. A head that is whole stays so
 * whatever comes behind it; what is said to be in it lies in it; one that lacks something is not wrong yet.
 */
#include "agent/http/server/head.h"
#include "agent/http/server/origin.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_inside(const struct http_server_head *head, const char *bytes, size_t len)
{
        if (head->method < bytes || head->path < head->method + head->method_len || head->path_len == 0 ||
            head->path + head->path_len > bytes + len || memchr(head->path, '?', head->path_len))
                abort();
}

/* Byte by byte, as it may come: whole once, whole for ever; the same for wrong. */
static void read_growing(const char *bytes, size_t len)
{
        enum http_server_head_state state = HTTP_SERVER_HEAD_PARTIAL;
        struct http_server_head head;
        size_t step = len / 64 + 1;

        for (size_t n = 0; n <= len && state == HTTP_SERVER_HEAD_PARTIAL; n += step)
                state = http_server_head_read(bytes, n, &head);
        if (state == HTTP_SERVER_HEAD_WHOLE)
                check_inside(&head, bytes, len);
        if (state != HTTP_SERVER_HEAD_PARTIAL && http_server_head_read(bytes, len, &head) != state)
                abort();
}

/* Four headers, each ended by a NUL, then bits of the policy; an empty one is none. */
static void check_origin(const char *text, size_t len)
{
        const char *headers[4] = { 0 }, *end = text + len, *sentence = NULL;

        for (size_t i = 0; i < 4 && text < end; i++) {
                headers[i] = *text ? text : NULL;
                text += strlen(text) + 1;
        }
        struct http_server_origin from = { headers[0], headers[1], headers[2], headers[3] };
        unsigned bits = text < end ? (unsigned char)*text : 0;
        struct http_server_policy policy = { .local = bits & 1, .linked = bits & 2, .port = bits & 4 ? 80 : 4318 };
        unsigned status = http_server_origin_check(&from, &policy, &sentence);

        if (status != 0 && !sentence)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        char *text = malloc(len + 1);

        if (!text)
                return 0;
        memcpy(text, data, len);
        text[len] = '\0';
        check_origin(text, len);
        char *exact = realloc(text, len ? len : 1); /* a byte beyond is found */
        read_growing(exact, len);
        free(exact);
        return 0;
}
