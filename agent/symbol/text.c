/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a process's file. Files that have no size, as those of procfs, have no text either. */
#include "text.h"

#include "source.h"

#include <errno.h>
#include <stdlib.h>

int symbol_file_open(pid_t pid, const char *path, struct symbol_file *ret)
{
        struct source source;
        int r = source_open_path(pid, path, &source);

        if (r != 0)
                return r;
        *ret = (struct symbol_file){
                .fd = source.fd,
                .dev = source.id.dev,
                .inode = source.id.inode,
                .size = source.id.size,
                .mtime_s = source.id.mtime_s,
                .mtime_ns = source.id.mtime_ns,
        };
        return 0;
}

int symbol_file_read(pid_t pid, const struct symbol_file *file, char **ret_text, size_t *ret_len)
{
        char *text;
        size_t len;
        /* One byte more: it shows whether the file has grown meanwhile, and else it is the NUL's. */
        int r = source_read(pid, file->fd, 0, (size_t)file->size + 1, &text, &len);

        if (r != 0)
                return r;
        if (len > file->size) {
                free(text);
                return -EAGAIN;
        }
        text[len] = '\0';
        *ret_text = text;
        *ret_len = len;
        return 0;
}

bool symbol_file_is(const struct symbol_file *a, const struct symbol_file *b)
{
        return a->dev == b->dev && a->inode == b->inode && a->size == b->size && a->mtime_s == b->mtime_s &&
               a->mtime_ns == b->mtime_ns;
}
