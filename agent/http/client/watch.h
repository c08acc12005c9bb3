/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_WATCH_H
#define HTTP_CLIENT_WATCH_H

/* Small files that people replace under way: secrets, certificates. */

#include <stdbool.h>
#include <sys/stat.h>

struct http_client_watch {
        char *path; /* NULL: there is none, and it never changes */
        struct stat seen;
};

/* @path may be NULL. -ENOMEM, or why it cannot be opened. */
int http_client_watch_init(struct http_client_watch *watch, const char *path);
void http_client_watch_deinit(struct http_client_watch *watch); /* accepts {0} */

/* Whether it is another file or was written since the last call. One that is gone has not changed. */
bool http_client_watch_changed(struct http_client_watch *watch);

/* All of it as text, allocated. -EFBIG: more than secrets have; -EINVAL: a zero byte in it. */
int http_client_watch_read(const struct http_client_watch *watch, char **ret);

#endif
