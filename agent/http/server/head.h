/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_HEAD_H
#define HTTP_SERVER_HEAD_H

#include <stddef.h>

/* A longer head is refused: the longest token takes 4 KiB of it. */
#define HTTP_SERVER_HEAD_MAX (16 << 10)

enum http_server_head_state {
        HTTP_SERVER_HEAD_PARTIAL, /* so far it may become one */
        HTTP_SERVER_HEAD_WHOLE,
        HTTP_SERVER_HEAD_WRONG, /* it is no request that this server answers */
};

/* Points into the head. Not terminated. */
struct http_server_head {
        const char *method, *path; /* the path as it is written, up to its query */
        size_t method_len, path_len;
};

/*
 * Looks at the first @len bytes of a connection. The request line is all that is
 * understood of them: it tells who is to answer. @ret is set for a whole head only.
 * A target without a path is wrong. A NUL is wrong wherever it stands, also as %00 in
 * the path or the query: it would end the strings that others see.
 */
enum http_server_head_state http_server_head_read(const char *bytes, size_t len, struct http_server_head *ret);

#endif
