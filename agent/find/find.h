/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_H
#define FIND_H

/*
 * find: who on this machine is Python, and whose is it? Follows births, execs
 * and deaths, and gives each process its identity: (pid, start time), the
 * container and the pod it is in, their names, a service name; and says by the
 * user's rules whether it is to be profiled.
 *
 * Errors: negative -errno, positive find_error. A struct find is for one thread.
 */

#include "agent/http/http.h"
#include "nsutil/nsutil.h"
#include "pystack/pystack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum find_error {
        FIND_E_UNKNOWN = 1, /* no container of that name or id */
        FIND_E_AMBIGUOUS,   /* several: see the candidates */
        FIND_E_RULE,        /* not a rule: see the message */
};

/* Pods' names have up to 253 characters. */
#define FIND_NAME_SIZE 256

/* What Kubernetes makes DNS labels: namespaces and containers, up to 63 characters. */
#define FIND_LABEL_SIZE 64

#define FIND_RESOURCE_SIZE 1024
#define FIND_RULE_SIZE 256

struct find_process {
        pid_t pid;
        uint64_t start_time;      /* clock ticks since boot; with pid, the identity */
        char exe[FIND_NAME_SIZE]; /* these two escaped: see pystack_escape() */
        char cmdline[FIND_NAME_SIZE];
        char container_id[NSUTIL_CONTAINER_ID_SIZE]; /* "": of the host */
        char claimed_id
                [NSUTIL_CONTAINER_ID_SIZE];  /* whose name its cgroup has, elsewhere than that container is; or "" */
        char container_name[FIND_NAME_SIZE]; /* "": not known */
        char image[FIND_NAME_SIZE];          /* "": not known */
        char pod[FIND_NAME_SIZE];            /* these four "": not of Kubernetes, or not known */
        char pod_namespace[FIND_LABEL_SIZE];
        char k8s_container[FIND_LABEL_SIZE];
        char pod_uid[NSUTIL_POD_UID_SIZE];
        char node[FIND_NAME_SIZE];
        char service[FIND_NAME_SIZE];      /* never empty */
        char resource[FIND_RESOURCE_SIZE]; /* what else it says of itself: find_resource_next() */
        bool selected;                     /* by the rules; true where there are none */
        char rule[FIND_RULE_SIZE];         /* the rule that decided, "": none did */
        int status;                        /* 0, or why pystack_open() failed */
        struct pystack_info info;          /* version, file; detail when status is not 0 */
};

/*
 * Goes through the attributes that a process claims in OTEL_RESOURCE_ATTRIBUTES,
 * service.name and all that podflame says itself left out. *@ret_value is NULL
 * before the first; both point into @process. False after the last.
 */
bool find_resource_next(const struct find_process *process, const char **ret_key, const char **ret_value);

/* ---- rules ---------------------------------------------------------------- */

/*
 * KEY=GLOB[,KEY=GLOB]...: a rule matches if all of its globs do, "*" a slash too,
 * an empty one only what is not known; "\\," is a comma. A label is compared as
 * NAME=VALUE, and one of a container that matches is enough. The last rule that
 * matches decides. Where none does, a process is selected unless there are rules
 * that select.
 */
struct find_rules;

#define FIND_RULE_ERROR_SIZE 512

int find_rules_new(struct find_rules **ret);
void find_rules_free(struct find_rules *rules); /* accepts NULL */

/* FIND_E_RULE: @error says what is wrong with @text, and where. */
int find_rules_add(struct find_rules *rules, bool select, const char *text, char error[static FIND_RULE_ERROR_SIZE]);

/* ---- finding -------------------------------------------------------------- */

struct find;

struct find_config {
        /* Folders of the host, NULL for where they usually are; also looked for below PID 1's root. */
        const char *docker_root; /* /var/lib/docker */
        const char *podman_root; /* /var/lib/containers/storage */
        const char *log_root;    /* /var/log, with the kubelet's containers/ and pods/ */
        const char *run_root;    /* /run, with the bundles of containerd and CRI-O */
        const char *node;        /* NULL: $PODFLAME_NODE_NAME, $NODE_NAME, or the host's name */

        /*
         * APIs that are asked for what those files do not tell; NULL: not at all.
         * Their URLs are without a path, as unix_socket: that of Docker's API,
         * https://127.0.0.1:10250: the kubelet's. One that does not answer holds
         * up find_scan() for a second, twice a minute.
         */
        const struct http_client_config *docker_api;
        const struct http_client_config *kubelet;
        /* An API has stopped answering as it should, or does so again: @problem is NULL then. May be NULL. */
        void (*on_api)(void *ctx, const char *api, const char *problem);
        void *ctx;

        const struct find_rules *rules; /* borrowed; NULL: everything is selected */
        unsigned min_age_ms;            /* processes are left alone until so long after birth or exec */
        bool show_unselected;           /* also report, unread, those that are Python by name and not selected */
        bool read_unselected;           /* report everybody, read, with what the rules say of them */
        bool follow;                    /* learn of births and execs from the kernel, if it lets us */
        unsigned slice_ms; /* find_scan() returns after so long, and the next one goes on at once; 0: when it is done */
        bool at_once;      /* look at who is born or executes a program at once, not 5 ms later: it costs a look more */
};

/*
 * @config may be NULL. Holds a descriptor for each process that is reported born,
 * where there are enough. Errors are those of http_client_open(), too.
 */
int find_open(const struct find_config *config, struct find **ret);
void find_close(struct find *find); /* accepts NULL */

/* Other rules (borrowed, NULL for none) from the next scan on, which reports those that change sides. */
void find_set_rules(struct find *find, const struct find_rules *rules);

/* Whether births and execs are told by the kernel; if not, processes are found by looking. */
bool find_follows(const struct find *find);

/* Somebody's birth, Python or not, as the kernel has told it; or somebody who is met for the first time. */
struct find_birth {
        pid_t pid;     /* it may have ended by now */
        pid_t parent;  /* who has forked; of one that is met, its parent of now: init, if that one has ended */
        pid_t session; /* of one that is met; 0: not known */
        uint64_t at;   /* when, in ns of a clock of the kernel's; 0: not known */
};

struct find_events {
        void *ctx;
        /*
         * A Python process has appeared: by birth, by exec, or because its
         * interpreter has started by now. @py is consumed; it is NULL where the
         * process is Python but cannot be read (@process->status says why), or
         * is not selected.
         */
        void (*born)(void *ctx, const struct find_process *process, struct pystack *py);
        /* One that was reported born has ended, or has become another by exec. */
        void (*ended)(void *ctx, pid_t pid, uint64_t start_time);
        /*
         * Every process, before it is reported in any other way. In the order of time if
         * sorted by @birth->at, and if those that the next scan tells are added. May be NULL.
         */
        void (*appeared)(void *ctx, const struct find_birth *birth);
        /*
         * Whether a process is of interest: others are never opened, which takes
         * milliseconds, nor reported. Asked again as often as it would be opened. NULL: all are.
         */
        bool (*wanted)(void *ctx, pid_t pid, uint64_t start_time);
};

/*
 * Looks at the machine and reports what has changed since the last time. A
 * process that was not Python is looked at again while it is young, since it
 * may exec, and now and then afterwards. Where the kernel tells, only those are
 * looked at that are new or young, and everything every few seconds.
 */
int find_scan(struct find *find, const struct find_events *events);

/*
 * When to scan: as soon as the descriptor is readable (a process that was
 * reported born has ended; births, execs), or after so many milliseconds.
 */
int find_fd(const struct find *find);
int find_timeout_ms(const struct find *find);

/* How many processes, Python by their names, are not looked at because nearly all file descriptors are taken. */
size_t find_starved(const struct find *find);

/*
 * Who is process @pid? Fills all but status and info. NSUTIL errors as in
 * nsutil.h are positive, too: NSUTIL_E_GONE.
 */
int find_identify(struct find *find, pid_t pid, struct find_process *ret);

struct find_candidate {
        char id[NSUTIL_CONTAINER_ID_SIZE];
        char name[FIND_NAME_SIZE]; /* its own; of one that has none, NAMESPACE/POD/CONTAINER */
        char pod[FIND_NAME_SIZE];  /* these three "": not of Kubernetes, or not known */
        char pod_namespace[FIND_LABEL_SIZE];
        char k8s_container[FIND_LABEL_SIZE];
};

/*
 * The processes of the container called @name: its name, its id, or the
 * beginning of one id. @ret_pids is allocated, ascending. On FIND_E_AMBIGUOUS
 * and FIND_E_UNKNOWN @ret_candidates are the containers that match, or all that
 * there are; allocated as well (may be NULL with 0 entries).
 */
int find_container(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
                   struct find_candidate **ret_candidates, size_t *ret_n_candidates);

/*
 * Likewise the processes of the pod called [NAMESPACE/]POD[/CONTAINER]: of all its
 * containers, or of one. On FIND_E_UNKNOWN the candidates are the containers of all pods.
 */
int find_pod(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
             struct find_candidate **ret_candidates, size_t *ret_n_candidates);

/* Whether a process is one of those that find_pod() means by @name, if that means one pod. */
bool find_is_in_pod(const struct find_process *process, const char *name);

/*
 * Copies hostile text: whatever could confuse a terminal or a page (control and
 * direction characters, invalid UTF-8) becomes '?'. Cut to @size between characters.
 */
void find_clean(const char *text, size_t len, char *ret, size_t size);

/* A place where a runtime leaves the names of its containers. */
struct find_source {
        const char *name; /* whose it is */
        char path[512];
        int error; /* 0: it is here and can be read; -ENOENT: it is not here; else why it cannot be read */
};

/* The @i'th one; false after the last. */
bool find_source(const struct find *find, size_t i, struct find_source *ret);

#endif
