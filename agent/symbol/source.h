/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_SOURCE_H
#define SYMBOL_SOURCE_H

/*
 * Opening and reading the files of processes. All of it is done by nsutil_attempt(), so that a file that does not
 * answer holds nobody up for longer than NSUTIL_HANG_MS.
 */

#include "elfsym/elfsym.h"
#include "nsutil/nsutil.h"

#include <stdint.h>
#include <sys/types.h>

/* Tells a file from all others, and from what it was before somebody wrote to it. It has no padding. */
struct source_id {
        uint64_t dev, inode, size;
        int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct source {
        int fd;
        uid_t uid; /* of its owner */
        struct source_id id;
};

/* Opens the file of a mapping. Errors: of nsutil. The caller closes ret->fd. */
int source_open_map(pid_t pid, const struct nsutil_map *map, struct source *ret);

/* Opens @path in the root of process @pid. Likewise. */
int source_open_path(pid_t pid, const char *path, struct source *ret);

/*
 * Reads at most @max bytes from @from on. @fd is consumed. @ret_text is allocated, owned by the caller. NSUTIL_E_HANGS, or
 * a negative errno.
 */
int source_read(pid_t pid, int fd, uint64_t from, size_t max, char **ret_text, size_t *ret_len);

/* What a file has. */
struct source_table {
        char build_id[ELFSYM_BUILD_ID_SIZE]; /* "": none */
        enum elfsym_source source;
        struct elfsym_functions *functions; /* owned by the caller; NULL: none, or no ELF file */
};

/*
 * Reads a file's functions, from .symtab if it has that. @fd is consumed. 0 also if it is no ELF file. NSUTIL_E_HANGS,
 * or a negative errno.
 */
int source_load(pid_t pid, int fd, size_t bytes_max, struct source_table *ret);

#endif
