/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_NON_PYTHON_H
#define FIND_NON_PYTHON_H

/* Files that make no process a Python. Most processes of a busy machine have mapped nothing else. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What is read of a process is refused beyond this, and it is opened instead. 600 mappings fit. */
#define FIND_NON_PYTHON_MAPS_MAX ((size_t)64 << 10)

/* If more files are known than this, all are forgotten. A node of 110 pods runs some 3000. */
#define FIND_NON_PYTHON_FILES_MAX 8192

struct find_non_python;

/* Whether a file may make its process a Python: pystack_file_may_be_python(). */
typedef bool (*find_file_fn)(const char *path, int fd);

/* -ENOMEM. */
int find_non_python_new(find_file_fn may_be_python, struct find_non_python **ret);
void find_non_python_free(struct find_non_python *non_python); /* accepts NULL */

/*
 * Whether the code that @pid has mapped by now is all of files that make no process a Python. False if that is not
 * known. Takes some ten system calls, in a thread that may be left behind if the process holds it up: see
 * nsutil_attempt(). @non_python may be NULL: then nothing is known.
 */
bool find_non_python_has(struct find_non_python *non_python, pid_t pid);

/*
 * Whether @pid runs a program of which find_non_python_has() was asked several times, and found no Python each time. Takes
 * one system call, which asks neither the process nor a file system. It may load an interpreter later all the same.
 */
bool find_non_python_has_program(struct find_non_python *non_python, pid_t pid);

/* The program of @pid may be Python, whatever was found before. */
void find_non_python_forget_program(struct find_non_python *non_python, pid_t pid);

/*
 * Looks at files of @pid that are not known yet. It is the process that find_non_python_has() was asked about last. Takes a
 * fiftieth of a CPU at most. @non_python may be NULL.
 */
void find_non_python_learn(struct find_non_python *non_python, pid_t pid);

#endif
