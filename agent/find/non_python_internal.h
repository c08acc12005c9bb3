/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_NON_PYTHON_INTERNAL_H
#define FIND_NON_PYTHON_INTERNAL_H

/* What the files of non_python share. */

#include "agent/find/internal.h"
#include "agent/find/non_python.h"

#include <sys/stat.h>

struct file {
        uint64_t key;
        uint64_t until; /* ns since boot: when it is forgotten */
        unsigned met;
        bool is_known, may_be_python;
        UT_hash_handle hh;
};

/* What is read of a process. */
struct maps_reading {
        pid_t pid;
        struct statx exe; /* its program; the inode is 0: not known */
        ino_t mounts;     /* the inode of its mount namespace; 0: not known */
        size_t len;       /* 0: it cannot be read, or is too long */
        char text[FIND_NON_PYTHON_MAPS_MAX];
};

struct find_non_python {
        find_file_fn may_be_python;
        uint64_t seed; /* so that nobody can make a file that is taken for another one */
        struct file *files;
        struct maps_reading *read; /* the last one; NULL: its process holds it up */
        uint64_t learn_at;         /* ns since boot */
};

/* A line of maps about code of a file. */
struct line {
        const char *text, *end;
        const char *file; /* the part that says which file it is: device, inode and path */
        ino_t inode;
};

/*
 * Takes the next line that is about code of a file: "START-END PERM OFFSET MAJOR:MINOR INODE   PATH". False at the end.
 * The kernel writes a newline in a path as \012.
 */
bool non_python_take_line(const char **at, const char *end, struct line *ret);

uint64_t non_python_key_of(const struct find_non_python *non_python, const struct maps_reading *read,
                           const struct line *line);

/* The key of a file that is known in the mount namespace of the process only. */
uint64_t non_python_key_within(const struct maps_reading *read, uint64_t key);

/* The file of @key. One that is new, or was not looked at for long, is added. NULL if memory ran out. */
struct file *non_python_get_file(struct find_non_python *non_python, uint64_t key);

/* What is known of a file, which has @key. NULL: nothing. */
const struct file *non_python_get_known(const struct find_non_python *non_python, const struct maps_reading *read,
                                        uint64_t key);

#endif
