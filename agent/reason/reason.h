/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REASON_H
#define REASON_H

/*
 * reason: words for why a thread does not run. What the kernel says of that is nsutil's (nsutil/waiting.h).
 */

#include "nsutil/nsutil.h"

#include <stddef.h>

/* Holds the longest words: a path of which every byte is escaped, and what stands before it. */
#define REASON_SIZE (4 * NSUTIL_WAIT_PATH_SIZE + 128)

/* One word: "cpu", "sleep", "io", "futex", "lock", "child", "signal", "page", "stopped", "frozen" or "unknown". */
const char *reason_word(enum nsutil_wait_kind kind);

/*
 * What is waited for, in words: "sleep", "socket 10.0.0.7:5432", "listening socket [::]:80", "pipe",
 * "file /var/lib/x", "lock on file /run/x", "one of 12 descriptors", "unknown". @detail: NULL if there is none.
 * What the process chose of it, paths and names, is clean text. Cut to @size, which is at least 1.
 */
void reason_words(const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail, char *ret, size_t size);

#endif
