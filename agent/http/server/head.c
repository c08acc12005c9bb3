/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an untrusted request (RFC 9112): what must be known before libmicrohttpd gets the connection. */
#include "agent/http/server/head.h"

#include <stdbool.h>
#include <string.h>

static const char end_of_head[] = "\r\n\r\n";
static const char encoded_nul[] = "%00";
static const char version[] = "HTTP/1.";

struct piece {
        const char *at;
        size_t len;
};

static bool has_text(struct piece piece, const char *text)
{
        return memmem(piece.at, piece.len, text, strlen(text)) != NULL;
}

/* Takes the word before the next space. False if there is no space. */
static bool take_word(struct piece *rest, struct piece *ret)
{
        const char *space = memchr(rest->at, ' ', rest->len);

        if (!space)
                return false;
        *ret = (struct piece){ rest->at, (size_t)(space - rest->at) };
        rest->at += ret->len + 1;
        rest->len -= ret->len + 1;
        return true;
}

static bool read_request_line(struct piece line, struct http_server_head *ret)
{
        struct piece method, target;
        const char *query;

        if (!take_word(&line, &method) || !take_word(&line, &target) || method.len == 0 || target.len == 0)
                return false;
        if (line.len != strlen(version) + 1 || memcmp(line.at, version, strlen(version)) != 0)
                return false;
        if (has_text(target, encoded_nul))
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
        struct piece head = { bytes, end ? (size_t)(end - bytes) + 2 : len };
        const char *line_end = memmem(head.at, head.len, "\r\n", 2);
        struct http_server_head found;

        if (head.len > 0 && memchr(head.at, '\0', head.len))
                return HTTP_SERVER_HEAD_WRONG;
        if (!line_end)
                return HTTP_SERVER_HEAD_PARTIAL;
        if (!read_request_line((struct piece){ head.at, (size_t)(line_end - head.at) }, &found))
                return HTTP_SERVER_HEAD_WRONG;
        if (!end)
                return HTTP_SERVER_HEAD_PARTIAL;
        *ret = found;
        return HTTP_SERVER_HEAD_WHOLE;
}
