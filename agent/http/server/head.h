/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_HEAD_H
#define HTTP_SERVER_HEAD_H

#include <stddef.h>

/* The longest head that is accepted. The longest token takes 4 KiB of it. */
#define HTTP_SERVER_HEAD_MAX (16 << 10)

enum http_server_head_state {
        HTTP_SERVER_HEAD_PARTIAL, /* the bytes may be the beginning of a head */
        HTTP_SERVER_HEAD_WHOLE,
        HTTP_SERVER_HEAD_WRONG, /* it is not a request that this server answers */
};

/* The pointers lead into the head. The strings have no NUL at their end. */
struct http_server_head {
        const char *method, *path; /* the path is as it was sent, up to its query */
        size_t method_len, path_len;
};

/*
 * Looks at the first @len bytes of a connection. Only the request line is parsed: it decides who answers. @ret is set
 * only if the head is whole. A target without a path is wrong. A NUL is wrong anywhere, also as %00 in the path or the
 * query: it would end the strings that others read.
 */
enum http_server_head_state http_server_head_read(const char *bytes, size_t len, struct http_server_head *ret);

#endif
