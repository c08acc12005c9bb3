/* SPDX-License-Identifier: Apache-2.0 */
/* Making and unmaking a struct find. */
#include "agent/find/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int find_open_with(const struct find_config *config, const struct find_ops *ops, struct find **ret)
{
        struct find *find = calloc(1, sizeof(*find));
        int r = -ENOMEM;

        if (!find)
                return r;
        find->ops = ops;
        find->epoll_fd = -1;
        if (config && config->docker_root) {
                find->docker_root = strdup(config->docker_root);
                if (!find->docker_root)
                        goto out;
        }
        find->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (find->epoll_fd < 0) {
                r = -errno;
                goto out;
        }
        *ret = find;
        find = NULL;
        r = 0;
out:
        find_close(find);
        return r;
}

void find_close(struct find *find)
{
        struct find_entry *entry, *next;

        if (!find)
                return;
        HASH_ITER(hh, find->entries, entry, next)
                find_table_remove(find, entry);
        if (find->epoll_fd >= 0)
                close(find->epoll_fd);
        free(find->docker_root);
        free(find);
}
