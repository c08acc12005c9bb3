/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_EACH_THREAD_H
#define SAMPLE_EACH_THREAD_H

/* Visits all threads of a process, and those that it starts meanwhile. */

#include <sys/types.h>

/*
 * Calls @fn once for each thread of @pid, until there is no new one. @ret_n gets the number of threads.
 * 0, NSUTIL_E_GONE, negative errno, or the first result of @fn that is not 0.
 */
int each_thread(pid_t pid, int (*fn)(pid_t tid, void *ctx), void *ctx, unsigned *ret_n);

#endif
