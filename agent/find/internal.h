/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_INTERNAL_H
#define FIND_INTERNAL_H

/* What the files of find share with each other. */

#include "agent/find/find.h"

#include <stdbool.h>

/* Out of memory is the caller's to handle, not uthash's to exit on. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* ---- the machine's processes, as far as they are known (table.c) --------- */

enum find_kind {
        FIND_OTHER,      /* not Python so far */
        FIND_HOPELESS,   /* a thread of the kernel or a zombie: will never be Python */
        FIND_STARTING,   /* Python whose interpreter is not up yet */
        FIND_PYTHON,     /* reported born, with a struct pystack */
        FIND_UNREADABLE, /* reported born, without */
};

struct find_entry {
        pid_t pid;
        uint64_t start_time;  /* clock ticks since boot */
        uint64_t start_stack; /* another one after an exec; 0: not known */
        int pidfd;            /* of one that was reported, if descriptors suffice; else -1 */
        enum find_kind kind;
        int status;       /* why it is unreadable */
        uint64_t since;   /* ns since boot: when it was born, last executed a program, or was seen starting */
        uint64_t look_at; /* ns since boot: see whether it has executed a program */
        uint64_t open_at; /* ns since boot: try pystack again */
        uint64_t scan;    /* the last one that saw it */
        UT_hash_handle hh;
};

/* How processes are opened: by pystack, or by a test. */
struct find_ops {
        int (*open)(pid_t pid, struct pystack **ret, struct pystack_info *ret_info);
        void (*close)(struct pystack *py);
};

struct find {
        const struct find_ops *ops;
        char *docker_root;
        struct find_entry *entries;
        int epoll_fd; /* the pidfds of those reported */
        uint64_t scan;
};

int find_open_with(const struct find_config *config, const struct find_ops *ops, struct find **ret);

struct find_entry *find_table_get(const struct find *find, pid_t pid);

/* Adds @entry, which the table owns from then on; not if it fails. */
int find_table_add(struct find *find, struct find_entry *entry);

/* Removes and frees @entry. */
void find_table_remove(struct find *find, struct find_entry *entry);

/* A reported entry whose process has ended, NULL if there is none (any more). */
struct find_entry *find_table_ended(const struct find *find);

/* Watches for the end of @entry's process from now on. @pidfd is consumed; -1: none could be had. */
void find_table_watch(struct find *find, struct find_entry *entry, int pidfd);
void find_table_unwatch(struct find *find, struct find_entry *entry);

bool find_entry_is_reported(const struct find_entry *entry);

/* ---- is it Python? (classify.c) ------------------------------------------ */

/* Tries to open @entry's process, and reports it if it is Python. Says when to look again. */
void find_classify(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now);

/* ---- when to look again (schedule.c) ------------------------------------- */

/* Nanoseconds since boot, sleep included: the clock of the processes' start times. */
uint64_t find_now(void);
uint64_t find_ticks_to_ns(uint64_t ticks);

/* When to see whether a process has executed a program, and when to open it again. */
uint64_t find_next_look(pid_t pid, uint64_t since, uint64_t now);
uint64_t find_next_open(pid_t pid, uint64_t since, uint64_t now);

/* ---- text (clean.c) ------------------------------------------------------ */

/*
 * Copies hostile text: whatever could confuse a terminal or a page (control and
 * direction characters, invalid UTF-8) becomes '?'. Cut to @size between characters.
 */
void find_clean(const char *text, size_t len, char *ret, size_t size);

/* The part of @path after its last slash. */
const char *find_basename(const char *path);

/* The value of @name in the text of /proc/PID/environ, NULL if it is not set or empty. */
const char *find_environ_get(const char *text, size_t len, const char *name, size_t *ret_len);

/* ---- names of containers (names.c and its sources) ----------------------- */

struct find_names {
        char name[FIND_NAME_SIZE];
        char image[FIND_NAME_SIZE];
};

/* Asks every source; what none of them knows is "". */
void find_names_get(const struct find *find, const char *id, struct find_names *ret);

/* Sources return whether they know the container; they find @ret empty. */
bool find_docker_names(const struct find *find, const char *id, struct find_names *ret);

/* The text of Docker's config.v2.json of a container. */
bool find_docker_parse(const char *text, size_t len, struct find_names *ret);

/* ---- containers by name (match.c) ---------------------------------------- */

/*
 * Chooses among @n containers the one called @name: by name or whole id, else by
 * the beginning of an id. Those that match are moved to the front, @ret_matches of
 * them. 0 (then it is one), FIND_E_UNKNOWN or FIND_E_AMBIGUOUS.
 */
int find_match(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches);

#endif
