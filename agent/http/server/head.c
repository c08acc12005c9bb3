/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request (RFC 9112), from strangers, as far as it must be known before a server takes the connection. */
#include "agent/http/server/head.h"

#include <stdbool.h>
#include <string.h>

static const char end_of_head[] = "\r\n\r\n";
static const char encoded_nul[] = "%00";
static const char version[] = "HTTP/1.";

struct span {
        const char *at;
        size_t len;
};

static bool has_text_in_span(struct span span, const char *text)
{
        return memmem(span.at, span.len, text, strlen(text)) != NULL;
}

/* Takes what stands before the next space; false: there is none. */
static bool take_word(struct span *rest, struct span *ret)
{
        const char *space = memchr(rest->at, ' ', rest->len);

        if (!space)
                return false;
        *ret = (struct span){ rest->at, (size_t)(space - rest->at) };
        rest->at += ret->len + 1;
        rest->len -= ret->len + 1;
        return true;
}

static bool read_request_line(struct span line, struct http_server_head *ret)
{
        struct span method, target;
        const char *query;

        if (!take_word(&line, &method) || !take_word(&line, &target) || method.len == 0 || target.len == 0)
                return false;
        if (line.len != strlen(version) + 1 || memcmp(line.at, version, strlen(version)) != 0)
                return false;
        if (has_text_in_span(target, encoded_nul))
                return false;
        if (target.at[0] == '?')
                return false;
        query = memchr(target.at, '?', target.len);
        *ret = (struct http_server_head){ .method = method.at,
                                          .method_len = method.len,
                                          .path = target.at,
                                          .path_len = query ? (size_t)(query - target.at) : target.len };
        return true;
}

enum http_server_head_state http_server_head_read(const char *bytes, size_t len, struct http_server_head *ret)
{
        const char *end = memmem(bytes, len, end_of_head, strlen(end_of_head));
        struct span head = { bytes, end ? (size_t)(end - bytes) + 2 : len };
        const char *line_end = memmem(head.at, head.len, "\r\n", 2);
        struct http_server_head found;

        if (head.len > 0 && memchr(head.at, '\0', head.len))
                return HTTP_SERVER_HEAD_WRONG;
        if (!line_end)
                return HTTP_SERVER_HEAD_PARTIAL;
        if (!read_request_line((struct span){ head.at, (size_t)(line_end - head.at) }, &found))
                return HTTP_SERVER_HEAD_WRONG;
        if (!end)
                return HTTP_SERVER_HEAD_PARTIAL;
        *ret = found;
        return HTTP_SERVER_HEAD_WHOLE;
}
