/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files are looked at before each request, not followed by inotify: requests are seconds apart. Kubernetes replaces
 * secrets by changing a symbolic link, which then leads to another file.
 */
#include "agent/http/client/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than tokens have. HTTP servers refuse headers of more than a few KiB. */
#define TEXT_MAX ((size_t)64 << 10)

int http_client_watch_init(struct http_client_watch *watch, const char *path)
{
        FILE *file;

        if (!path)
                return 0;
        file = fopen(path, "re");
        if (!file)
                return -errno;
        fclose(file);
        watch->path = strdup(path);
        if (!watch->path)
                return -ENOMEM;
        http_client_watch_changed(watch);
        return 0;
}

void http_client_watch_deinit(struct http_client_watch *watch)
{
        free(watch->path);
        *watch = (struct http_client_watch){ 0 };
}

bool http_client_watch_changed(struct http_client_watch *watch)
{
        const struct stat *seen = &watch->seen;
        struct stat now;

        if (!watch->path || stat(watch->path, &now) < 0)
                return false;
        if (now.st_dev == seen->st_dev && now.st_ino == seen->st_ino && now.st_size == seen->st_size &&
            now.st_mtim.tv_sec == seen->st_mtim.tv_sec && now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
                return false;
        watch->seen = now;
        return true;
}

int http_client_watch_read(const struct http_client_watch *watch, char **ret)
{
        FILE *file = fopen(watch->path, "re");
        char *text;
        size_t len;
        int r = 0;

        if (!file)
                return -errno;
        text = malloc(TEXT_MAX + 1);
        if (!text) {
                fclose(file);
                return -ENOMEM;
        }
        len = fread(text, 1, TEXT_MAX + 1, file);
        if (ferror(file))
                r = -EIO;
        else if (len > TEXT_MAX)
                r = -EFBIG;
        else if (memchr(text, '\0', len))
                r = -EINVAL;
        fclose(file);
        if (r < 0) {
                free(text);
                return r;
        }
        text[len] = '\0';
        *ret = text;
        return 0;
}
