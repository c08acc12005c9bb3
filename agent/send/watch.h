/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_WATCH_H
#define SEND_WATCH_H

/* Small files that people replace under way: secrets, certificates. */

#include <stdbool.h>
#include <sys/stat.h>

struct send_watch {
        char *path; /* NULL: there is none, and it never changes */
        struct stat seen;
};

/* @path may be NULL. -ENOMEM, or why it cannot be opened. */
int send_watch_init(struct send_watch *watch, const char *path);
void send_watch_deinit(struct send_watch *watch); /* accepts {0} */

/* Whether it is another file or was written since the last call. One that is gone has not changed. */
bool send_watch_changed(struct send_watch *watch);

/* All of it as text, allocated. -EFBIG: more than secrets have; -EINVAL: a zero byte in it. */
int send_watch_read(const struct send_watch *watch, char **ret);

#endif
