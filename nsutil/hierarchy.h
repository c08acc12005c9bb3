/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_HIERARCHY_H
#define NSUTIL_HIERARCHY_H

/* Where cgroups are mounted, and what they say about the processes in them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- cgroup hierarchies and their freezers -------------------------------- */

/* cgroups with longer paths are ignored. */
#define NSUTIL_CGROUP_PATH_SIZE 4096

/* A mounted hierarchy of cgroups. */
struct nsutil_hierarchy {
        char controller[16];                 /* the controller of a cgroup v1 hierarchy; "": cgroup v2 */
        char root[NSUTIL_CGROUP_PATH_SIZE];  /* the cgroup that is mounted, as /proc/PID/cgroup would name it */
        char point[NSUTIL_CGROUP_PATH_SIZE]; /* the mount point */
};

/*
 * Finds the hierarchy with @controller ("freezer", "cpu"; "": cgroup v2) in the text of /proc/self/mountinfo.
 * NSUTIL_E_NOT_FOUND if it is not mounted.
 */
int nsutil_hierarchy_parse(const char *text, size_t len, const char *controller, struct nsutil_hierarchy *ret);
int nsutil_hierarchy_find(const char *controller, struct nsutil_hierarchy *ret);

/*
 * The directory, in @hierarchy, of the cgroup that the text of a /proc/PID/cgroup names. NSUTIL_E_NOT_FOUND if the
 * directory lies outside of what is mounted, or cannot be seen by the reader.
 */
int nsutil_hierarchy_path(const struct nsutil_hierarchy *hierarchy, const char *text, size_t len,
                          char ret[static NSUTIL_CGROUP_PATH_SIZE]);

/* The hierarchies that can freeze processes, as far as they are mounted: cgroup v1's freezer and cgroup v2. */
struct nsutil_freezers {
        struct nsutil_hierarchy items[2];
        size_t n;
};

/* 0, or an error of reading /proc/self/mountinfo. */
int nsutil_freezers_find(struct nsutil_freezers *ret);

/*
 * Whether the thread's cgroup or one above it is frozen now. freezer.state says so (v1), or cgroup.events (v2, Linux
 * 5.2). NSUTIL_E_NOT_FOUND if neither can be seen.
 */
int nsutil_frozen(const struct nsutil_freezers *freezers, pid_t pid, pid_t tid, bool *ret);

/* ---- CPU quotas of cgroups ------------------------------------------------ */

/* At most this many nested cgroups that have a quota count, the innermost first. */
#define NSUTIL_QUOTAS_MAX 8

/* The cgroups of a process that have a CPU quota: its own cgroup and those above it. */
struct nsutil_quota {
        int fds[NSUTIL_QUOTAS_MAX]; /* open files: cpu.stat of each */
        size_t n;
};

/* NSUTIL_E_NOT_FOUND if no cgroup of the process has a quota that can be seen. The caller closes @ret. */
int nsutil_quota_open(pid_t pid, struct nsutil_quota *ret);
void nsutil_quota_close(struct nsutil_quota *quota); /* accepts {0} */

/* In how many periods the quotas have held the cgroups up so far. It grows at the end of each such period. */
uint64_t nsutil_quota_throttles(const struct nsutil_quota *quota);

/*
 * For how long, in ns, the quotas have held the cgroups up so far: the sum over all cgroups and CPUs. It grows when a
 * CPU may run the cgroup again (kernel/sched/fair.c, unthrottle_cfs_rq()).
 */
uint64_t nsutil_quota_throttled_ns(const struct nsutil_quota *quota);

/* Whether the text of cpu.cfs_quota_us or cpu.max says that there is a quota. */
bool nsutil_quota_is_set(const char *text, size_t len);
/* Parses the text of cpu.stat. */
int nsutil_throttles_parse(const char *text, size_t len, uint64_t *ret);
int nsutil_throttled_parse(const char *text, size_t len, uint64_t *ret_ns);

#endif
