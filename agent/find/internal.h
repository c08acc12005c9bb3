/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_INTERNAL_H
#define FIND_INTERNAL_H

/* What the files of find share. */

#include "agent/find/find.h"
#include "agent/find/watch.h"

#include <dirent.h>
#include <stdbool.h>

#include <uthash.h>

/* ---- the table of known processes (known.c) ------------------------------- */

struct find_claims;

enum find_kind {
        FIND_OTHER,      /* not Python until now */
        FIND_HOPELESS,   /* a kernel thread or a zombie: will never be Python */
        FIND_STARTING,   /* Python, but its interpreter has not started yet */
        FIND_PYTHON,     /* reported, with a struct pystack */
        FIND_UNREADABLE, /* reported without one: reading was refused, or it is not selected */
};

struct find_entry {
        pid_t pid;
        uint64_t start_time;  /* clock ticks since boot; 0: not read yet */
        uint64_t start_stack; /* changes with an exec; 0: not known */
        int pidfd;            /* set once it was reported, if there are enough descriptors; otherwise -1 */
        enum find_kind kind;
        int status;       /* why it is unreadable */
        bool selected;    /* @selected as it was reported */
        bool python_only; /* likewise */
        unsigned rules;   /* the generation of the rules that decided */
        uint64_t since;   /* ns since boot: its birth, its last exec, or when it was first seen starting */
        uint64_t look_at; /* ns since boot: when to check for an exec */
        uint64_t open_at; /* ns since boot: when to try to open it again */
        uint64_t scan;    /* number of the last scan that saw it */
        uint64_t born_at; /* by the clock of the kernel's reports; 0: its birth was not reported */
        char program[NSUTIL_COMM_SIZE]; /* by the last exec that was reported; "": none was */
        UT_hash_handle hh;
        uint64_t name_at;           /* ns since boot: when to ask for its names again; 0: never */
        uint64_t name_after;        /* ns between the last two times that they were asked for */
        struct find_claims *claims; /* what it said first; NULL: not known */
        uint64_t names_sum;         /* find_names_sum() of what it was last told; 0: not known */
        bool starved;               /* not looked at since descriptors are short */
        bool threaded;              /* has started threads, by the kernel's reports */
        bool is_other_program;      /* of a program that is not Python as a rule: it can wait a little */
        bool is_no_python;          /* its last look has found so */
        bool is_young;              /* in the list of those that are looked at between two scans of all processes */
        struct find_entry *prev, *next;
};

/* Opens processes: with pystack, or with a test's functions. */
struct find_ops {
        int (*open)(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info);
        void (*close)(struct pystack *py);
        bool (*may_be_python)(const char *path, int fd); /* pystack_file_may_be_python(); NULL: all files may be */
};

/* The folders in which runtimes have their files. */
struct find_roots {
        char *docker, *podman, *log, *run;
        bool below_init; /* PID 1 has another root than podflame */
};

/* The APIs that may be asked, in the order of asking. */
enum { FIND_DOCKER_API, FIND_KUBELET, FIND_APIS };

struct find_api_poll;
struct find_non_python;
struct find_penalty;
struct find_programs;
struct find_links;
struct find_names_cache;

struct find {
        const struct find_ops *ops;
        struct pystack_trace trace;
        struct find_roots roots;
        /* podflame is in the PID namespace of the runtimes, so that PIDs that they have noted are valid here */
        bool sees_host_pids;
        char node[FIND_NAME_SIZE];
        struct find_links *links;
        struct find_api_poll *apis[FIND_APIS]; /* NULL: the API is not asked */
        void (*on_api)(void *ctx, const char *api, const char *problem);
        void *ctx;
        struct find_names_cache *names; /* NULL: nothing is remembered */

        const struct find_rules *rules;
        unsigned rules_generation;
        uint64_t min_age; /* ns */
        bool show_unselected, read_unselected;
        uint64_t first_look; /* ns between a birth or exec and the first look */

        struct find_entry *entries;
        struct find_penalty *penalties;
        struct find_non_python *non_python; /* NULL: all files may make a process a Python */
        struct find_programs *programs;
        struct find_entry *young;
        int ends_fd;              /* epoll of the pidfds of reported processes */
        int fd;                   /* epoll of ends_fd and the watch's descriptor */
        struct find_watch *watch; /* NULL: the kernel does not report births and execs */
        uint64_t muted_until;     /* ns since boot; until then the watch does not wake podflame up; 0: it does */
        uint64_t muted_for;       /* ns, of the present muting; 0: there is none */
        uint64_t scan;
        uint64_t full_at; /* ns since boot: when to scan all processes */
        uint64_t slice;   /* the most ns that a scan takes; 0: no limit */
        bool once;        /* nobody scans again */
        size_t starved;   /* number of entries with @starved */
};

/* Whether there are enough descriptors for one more process. */
bool find_has_descriptors(void);
void find_set_starved(struct find *find, struct find_entry *entry, bool starved);

int find_open_with(const struct find_config *config, const struct find_ops *ops, struct find **ret);

struct find_entry *find_known_get(const struct find *find, pid_t pid);

/* Adds @entry. The table owns it from then on, except on failure. */
int find_known_add(struct find *find, struct find_entry *entry);

/* Removes and frees @entry. */
void find_known_remove(struct find *find, struct find_entry *entry);

/* A reported entry that has an ended process. NULL if there is none (any more). */
struct find_entry *find_known_ended(const struct find *find);

/* Watches for the end of @entry's process from now on. @pidfd is consumed; -1: there is none. */
void find_known_watch(struct find *find, struct find_entry *entry, int pidfd);
void find_known_unwatch(struct find *find, struct find_entry *entry);

/* Sets when the names of a process that was just reported or asked for are asked for again. */
void find_entry_set_name_at(struct find_entry *entry, bool unnamed, uint64_t now);

/* Does that, and notes which names @told had, which was identified a moment ago. */
void find_entry_note_names(const struct find *find, struct find_entry *entry, const struct find_process *told,
                           uint64_t now);

bool find_entry_is_reported(const struct find_entry *entry);

/* Puts @entry into the list of young processes, or takes it out. */
void find_known_set_young(struct find *find, struct find_entry *entry, bool young);

/* ---- whether a process is Python (classify.c) ------------------------------ */

/* Tries to open @entry's process, and reports it if it is Python. Sets when to look again. */
void find_classify(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now);

/*
 * Whether a process is certainly no Python now, by the files that it has mapped. If it is, sets when to look again.
 * Nothing else of it is read.
 */
bool find_classify_by_files(struct find *find, struct find_entry *entry, uint64_t now);

/* ---- processes that take too much work to open (penalty.c) ----------------- */

/* When @pid may be opened, in ns since boot, if its container has made the search slow; 0: now. */
uint64_t find_penalty_until(struct find *find, pid_t pid, uint64_t now);

/* Records that opening @pid took too much work. */
void find_penalty_add(struct find *find, pid_t pid, uint64_t now);

void find_penalties_clear(struct find *find);

/* ---- when to look again (schedule.c) ------------------------------------- */

/* Nanoseconds since boot, sleep included: the clock of the processes' start times. */
uint64_t find_now(void);
uint64_t find_ticks_to_ns(uint64_t ticks);

/* When to check whether a process has executed a program, and when to open it again. */
uint64_t find_next_look(pid_t pid, uint64_t since, uint64_t now);
uint64_t find_next_open(pid_t pid, uint64_t since, uint64_t now);

/* A process that took too much work is not opened again for this time, unless it executes another program. */
#define FIND_COSTLY_NS UINT64_C(600000000000)

/* When to try to open a process again that has been starting for a long time. */
uint64_t find_next_starting(pid_t pid, uint64_t since, uint64_t now);

/* The time between the birth or exec of a process and the first look at it. */
#define FIND_FIRST_LOOK_NS UINT64_C(5000000)

/* The same time for a program that is not Python as a rule, and how much later it may be. */
#define FIND_PROGRAMS_LOOK_NS UINT64_C(40000000)
#define FIND_PROGRAMS_SLACK_NS UINT64_C(20000000)

/* The same time if children of 20 ms are to be seen whole. */
#define FIND_LOOK_AT_ONCE_NS UINT64_C(300000)

/* When to look and to open again while a process is young. Interpreters that start are looked at more often. */
bool find_is_young(uint64_t since, uint64_t now);
uint64_t find_next_young(bool starting, uint64_t since, uint64_t now);

/* ---- text (clean.c) ------------------------------------------------------ */

/* The part of @path after its last slash. */
const char *find_basename(const char *path);

/* The value of @name in the text of /proc/PID/environ. NULL if it is not set or empty. */
const char *find_environ_get(const char *text, size_t len, const char *name, size_t *ret_len);

/* ---- files of the host (files.c) ------------------------------------------ */

/* Reads a file in podflame's root, or else in PID 1's root if that is another one. Regular files only. */
int find_read_file(const struct find_roots *roots, const char *path, size_t max, char **ret_text, size_t *ret_len);

/* Opens a directory in the same way. NULL if there is none. */
DIR *find_open_dir(const struct find_roots *roots, const char *path);

/* Whether @id has the form that Docker, containerd, CRI-O and podman use. Such an id can safely be a part of a path. */
bool find_is_long_id(const char *id);

/* ---- the container of a process (first.c) ----------------------------------- */

/*
 * nsutil_place(), with a check. A cgroup may be named like a container that its runtime has elsewhere. Then the process
 * is in no container (NSUTIL_E_NOT_FOUND), and @ret_claimed is that container's id. Otherwise @ret_claimed is "".
 */
int find_place_of(const struct find *find, pid_t pid, struct nsutil_place *ret,
                  char ret_claimed[static NSUTIL_CONTAINER_ID_SIZE]);

/* ---- JSON (json.c) -------------------------------------------------------- */

struct json_object;

/* Parses JSON. NULL if @text is not JSON. */
struct json_object *find_json_parse(const char *text, size_t len);
void find_json_free(struct json_object *json); /* accepts NULL */

/*
 * Gets a member of an object or an item of an array; NULL if there is none. The result is borrowed from @json, which
 * may be NULL.
 */
struct json_object *find_json_get(struct json_object *json, const char *key);
struct json_object *find_json_at(struct json_object *json, size_t i);

/* The text of a string. NULL if @json is not a string. */
const char *find_json_text(struct json_object *json, size_t *ret_len);

bool find_json_true(struct json_object *json);

/* A whole number. 0 if @json is not one. */
long find_json_whole(struct json_object *json);

/* Calls @each for each member of an object that is a string. Does nothing if @json is no object. */
void find_json_each_text(struct json_object *json, void (*each)(void *ctx, const char *key, const char *text),
                         void *ctx);

/* ---- names of containers (names.c and its sources) ----------------------- */

/* What the kernel says about the place of a process. */
struct find_place {
        pid_t pid;           /* 0: any process of the container is meant */
        const char *id;      /* the container's; "": not known */
        const char *pod_uid; /* "": not known */
        bool hidden;         /* its cgroup says only "0::/" */
};

/* Enough for dozens of labels. In Kubernetes, a name has up to 253 + 63 characters, and a value 63. */
#define FIND_LABELS_SIZE 4096

struct find_names {
        char name[FIND_NAME_SIZE];
        char image[FIND_NAME_SIZE];
        char pod[FIND_NAME_SIZE];
        char pod_namespace[FIND_LABEL_SIZE];
        char k8s_container[FIND_LABEL_SIZE];
        char pod_uid[NSUTIL_POD_UID_SIZE];
        enum find_workload workload_kind;
        char workload[FIND_NAME_SIZE];
        bool has_labels;               /* a source was asked for labels; there may be none */
        char labels[FIND_LABELS_SIZE]; /* NAME=VALUE, each with its NUL; labels that do not fit are left out */
};

/* Asks every source. What no source knows stays "". Whether all is known that the sources can know. */
bool find_names_get(struct find *find, const struct find_place *place, struct find_names *ret);

/*
 * A sum of what the sources said of the container @id a moment ago (MISSING_NS in names.c), as long as something is
 * missing. 0: nobody has asked since, or nothing is missing. Then ask find_names_get().
 */
uint64_t find_names_sum(const struct find *find, const char *id);

int find_names_open(struct find *find);
void find_names_close(struct find *find);

/* Cleans @text into a field that is still empty. */
void find_names_set(char *field, size_t size, const char *text, size_t len);

/* Sets a field from the string @json. Does nothing if @json is not a string. */
void find_names_set_json(char *field, size_t size, struct json_object *json);

/* Fills the empty fields from @other, but for labels. */
void find_names_merge(struct find_names *names, const struct find_names *other);
/* Takes the labels of @other, if no source was asked for them yet. */
void find_names_merge_labels(struct find_names *names, const struct find_names *other);

/* Adds the labels of an object {NAME: VALUE}, cleaned. */
void find_names_set_labels(struct find_names *names, struct json_object *json);

/* The sources. Each one fills the fields that it knows and that are still empty. */
void find_link_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_mount_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_pod_log_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_docker_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_podman_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_user_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_oci_bundle_names(struct find *find, const struct find_place *place, struct find_names *names);

/* These sources ask APIs, for all containers at once. */
void find_docker_api_names(struct find *find, const struct find_place *place, struct find_names *names);
void find_kubelet_names(struct find *find, const struct find_place *place, struct find_names *names);

void find_links_free(struct find_links *links); /* accepts NULL */

/* The sources' parsers. This one reads the text of a container's config.v2.json, which Docker writes. */
void find_docker_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names);

/*
 * Parses Docker's answer to GET /containers/json, and the kubelet's answer to GET /pods. @add is called for each
 * container.
 */
typedef void (*find_add_fn)(void *ctx, const char *id, const struct find_names *names);
void find_docker_api_parse(struct json_object *root, find_add_fn add, void *ctx);
void find_kubelet_parse(struct json_object *root, find_add_fn add, void *ctx);

/* The files that list podman's and CRI-O's containers, in the folder of a storage driver. NULL ends them. */
extern const char *const find_podman_lists[];

/* Parses the text of one of them. */
void find_podman_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names);

/* Parses the text of /proc/PID/mountinfo of a process in a pod. */
void find_mount_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names);

/* Parses POD_NAMESPACE_CONTAINER-ID.log. @ret_id is untouched if @link has another form. */
bool find_link_parse(const char *link, char ret_id[static NSUTIL_CONTAINER_ID_SIZE], struct find_names *ret);

/* ---- APIs (api_poll.c) -------------------------------------------------------- */

struct find_api_poll_kind {
        const char *name; /* in messages */
        const char *path;
        void (*parse)(struct json_object *root, find_add_fn add, void *ctx);
};
extern const struct find_api_poll_kind find_docker_api, find_kubelet;

/* Opens the polling of an API. Errors are those of http_client_open(). */
int find_api_poll_open(const struct find_api_poll_kind *kind, const struct http_client_config *config,
                       struct find_api_poll **ret);
void find_api_poll_close(struct find_api_poll *api); /* accepts NULL */

/*
 * What is known about container @id, after asking the API if that is due. NULL if nothing is known. Borrowed until the
 * next call.
 */
const struct find_names *find_api_poll_get(struct find *find, struct find_api_poll *api, const char *id);

/* ---- names of services (service.c, resource.c) --------------------------- */

/*
 * The name of a program. A Python program is named after its script or module. @args is the text of /proc/PID/cmdline.
 */
void find_program_name(const char *exe, const char *args, size_t len, char *ret, size_t size);

/* Adds a label of the process's pod, or of its container if it has no pod, to process->resource, if there is room. */
void find_resource_add_label(struct find_process *process, const char *name, const char *value);

/* Adds the attributes of @other, as long as there is room. */
void find_resource_add(struct find_process *process, const struct find_process *other);

/* How many bytes of a field "resource" of struct find_process are used. */
size_t find_resource_size(const char *resource);

/*
 * Adds the attributes of OTEL_RESOURCE_ATTRIBUTES to process->resource, as long as there is room. Its service.name is
 * process->service if that is empty.
 */
void find_resource_parse(const char *text, size_t len, struct find_process *process);

#endif
