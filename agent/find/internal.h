/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_INTERNAL_H
#define FIND_INTERNAL_H

/* What the files of find share with each other. */

#include "agent/find/find.h"

#include <dirent.h>
#include <stdbool.h>

#include <uthash.h>

/* ---- the machine's processes, as far as they are known (known.c) --------- */

enum find_kind {
        FIND_OTHER,      /* not Python so far */
        FIND_HOPELESS,   /* a thread of the kernel or a zombie: will never be Python */
        FIND_STARTING,   /* Python whose interpreter is not up yet */
        FIND_PYTHON,     /* reported born, with a struct pystack */
        FIND_UNREADABLE, /* reported born, without: refused, or not selected */
};

struct find_entry {
        pid_t pid;
        uint64_t start_time;  /* clock ticks since boot */
        uint64_t start_stack; /* another one after an exec; 0: not known */
        int pidfd;            /* of one that was reported, if descriptors suffice; else -1 */
        enum find_kind kind;
        int status;       /* why it is unreadable */
        bool selected;    /* as it was reported */
        unsigned rules;   /* the generation of rules that decided */
        uint64_t since;   /* ns since boot: when it was born, last executed a program, or was seen starting */
        uint64_t look_at; /* ns since boot: see whether it has executed a program */
        uint64_t open_at; /* ns since boot: try pystack again */
        uint64_t scan;    /* the last one that saw it */
        UT_hash_handle hh;
        bool starved;  /* not looked at for want of descriptors */
        bool is_young; /* in the list of those to be looked at between scans of everything */
        struct find_entry *prev, *next;
};

/* How processes are opened: by pystack, or by a test. */
struct find_ops {
        int (*open)(pid_t pid, struct pystack **ret, struct pystack_info *ret_info);
        void (*close)(struct pystack *py);
};

/* Below which the files of runtimes are looked for. */
struct find_roots {
        char *docker, *podman, *log, *run;
        bool below_init; /* PID 1 has another root than we */
};

/* The APIs that may be asked, in this order. */
enum { FIND_DOCKER_API, FIND_KUBELET, FIND_APIS };

struct find_api_poll;
struct find_penalty;
struct find_watch;
struct find_links;
struct find_names_cache;

struct find {
        const struct find_ops *ops;
        struct find_roots roots;
        bool sees_host_pids; /* a PID that a runtime has noted means the same process to us */
        char node[FIND_NAME_SIZE];
        struct find_links *links;
        struct find_api_poll *apis[FIND_APIS]; /* NULL: not to be asked */
        void (*on_api)(void *ctx, const char *api, const char *problem);
        void *ctx;
        struct find_names_cache *names; /* NULL: nothing is remembered */

        const struct find_rules *rules;
        unsigned rules_generation;
        uint64_t min_age; /* ns */
        bool show_unselected, read_unselected;
        uint64_t first_look; /* ns from birth or exec to the first look */

        struct find_entry *entries;
        struct find_penalty *penalties;
        struct find_entry *young;
        int ends_fd;              /* epoll of the pidfds of those reported */
        int fd;                   /* epoll of that one and the watch's */
        struct find_watch *watch; /* NULL: births and execs are not told */
        uint64_t muted_until;     /* ns since boot; 0: the watch may wake us */
        uint64_t scan;
        uint64_t full_at; /* ns since boot: look at everything */
        uint64_t slice;   /* ns that a scan takes at most; 0: as long as there is something to look at */
        size_t starved;   /* entries that are */
};

/* Whether one more process may take descriptors. */
bool find_has_descriptors(void);
void find_set_starved(struct find *find, struct find_entry *entry, bool starved);

int find_open_with(const struct find_config *config, const struct find_ops *ops, struct find **ret);

struct find_entry *find_known_get(const struct find *find, pid_t pid);

/* Adds @entry, which the table owns from then on; not if it fails. */
int find_known_add(struct find *find, struct find_entry *entry);

/* Removes and frees @entry. */
void find_known_remove(struct find *find, struct find_entry *entry);

/* A reported entry whose process has ended, NULL if there is none (any more). */
struct find_entry *find_known_ended(const struct find *find);

/* Watches for the end of @entry's process from now on. @pidfd is consumed; -1: none could be had. */
void find_known_watch(struct find *find, struct find_entry *entry, int pidfd);
void find_known_unwatch(struct find *find, struct find_entry *entry);

bool find_entry_is_reported(const struct find_entry *entry);

/* Puts @entry among the young, or takes it out. */
void find_known_set_young(struct find *find, struct find_entry *entry, bool young);

/* ---- is it Python? (classify.c) ------------------------------------------ */

/* Tries to open @entry's process, and reports it if it is Python. Says when to look again. */
void find_classify(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now);

/* ---- who takes too much work to open (penalty.c) --------------------------- */

/* When @pid may be opened, ns since boot, since its container has made the search slow; 0: now. */
uint64_t find_penalty_until(struct find *find, pid_t pid, uint64_t now);

/* Opening @pid took too much work. */
void find_penalty_add(struct find *find, pid_t pid, uint64_t now);

void find_penalties_clear(struct find *find);

/* ---- births and execs as the kernel tells them (watch.c) ----------------- */

/* -errno where it may not be had. */
int find_watch_open(struct find_watch **ret);
void find_watch_close(struct find_watch *watch); /* accepts NULL */

/* Becomes readable when there is something to hear. */
int find_watch_fd(const struct find_watch *watch);

/* A birth, or an exec: then the parent is 0. */
typedef void (*find_news_fn)(const struct find_birth *news, void *ctx);

/*
 * Calls @each for every process that was born or has executed a program since
 * the last time; returns how many that were, and whether more were lost. Of each
 * CPU they come in their order, but one CPU after the other.
 */
size_t find_watch_hear(struct find_watch *watch, find_news_fn each, void *ctx, bool *ret_lost);

/* ---- when to look again (schedule.c) ------------------------------------- */

/* Nanoseconds since boot, sleep included: the clock of the processes' start times. */
uint64_t find_now(void);
uint64_t find_ticks_to_ns(uint64_t ticks);

/* When to see whether a process has executed a program, and when to open it again. */
uint64_t find_next_look(pid_t pid, uint64_t since, uint64_t now);
uint64_t find_next_open(pid_t pid, uint64_t since, uint64_t now);

/* A process that took too much work is left alone for so long, unless it executes another program. */
#define FIND_COSTLY_NS UINT64_C(600000000000)

/* When to try an interpreter again that has been starting for long. */
uint64_t find_next_starting(pid_t pid, uint64_t since, uint64_t now);

/* A process that was just born or has just executed a program is given so long before it is looked at. */
#define FIND_FIRST_LOOK_NS UINT64_C(5000000)

/* Where that is too late, since children of 20 ms are to be seen whole. */
#define FIND_LOOK_AT_ONCE_NS UINT64_C(300000)

/* The same for both while it is young; interpreters that start are looked at more often. */
bool find_is_young(uint64_t since, uint64_t now);
uint64_t find_next_young(bool starting, uint64_t since, uint64_t now);

/* ---- text (clean.c) ------------------------------------------------------ */

/* The part of @path after its last slash. */
const char *find_basename(const char *path);

/* The value of @name in the text of /proc/PID/environ, NULL if it is not set or empty. */
const char *find_environ_get(const char *text, size_t len, const char *name, size_t *ret_len);

/* ---- files of the host (files.c) ------------------------------------------ */

/* In our root, else in PID 1's, where that is another. Regular files only. */
int find_read_file(const struct find_roots *roots, const char *path, size_t max, char **ret_text, size_t *ret_len);

/* The same for a directory; NULL if there is none. */
DIR *find_open_dir(const struct find_roots *roots, const char *path);

/* Docker's, containerd's, CRI-O's and podman's kind of id: it may become part of a path. */
bool find_is_long_id(const char *id);

/* ---- where a process is (first.c) ------------------------------------------ */

/*
 * nsutil_place(), but of a process whose cgroup is called like a container that its runtime has elsewhere: it is in
 * none (NSUTIL_E_NOT_FOUND), and @ret_claimed is that container's id. Else @ret_claimed is "".
 */
int find_place_of(const struct find *find, pid_t pid, struct nsutil_place *ret,
                  char ret_claimed[static NSUTIL_CONTAINER_ID_SIZE]);

/* ---- JSON (json.c) -------------------------------------------------------- */

struct json_object;

/* NULL if it is not JSON. */
struct json_object *find_json_parse(const char *text, size_t len);
void find_json_free(struct json_object *json); /* accepts NULL */

/* Members of objects and items of arrays; NULL if there is none. Borrowed from @json, which may be NULL. */
struct json_object *find_json_get(struct json_object *json, const char *key);
struct json_object *find_json_at(struct json_object *json, size_t i);

/* NULL if @json is not a string. */
const char *find_json_text(struct json_object *json, size_t *ret_len);

/* 0 if @json is no whole number. */
long find_json_whole(struct json_object *json);

/* Each member of an object that is a string; nothing if @json is no object. */
void find_json_each_text(struct json_object *json, void (*each)(void *ctx, const char *key, const char *text),
                         void *ctx);

/* ---- names of containers (names.c and its sources) ----------------------- */

/* What the kernel says of where a process is. */
struct find_place {
        pid_t pid;           /* 0: any process of the container */
        const char *id;      /* the container's; "": not known */
        const char *pod_uid; /* "": not known */
        bool hidden;         /* its cgroup tells nothing: "0::/" */
};

/* Labels have up to 63 characters and a prefix of 253, their values in Kubernetes 63; images may have dozens. */
#define FIND_LABELS_SIZE 4096

struct find_names {
        char name[FIND_NAME_SIZE];
        char image[FIND_NAME_SIZE];
        char pod[FIND_NAME_SIZE];
        char pod_namespace[FIND_LABEL_SIZE];
        char k8s_container[FIND_LABEL_SIZE];
        char pod_uid[NSUTIL_POD_UID_SIZE];
        bool has_labels;               /* asked for; there may be none */
        char labels[FIND_LABELS_SIZE]; /* NAME=VALUE, each with its NUL; those that there is no room for are left out */
};

/* Asks every source; what none of them knows is "". */
void find_names_get(struct find *find, const struct find_place *place, struct find_names *ret);

int find_names_open(struct find *find);
void find_names_close(struct find *find);

/* Cleans @text into a field that is still empty. */
void find_names_set(char *field, size_t size, const char *text, size_t len);

/* The same with the string @json; nothing if it is none. */
void find_names_set_json(char *field, size_t size, struct json_object *json);

/* Adds what @other knows. */
void find_names_merge(struct find_names *names, const struct find_names *other);

/* Adds the labels of an object {NAME: VALUE}, cleaned. */
void find_names_set_labels(struct find_names *names, struct json_object *json);

/* Sources add what they know and nobody knew before them. */
void find_link_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_mount_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_pod_log_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_docker_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_podman_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_oci_bundle_names(struct find *find, const struct find_place *place, struct find_names *names);

/* These ask APIs, for all containers at once. */
void find_docker_api_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_kubelet_names(struct find *find, const struct find_place *place, struct find_names *names);

void find_links_free(struct find_links *links); /* accepts NULL */

/* Their parsers. The text of Docker's config.v2.json of a container. */
void find_docker_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names);

/* Docker's answer to GET /containers/json, and the kubelet's to GET /pods. @add is called for each container. */
typedef void (*find_add_fn)(void *ctx, const char *id, const struct find_names *names);
void find_docker_api_parse(struct json_object *root, find_add_fn add, void *ctx);
void find_kubelet_parse(struct json_object *root, find_add_fn add, void *ctx);

/* The text of podman's and CRI-O's containers.json. */
void find_podman_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names);

/* The text of /proc/PID/mountinfo in a pod. */
void find_mount_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names);

/* POD_NAMESPACE_CONTAINER-ID.log; @ret_id is untouched if it is not of that form. */
bool find_link_parse(const char *link, char ret_id[static NSUTIL_CONTAINER_ID_SIZE], struct find_names *ret);

/* ---- APIs (api_poll.c) -------------------------------------------------------- */

struct find_api_poll_kind {
        const char *name; /* for people */
        const char *path;
        void (*parse)(struct json_object *root, find_add_fn add, void *ctx);
};
extern const struct find_api_poll_kind find_docker_api, find_kubelet;

/* Errors of http_client_open(). */
int find_api_poll_open(const struct find_api_poll_kind *kind, const struct http_client_config *config,
                       struct find_api_poll **ret);
void find_api_poll_close(struct find_api_poll *api); /* accepts NULL */

/* What is known of container @id by now, or has just been asked for; NULL: nothing. Borrowed until the next call. */
const struct find_names *find_api_poll_get(struct find *find, struct find_api_poll *api, const char *id);

/* ---- names of services (service.c, resource.c) --------------------------- */

/*
 * What a program is called: Python by its script or module. @args is the text of
 * /proc/PID/cmdline.
 */
void find_program_name(const char *exe, const char *args, size_t len, char *ret, size_t size);

/* Reads OTEL_RESOURCE_ATTRIBUTES into process->resource, and service.name into process->service if that is empty. */
void find_resource_parse(const char *text, size_t len, struct find_process *process);

/* ---- rules (select.c) ---------------------------------------------------- */

/* Of a process, what rules ask for and nobody else. */
struct find_facts {
        const char *cgroup; /* its path */
        const char *labels; /* as in struct find_names */
};

/* Sets process->selected and rule. @rules may be NULL. */
void find_rules_apply(const struct find_rules *rules, const struct find_facts *facts, struct find_process *process);

/* Whether a rule is about labels, which not every source knows. */
bool find_rules_want_labels(const struct find_rules *rules);

/* ---- containers by name (match.c) ---------------------------------------- */

/*
 * Chooses among @n containers the one called @name: by name or whole id, else by
 * the beginning of an id. Those that match are moved to the front, @ret_matches of
 * them. 0 (then it is one), FIND_E_UNKNOWN or FIND_E_AMBIGUOUS.
 */
int find_match(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches);

/* The same by [NAMESPACE/]POD[/CONTAINER]: 0 if all that match are of one pod. */
int find_match_pod(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches);

#endif
