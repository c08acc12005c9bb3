/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_WATCH_H
#define FIND_WATCH_H

/* Births, execs and ends, as the kernel reports them. */

#include "agent/find/find.h"

struct find_watch;

/* Opens a watch. -errno if the kernel refuses it. */
int find_watch_open(struct find_watch **ret);
void find_watch_close(struct find_watch *watch); /* accepts NULL */

/* A descriptor that becomes readable when there are births or execs. */
int find_watch_fd(const struct find_watch *watch);

struct find_news {
        enum {
                FIND_NEWS_BIRTH,
                FIND_NEWS_THREAD, /* the process has started another thread */
                FIND_NEWS_EXEC,   /* birth.at is not known */
                FIND_NEWS_END,    /* of the first thread; others may live on */
        } kind;
        struct find_birth birth;     /* its parent is 0, unless this is a birth */
        char name[NSUTIL_COMM_SIZE]; /* of an exec: that of the program, cut; else "" */
};
typedef void (*find_news_fn)(const struct find_news *news, void *ctx);

/*
 * Calls @each for what has become of processes since the last call. Returns how many records were read. @ret_lost
 * becomes true if records were lost. Births come first, ends last; each of these groups has the CPUs one after the
 * other.
 */
size_t find_watch_hear(struct find_watch *watch, find_news_fn each, void *ctx, bool *ret_lost);

#endif
