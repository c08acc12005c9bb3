/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_H
#define FIND_H

/*
 * find: which processes of this machine are Python, and which container each belongs to. find follows births, execs and
 * deaths. It gives each process its identity (pid, start time), its container and pod, their names, and a service name.
 * By the user's rules it decides whether a process is to be profiled.
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
        FIND_E_UNKNOWN = 1, /* there is no container of that name or id */
        FIND_E_AMBIGUOUS,   /* several containers match: see the candidates */
        FIND_E_RULE,        /* the text is not a rule: see the message */
};

/* Pods' names have up to 253 characters. */
#define FIND_NAME_SIZE 256

/* Size of names that Kubernetes requires to be DNS labels: namespaces and containers, up to 63 characters. */
#define FIND_LABEL_SIZE 64

#define FIND_RESOURCE_SIZE 1024
#define FIND_RULE_SIZE 256

/* What made a pod. A ReplicaSet of a Deployment counts as the Deployment. */
enum find_workload {
        FIND_NO_WORKLOAD, /* none, or not known */
        FIND_DEPLOYMENT,
        FIND_REPLICA_SET,
        FIND_STATEFUL_SET,
        FIND_DAEMON_SET,
        FIND_JOB,
        FIND_WORKLOADS,
};

struct find_process {
        pid_t pid;
        uint64_t start_time;      /* clock ticks since boot; pid and start time together identify the process */
        char exe[FIND_NAME_SIZE]; /* @exe and @cmdline are escaped: see pystack_escape() */
        char cmdline[FIND_NAME_SIZE];
        char container_id[NSUTIL_CONTAINER_ID_SIZE]; /* "": the process is the host's */
        char claimed_id[NSUTIL_CONTAINER_ID_SIZE];   /* the container that its cgroup's name claims falsely; or "" */
        char container_name[FIND_NAME_SIZE];         /* "": not known */
        char image[FIND_NAME_SIZE];                  /* "": not known */
        char pod[FIND_NAME_SIZE]; /* the pod's fields are "" if it has no pod, or they are not known */
        char pod_namespace[FIND_LABEL_SIZE];
        char k8s_container[FIND_LABEL_SIZE];
        char pod_uid[NSUTIL_POD_UID_SIZE];
        enum find_workload workload_kind;
        char workload[FIND_NAME_SIZE]; /* "" without a kind */
        bool unnamed;                  /* some names are not known, and may be later */
        char node[FIND_NAME_SIZE];
        char program[FIND_NAME_SIZE];      /* its script or module; "": not known */
        char service[FIND_NAME_SIZE];      /* never empty */
        char resource[FIND_RESOURCE_SIZE]; /* further attributes: find_resource_next() */
        bool selected;                     /* by the rules; true if there are none */
        char rule[FIND_RULE_SIZE];         /* the rule that decided; "": none did */
        bool python_only;                  /* by the rules: there are some for native stacks, and none matches */
        int status;                        /* 0, or why pystack_open() failed */
        struct pystack_info info;          /* version and file; with status, the detail of the failure */
};

/*
 * Iterates over further attributes: labels of the process's pod or container that the rules send, and what it claims in
 * OTEL_RESOURCE_ATTRIBUTES. Of what it claims, service.name is left out, and so are all attributes that podflame sets
 * itself. Labels come first. What FIND_RESOURCE_SIZE has no room for is left out. *@ret_value is NULL before the first
 * call. Both pointers lead into @process. False after the last attribute.
 */
bool find_resource_next(const struct find_process *process, const char **ret_key, const char **ret_value);

/* ---- rules ---------------------------------------------------------------- */

/*
 * KEY=GLOB[,KEY=GLOB]...: a rule matches if all of its globs match. "*" matches a slash too, an empty glob matches only
 * what is not known, and "\\," is a comma. A label is compared as NAME=VALUE; one label of a container that matches is
 * enough. Of those that select or drop, the last rule that matches decides. If none matches, a process is selected unless
 * there are rules that select. Those for native stacks say nothing of that: one that matches is enough.
 */
struct find_rules;

#define FIND_RULE_ERROR_SIZE 512

int find_rules_new(struct find_rules **ret);
void find_rules_free(struct find_rules *rules); /* accepts NULL */

/*
 * What is to be done with a process that a rule matches. A rule of FIND_SEND_LABEL is a glob for names of labels, and
 * nothing else: labels of a pod, or of a container without one, that it matches are further attributes.
 */
enum find_action { FIND_DROP, FIND_SELECT, FIND_NATIVE, FIND_SEND_LABEL };

/* Adds a rule. FIND_E_RULE: @error says what is wrong with @text, and where. */
int find_rules_add(struct find_rules *rules, enum find_action action, const char *text,
                   char error[static FIND_RULE_ERROR_SIZE]);

/* ---- finding -------------------------------------------------------------- */

struct find;

struct find_config {
        /* Folders of the host; NULL: the usual ones. They are also looked for below PID 1's root. */
        const char *docker_root; /* /var/lib/docker */
        const char *podman_root; /* /var/lib/containers/storage */
        const char *log_root;    /* /var/log, where the kubelet has containers/ and pods/ */
        const char *run_root;    /* /run, where containerd and CRI-O have their bundles */
        const char *node;        /* NULL: $PODFLAME_NODE_NAME, $NODE_NAME, or the host's name */

        /*
         * APIs that are asked for what the files above do not say; NULL: the API is not asked. docker_api's URL has no
         * path; the API is Docker's, reached by its Unix socket. kubelet's URL is https://127.0.0.1:10250 as a rule. An
         * API that does not answer delays find_scan() by a second, twice a minute.
         */
        const struct http_client_config *docker_api;
        const struct http_client_config *kubelet;
        /*
         * Called when an API stops answering properly (@problem says why), and when it answers again (@problem is
         * NULL). May be NULL.
         */
        void (*on_api)(void *ctx, const char *api, const char *problem);
        void *ctx;

        struct pystack_trace trace; /* what processes are opened with */

        const struct find_rules *rules; /* borrowed; NULL: everything is selected */
        unsigned min_age_ms;  /* a process is not opened before this time has passed since its birth or exec */
        bool show_unselected; /* also report processes that are Python by name and not selected, without reading them */
        bool read_unselected; /* read and report all Python processes, with what the rules decide about them */
        bool follow;          /* get births and execs from the kernel, if it allows that */
        /* find_scan() returns after this time, and the next call goes on at once; 0: it returns when it is done */
        unsigned slice_ms;
        bool once;    /* there is one scan only: who has no name by then is reported without it */
        bool at_once; /* look at a process right after its birth or exec, not 5 ms later: this costs one look more */
};

/*
 * @config may be NULL. find holds a descriptor for each process that it has reported, as long as there are enough
 * descriptors. Errors include those of http_client_open().
 */
int find_open(const struct find_config *config, struct find **ret);
void find_close(struct find *find); /* accepts NULL */

/*
 * Sets other rules (borrowed; NULL: none) for the scans from now on. The next scan reports processes for which the
 * decision has changed.
 */
void find_set_rules(struct find *find, const struct find_rules *rules);

/* Whether the kernel reports births and execs. If not, find looks for processes. */
bool find_follows(const struct find *find);

/*
 * The birth of a process, Python or not, as the kernel has reported it; or a process that find meets for the first
 * time.
 */
struct find_birth {
        pid_t pid; /* it may have ended by now */
        /*
         * the process that forked. If the process was there before find looked, its present parent, which is init if
         * the first parent has ended
         */
        pid_t parent;
        pid_t session; /* known only of a process that was there before find looked; else 0 */
        uint64_t at;   /* time of the birth, in ns of a clock of the kernel; 0: not known */
};

struct find_events {
        void *ctx;
        /*
         * A Python process has appeared: by birth, by exec, or because its interpreter has started by now. @py is
         * consumed. @py is NULL if the process is Python but cannot be read (@process->status says why), or is not
         * selected.
         */
        void (*born)(void *ctx, const struct find_process *process, struct pystack *py);
        /* A process that was reported by born() has ended, or has executed another program. */
        void (*ended)(void *ctx, pid_t pid, uint64_t start_time);
        /*
         * More names of a process that was reported may be known than before, or other rules send other labels: for
         * find_take_names(). @process has no status and no info. May be NULL.
         */
        void (*named)(void *ctx, const struct find_process *process);
        /*
         * Called for every process, before any other call for that process. Births are in the order of time once they
         * are sorted by @birth->at together with those of the next scan. May be NULL.
         */
        void (*appeared)(void *ctx, const struct find_birth *birth);
        /*
         * Whether a process is of interest. Others are never opened, which takes milliseconds, nor reported. It is
         * asked whenever a process would be opened. NULL: all processes are of interest.
         */
        bool (*wanted)(void *ctx, pid_t pid, uint64_t start_time);
};

/*
 * Looks at the machine and reports what has changed since the last call. A process that was not Python is looked at
 * again and again while it is young, since it may exec, and now and then afterwards. If the kernel reports births and
 * execs, a scan looks only at new and young processes, and at all processes every few seconds.
 */
int find_scan(struct find *find, const struct find_events *events);

/*
 * When to call find_scan(): as soon as the descriptor is readable (a process that was reported has ended; births,
 * execs), or after the given number of milliseconds.
 */
int find_fd(const struct find *find);
int find_timeout_ms(const struct find *find);

/*
 * The number of processes, Python by their names, that are not looked at since nearly all file descriptors are taken.
 */
size_t find_starved(const struct find *find);

/*
 * Identifies process @pid. Fills everything except status and info. What a known process says of itself is what it said
 * when find first asked: programs that set their title write over their arguments and their environment. NSUTIL errors
 * of nsutil.h are positive, too: NSUTIL_E_GONE.
 */
int find_identify(struct find *find, pid_t pid, struct find_process *ret);

/* Replaces the names of @process by those of @named, which is the same process, identified later. */
void find_take_names(struct find_process *process, const struct find_process *named);

struct find_candidate {
        char id[NSUTIL_CONTAINER_ID_SIZE];
        char name[FIND_NAME_SIZE]; /* the container's name; if it has none, NAMESPACE/POD/CONTAINER */
        char pod[FIND_NAME_SIZE];  /* the pod's fields are "" if it is not Kubernetes's, or they are not known */
        char pod_namespace[FIND_LABEL_SIZE];
        char k8s_container[FIND_LABEL_SIZE];
};

/*
 * Finds the processes of the container @name: its name, its id, or the beginning of one id. @ret_pids is allocated,
 * ascending. On FIND_E_AMBIGUOUS @ret_candidates are the containers that match, on FIND_E_UNKNOWN all containers. They
 * are allocated as well (NULL is possible with 0 entries).
 */
int find_container(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
                   struct find_candidate **ret_candidates, size_t *ret_n_candidates);

/*
 * Finds, in the same way, the processes of the pod [NAMESPACE/]POD[/CONTAINER]: of all its containers, or of one. On
 * FIND_E_UNKNOWN the candidates are the containers of all pods.
 */
int find_pod(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
             struct find_candidate **ret_candidates, size_t *ret_n_candidates);

/* Whether a process belongs to the pod that find_pod() finds by @name, if @name means one pod. */
bool find_is_in_pod(const struct find_process *process, const char *name);

/*
 * Copies hostile text. Whatever could confuse a terminal or a page (control and direction characters, invalid UTF-8)
 * becomes '?'. The text is cut to @size between two characters.
 */
void find_clean(const char *text, size_t len, char *ret, size_t size);

/* A place where a runtime keeps the names of its containers. */
struct find_source {
        const char *name; /* of the runtime */
        char path[512];
        /* 0: the place exists and can be read; -ENOENT: it does not exist; otherwise why it cannot be read */
        int error;
};

/* Gives the @i'th place. False after the last. */
bool find_source(const struct find *find, size_t i, struct find_source *ret);

#endif
