/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_TEXT_H
#define SYMBOL_TEXT_H

/*
 * The text of a process's file, such as a source file. It is a part of symbol.h, which includes it. As all files of
 * processes, it is opened below the process's root, is a regular one, and is on no file system that may never answer;
 * whoever holds it up is left alone: see nsutil_attempt().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct symbol_file {
        int fd;
        uint64_t dev, inode, size;
        int64_t mtime_s, mtime_ns;
};

/* Opens @path in the root of process @pid. Errors: of nsutil. The caller reads it, or closes ret->fd. */
int symbol_file_open(pid_t pid, const char *path, struct symbol_file *ret);

/*
 * Reads a whole file, whose size the caller has found to be small enough. file->fd is consumed. @ret_text is allocated
 * and ends with a NUL, which @ret_len does not count. -EAGAIN: it has grown meanwhile. NSUTIL_E_HANGS, or a negative
 * errno.
 */
int symbol_file_read(pid_t pid, const struct symbol_file *file, char **ret_text, size_t *ret_len);

/* Whether both are one file that nobody has written to in between. */
bool symbol_file_is(const struct symbol_file *a, const struct symbol_file *b);

#endif
