/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_WATCH_H
#define HTTP_CLIENT_WATCH_H

/* Small files that people replace while podflame runs: secrets, certificates. */

#include <stdbool.h>
#include <sys/stat.h>

struct http_client_watch {
        char *path; /* NULL: there is no file, and it never changes */
        struct stat seen;
};

/* @path may be NULL. -ENOMEM, or the errno of opening the file. */
int http_client_watch_init(struct http_client_watch *watch, const char *path);
void http_client_watch_deinit(struct http_client_watch *watch); /* accepts {0} */

/*
 * Whether the path leads to another file, or the file was written, since the last call. A file that is gone has not
 * changed.
 */
bool http_client_watch_changed(struct http_client_watch *watch);

/* Reads the whole file as text, allocated. -EFBIG if it is longer than secrets are, -EINVAL if it has a zero byte. */
int http_client_watch_read(const struct http_client_watch *watch, char **ret);

#endif
