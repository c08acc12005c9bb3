/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

/* Small files that people replace under way: secrets, certificates. */

#include <stdbool.h>
#include <sys/stat.h>

struct client_watch {
        char *path; /* NULL: there is none, and it never changes */
        struct stat seen;
};

/* @path may be NULL. -ENOMEM, or why it cannot be opened. */
int client_watch_init(struct client_watch *watch, const char *path);
void client_watch_deinit(struct client_watch *watch); /* accepts {0} */

/* Whether it is another file or was written since the last call. One that is gone has not changed. */
bool client_watch_changed(struct client_watch *watch);

/* All of it as text, allocated. -EFBIG: more than secrets have; -EINVAL: a zero byte in it. */
int client_watch_read(const struct client_watch *watch, char **ret);

#endif
