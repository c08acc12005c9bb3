/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_NSUTIL_HELPER_H
#define TESTS_NSUTIL_HELPER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Starts a child that calls @body and then waits to be killed; returns once @body
 * has returned 0. If it returns anything else, the child ends and -1 is returned.
 */
pid_t child_start(int (*body)(void *ctx), void *ctx);
void child_end(pid_t pid);

/* A body that does nothing. */
int child_idle(void *ctx);

/* A PID that is free: that of a child which has ended and been waited for. */
pid_t gone_pid(void);

/* A new empty directory; removed, with the files directly in it, by temp_remove(). */
void temp_make(char *ret, size_t size);
void temp_remove(const char *dir);

/* Writes @len bytes to a new file @dir/@name. */
void temp_write(const char *dir, const char *name, const void *data, size_t len);

/* Gives up the capabilities that map_files needs. */
void forgo_map_files(void);

/* Skips the test, or fails it where MUST_WORK is set, unless run by root. */
void require_root(void);
/* The same for any other condition. */
void require(int condition, const char *what);

#endif
