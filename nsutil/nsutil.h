/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_H
#define NSUTIL_H

/*
 * nsutil: what the operating system says of a PID.
 *
 * Everything here is read from /proc with bounded reads, or opened below
 * /proc/PID/root without leaving it. The target may be hostile: it chooses its
 * names, its links and the files in its root. Nothing is ever written to it,
 * nothing of it is executed, and no namespace is entered (no setns).
 *
 * Errors, as everywhere in podflame's libraries: 0 is success; a negative value
 * is -errno, to be forwarded unchanged; a positive one is an nsutil_error that
 * the caller is expected to handle. Return parameters are untouched on failure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum nsutil_error {
        NSUTIL_E_GONE = 1,  /* the process or thread has ended */
        NSUTIL_E_DENIED,    /* the kernel refuses it: see nsutil_denial() */
        NSUTIL_E_NOT_FOUND, /* no such thing in what was searched */
        NSUTIL_E_MALFORMED, /* the text is not what the kernel writes */
        NSUTIL_E_TOO_BIG,   /* more bytes than the stated bound */
        NSUTIL_E_HANGS,     /* whoever asks may wait for ever: see nsutil_may_hang() */
};

/* A sentence fragment for @error, an nsutil_error or a negative errno. */
const char *nsutil_strerror(int error);

/* ---- bounded reading ---------------------------------------------------- */

/*
 * Reads a whole file of unknown size (procfs says 0), at most @max bytes.
 * @ret_text is NUL-terminated, allocated, owned by the caller (free()).
 * NSUTIL_E_TOO_BIG if there is more.
 */
int nsutil_read_file_at(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len);

/* Opens a file for nsutil_read_fd(), if it is a regular one; a FIFO in its place does not hold us up. */
int nsutil_open_file_at(int dirfd, const char *path, int *ret_fd);

/* The same for an open file, from its offset on. @fd is not consumed. */
int nsutil_read_fd(int fd, size_t max, char **ret_text, size_t *ret_len);

/*
 * The same for /proc/@pid/@name; ENOENT and ESRCH become NSUTIL_E_GONE. Where the first
 * thread has ended and has nothing there, another one's: see nsutil_task().
 */
int nsutil_read_proc(pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_len);

/* ---- processes and threads ---------------------------------------------- */

/*
 * The thread by which a process's memory and files can be seen: @pid itself, unless that
 * thread has ended before others. For those who name it to the kernel themselves; what
 * takes a process's PID here uses it.
 */
pid_t nsutil_task(pid_t pid);

/* Linux limits PID namespaces to 32 levels (MAX_PID_NS_LEVEL, since 3.7). */
#define NSUTIL_MAX_NS_DEPTH 33

/* TASK_COMM_LEN of the kernel, the NUL included. */
#define NSUTIL_COMM_SIZE 16

struct nsutil_stat {
        pid_t pid;
        pid_t ppid;
        pid_t session;               /* the PID of who has begun it, which stays taken as long as it has a member */
        char comm[NSUTIL_COMM_SIZE]; /* may hold any byte but NUL */
        char state;                  /* R S D Z T t X I */
        bool ending;                 /* it has begun to exit (PF_EXITING), or has: its memory may be gone already */
        uint64_t user_ticks;         /* utime, in clock ticks */
        uint64_t system_ticks;       /* stime, in clock ticks */
        uint64_t children_ticks;     /* cutime and cstime: of children that it has waited for, and theirs */
        uint64_t start_time;         /* since boot, in clock ticks: with the pid, a process's identity */
        uint64_t start_stack;        /* address, new with every exec; 0 where access is refused */
        int threads;
        int cpu; /* on which it last ran */
};

/* Parses the text of /proc/PID/stat; comm may contain ')' and spaces. */
int nsutil_stat_parse(const char *text, size_t len, struct nsutil_stat *ret);
/* Where the first thread has ended before others, state, ending, start_stack and cpu are those of another one. */
int nsutil_stat_read(pid_t pid, struct nsutil_stat *ret);

/*
 * For thread @tid of process @pid, that is looked at often: @ret_fd is the caller's; reading takes one system call.
 * Times and faults are the thread's own. /proc/TID/stat would be the whole process's, for which the kernel goes
 * through all its threads (do_task_stat() in fs/proc/array.c): 1.5 times as long for a process of 100.
 */
int nsutil_stat_open(pid_t pid, pid_t tid, int *ret_fd);
int nsutil_stat_reread(int fd, struct nsutil_stat *ret);

struct nsutil_status {
        pid_t process;                     /* Tgid: of a thread's TID the process that it is one of */
        uid_t uid;                         /* effective */
        uint64_t cap_eff;                  /* CapEff, a bit per capability */
        unsigned ns_depth;                 /* levels in ns_pid, at least 1 */
        pid_t ns_pid[NSUTIL_MAX_NS_DEPTH]; /* NSpid: outermost (ours) first, innermost last */
};

/* Parses the text of /proc/PID/status. A kernel without NSpid gives depth 1. */
int nsutil_status_parse(const char *text, size_t len, struct nsutil_status *ret);
int nsutil_status_read(pid_t pid, struct nsutil_status *ret);

/* The process that has thread @tid: people copy TIDs from `top -H` and `ps -L`. A PID is its own. */
int nsutil_process_of(pid_t tid, pid_t *ret);

struct nsutil_thread {
        pid_t tid;       /* in our PID namespace */
        pid_t inner_tid; /* in the innermost one: what the target itself calls it */
        char name[NSUTIL_COMM_SIZE];
};

/* A process of more threads than this is read up to here. */
#define NSUTIL_MAX_THREADS 65536

/*
 * Lists the threads of @pid. @ret is allocated, owned by the caller.
 * A thread that ends while the list is made is left out, as is the first one if it has ended.
 */
int nsutil_threads_read(pid_t pid, struct nsutil_thread **ret, size_t *ret_n);

/* The TIDs of the threads of @pid only: a hundredth of the work. Likewise. */
int nsutil_tids_read(pid_t pid, pid_t **ret, size_t *ret_n);

/* One thread of @pid, by its TID in our namespace. */
int nsutil_thread_read(pid_t pid, pid_t tid, struct nsutil_thread *ret);

/* What the scheduler says of a thread (/proc/PID/task/TID/schedstat; CONFIG_SCHED_INFO, as all distributions have). */
struct nsutil_times {
        uint64_t cpu_ns;  /* spent on a CPU; brought up to date at scheduler ticks and switches */
        uint64_t wait_ns; /* spent waiting for one */
        uint64_t slices;  /* times it was put on one; up to date at once */
};

/* Opens it for reading again and again; @ret_fd is the caller's. Reading fails with NSUTIL_E_GONE in the end. */
int nsutil_times_open(pid_t pid, pid_t tid, int *ret_fd);
int nsutil_times_read(int fd, struct nsutil_times *ret);

/*
 * When thread @tid of @pid was last seen on a CPU by the scheduler, in nanoseconds of that CPU's own
 * clock (se.exec_start of /proc/PID/task/TID/sched). A thread that is switched out has the moment of
 * that, and the one that follows it on the CPU begins with the very same. It goes on at scheduler ticks.
 * Opening is for reading again and again; @ret_fd is the caller's. NSUTIL_E_GONE also where a kernel has none.
 */
int nsutil_last_ran_open(pid_t pid, pid_t tid, int *ret_fd);
int nsutil_last_ran_read(int fd, uint64_t *ret);
int nsutil_last_ran_parse(const char *text, size_t len, uint64_t *ret);

/*
 * The PID or TID that was given away last in the PID namespace of /proc: where it is what it was, no thread
 * has been born since. @ret_fd is the caller's.
 */
int nsutil_newest_open(int *ret_fd);
int nsutil_newest_read(int fd, pid_t *ret);
int nsutil_newest_parse(const char *text, size_t len, pid_t *ret);

/*
 * CPU time that process @pid has used, in nanoseconds: of all its threads, those that
 * have ended included, up to this moment. NSUTIL_E_GONE once its parent has waited for it.
 */
int nsutil_cpu_ns(pid_t pid, uint64_t *ret);

/* Target of /proc/PID/exe, " (deleted)" taken off. @size >= 2; longer paths are cut. */
int nsutil_exe(pid_t pid, char *buf, size_t size);

/*
 * The command line as the target has it, arguments joined by spaces, cut to @size.
 * Empty for kernel threads.
 */
int nsutil_cmdline(pid_t pid, char *buf, size_t size);

/* A pidfd (close-on-exec), owned by the caller; readable once the process ends. */
int nsutil_pidfd_open(pid_t pid, int *ret_fd);

/*
 * Calls @each for every PID in /proc, in no particular order; stops when it
 * returns non-zero and returns that value.
 */
int nsutil_each_pid(int (*each)(pid_t pid, void *ctx), void *ctx);

/* ---- memory maps and files ---------------------------------------------- */

struct nsutil_map {
        uint64_t start, end; /* end exclusive */
        uint64_t offset;     /* into the file, bytes */
        dev_t dev;
        ino_t inode;      /* 0: no file */
        unsigned prot;    /* PROT_READ | PROT_WRITE | PROT_EXEC */
        bool deleted;     /* the file was unlinked; the mark is taken off path */
        const char *path; /* as the target sees it; "" for anonymous; escapes (\012) kept */
};

struct nsutil_maps {
        struct nsutil_map *maps; /* ascending */
        size_t n;
        char *text; /* what the paths point into */
};

/* A line of maps is about 100 bytes; processes with 65 530 (vm.max_map_count) fit. */
#define NSUTIL_MAPS_MAX ((size_t)16 << 20)

/*
 * Parses the text of /proc/PID/maps. @text is consumed (freed with @ret) on
 * success only. Deinitialise with nsutil_maps_deinit(), which accepts {0}.
 */
int nsutil_maps_parse(char *text, size_t len, struct nsutil_maps *ret);
int nsutil_maps_read(pid_t pid, struct nsutil_maps *ret);
void nsutil_maps_deinit(struct nsutil_maps *maps);

/*
 * Opens @path as the target sees it: below /proc/PID/root, links resolved inside
 * that root (openat2 with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, Linux 5.6),
 * regular files only, read only. @ret_fd is owned by the caller.
 */
int nsutil_open_in_root(pid_t pid, const char *path, int *ret_fd);

/*
 * Opens the very file behind @map: /proc/PID/map_files where it may be used
 * (CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN: also finds deleted and replaced
 * files), else by its path in the target's root if device and inode agree there.
 * NSUTIL_E_NOT_FOUND if that path holds another file by now, NSUTIL_E_HANGS if its file system may never answer.
 */
int nsutil_open_map(pid_t pid, const struct nsutil_map *map, int *ret_fd);

/*
 * Whether a process has mapped a file of a file system that may never answer: one that a program or another machine
 * serves (FUSE, NFS). Reading a page of it that is not in memory could then take for ever, and nothing ends that.
 */
bool nsutil_may_hang(pid_t pid);
bool nsutil_map_may_hang(pid_t pid, const struct nsutil_map *map);
/* Whether that may happen to who reads these bytes now. Pages that are in memory are harmless. */
bool nsutil_span_may_hang(pid_t pid, uint64_t addr, size_t len);
/* By the text of /proc/PID/mountinfo: whether there is such a mount; of device @dev, unless that is NULL. */
bool nsutil_mounts_may_hang(const char *text, size_t len, const dev_t *dev);

/* nsutil_read_proc() for "cmdline" and "environ", read from the process's memory: NSUTIL_E_HANGS, see attempt.h. */
bool nsutil_arguments_may_hang(pid_t pid);
int nsutil_read_arguments(pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_len);

/* ---- containers --------------------------------------------------------- */

/* 64 hex digits, Fargate's "32hex-digits", or an LXC name; behind those of users' own runtimes "@UID". */
#define NSUTIL_CONTAINER_ID_SIZE 128

/* A UUID, or the 32 hex digits that the kubelet gives to a pod from a file. */
#define NSUTIL_POD_UID_SIZE 37

/* Where a process is; "": in none. */
struct nsutil_place {
        char container_id[NSUTIL_CONTAINER_ID_SIZE];
        char pod_uid[NSUTIL_POD_UID_SIZE]; /* of Kubernetes; dashes restored */
};

/*
 * Finds the outermost container, and the pod that it is in, in the text of /proc/PID/cgroup; @own is that of
 * /proc/self/cgroup: a container that the reader is in as well counts only if there is no other. Knows Docker,
 * containerd, CRI-O, podman, nerdctl, LXC, ECS, Fargate and the kubelet, systemd and cgroupfs drivers, cgroup v1 and
 * v2. Below user.slice, where every user may make cgroups of any name, a container has "@UID" behind its id (UID is
 * empty where it is not known), and there are no pods.
 */
void nsutil_cgroup_place(const char *text, size_t len, const char *own, size_t own_len, struct nsutil_place *ret);

/*
 * The same for a process; by its mounts where the cgroup path is
 * hidden. NSUTIL_E_NOT_FOUND for a process of the host: @ret then has at most a pod.
 */
int nsutil_place(pid_t pid, struct nsutil_place *ret);

/*
 * Whether @pid is where container @id is, of which @first is a process that cannot be mistaken. NSUTIL_E_NOT_FOUND
 * if @first is in no container of that id (any more), so that it shows nothing; NSUTIL_E_GONE.
 */
int nsutil_place_agrees(pid_t pid, pid_t first, const char *id, bool *ret);

/* ---- cgroup hierarchies and their freezers -------------------------------- */

/* Longer paths of cgroups are not looked at. */
#define NSUTIL_CGROUP_PATH_SIZE 4096

/* Where a hierarchy of cgroups can be seen. */
struct nsutil_hierarchy {
        char controller[16];                 /* that it has, of cgroup v1; "": it is cgroup v2's */
        char root[NSUTIL_CGROUP_PATH_SIZE];  /* the cgroup that is mounted, as /proc/PID/cgroup would call it */
        char point[NSUTIL_CGROUP_PATH_SIZE]; /* where it is mounted */
};

/*
 * Finds the hierarchy with @controller ("freezer", "cpu"; "": cgroup v2's) in the text of
 * /proc/self/mountinfo. NSUTIL_E_NOT_FOUND if it is not mounted.
 */
int nsutil_hierarchy_parse(const char *text, size_t len, const char *controller, struct nsutil_hierarchy *ret);
int nsutil_hierarchy_find(const char *controller, struct nsutil_hierarchy *ret);

/*
 * The directory in @hierarchy of the cgroup that the text of a /proc/PID/cgroup names.
 * NSUTIL_E_NOT_FOUND if it is outside of what is mounted or seen from here.
 */
int nsutil_hierarchy_path(const struct nsutil_hierarchy *hierarchy, const char *text, size_t len,
                          char ret[static NSUTIL_CGROUP_PATH_SIZE]);

/* The two hierarchies that can freeze processes, as far as they are mounted here. */
struct nsutil_freezers {
        struct nsutil_hierarchy items[2];
        size_t n;
};

/* 0, or an error of reading /proc/self/mountinfo. */
int nsutil_freezers_find(struct nsutil_freezers *ret);

/*
 * Whether the thread's cgroup is frozen by now, itself or with one above it: by freezer.state
 * (v1) or by cgroup.events (v2, Linux 5.2). NSUTIL_E_NOT_FOUND where neither can be seen.
 */
int nsutil_frozen(const struct nsutil_freezers *freezers, pid_t pid, pid_t tid, bool *ret);

/* ---- CPU quotas of cgroups ------------------------------------------------ */

/* Of nested cgroups that have one, the innermost so many count. */
#define NSUTIL_QUOTAS_MAX 8

/* The cgroups of a process that have a quota, its own and those above it. */
struct nsutil_quota {
        int fds[NSUTIL_QUOTAS_MAX]; /* of their cpu.stat */
        size_t n;
};

/* NSUTIL_E_NOT_FOUND where none has a quota that can be seen. @ret is the caller's, to be closed. */
int nsutil_quota_open(pid_t pid, struct nsutil_quota *ret);
void nsutil_quota_close(struct nsutil_quota *quota); /* accepts {0} */

/* In how many periods they were kept from running, by now. It grows at the end of such a period. */
uint64_t nsutil_quota_throttles(const struct nsutil_quota *quota);

/* Whether the text of cpu.cfs_quota_us or cpu.max says that there is a quota. */
bool nsutil_quota_is_set(const char *text, size_t len);
/* Parses the text of cpu.stat. */
int nsutil_throttles_parse(const char *text, size_t len, uint64_t *ret);

/* ---- privileges --------------------------------------------------------- */

/* Whether this process has capability @cap (CAP_SYS_PTRACE, …) in effect. */
bool nsutil_has_cap(int cap);

/* Whether we are in the namespaces that the machine was started with. */
bool nsutil_in_initial_user_namespace(void);
bool nsutil_in_initial_pid_namespace(void);

/*
 * What AppArmor or SELinux call us: "unconfined", "docker-default (enforce)",
 * "system_u:system_r:spc_t:s0"; "" where neither is there. @size >= 1; longer ones
 * are cut. Whether that confines us.
 */
bool nsutil_label(char *ret, size_t size);

/*
 * Tries whether the memory of @pid may be read, without reading any: 0,
 * NSUTIL_E_DENIED, NSUTIL_E_GONE (also of threads of the kernel, which have none),
 * or -ENOSYS and the like.
 */
int nsutil_may_read(pid_t pid);

/* What /proc hides of other users' processes, by its mount options hidepid= and gid=. */
struct nsutil_hidepid {
        unsigned level; /* 0: nothing; 1: what is in them; 2: that they are there; 4: all that cannot be traced */
        gid_t gid;      /* whose members are let off, up to level 2 */
};

/* Of the mount on /proc, from the text of /proc/self/mountinfo. NSUTIL_E_NOT_FOUND without one. */
int nsutil_hidepid_parse(const char *text, size_t len, struct nsutil_hidepid *ret);

/* The level that holds for this process, 0 for one that is let off. */
unsigned nsutil_hiding(void);

/* Whether @pid is there, as kill(2) tells everybody, and /proc hides it. */
bool nsutil_is_hidden(pid_t pid);

/* kernel.yama.ptrace_scope: 0 to 3, or -1 where Yama is not there. */
int nsutil_yama_scope(void);

/* Why reading @pid's memory is refused, most likely cause first. */
enum nsutil_denial {
        NSUTIL_DENIAL_UNKNOWN,
        NSUTIL_DENIAL_YAMA_LOCKED,     /* ptrace_scope 3: nobody may, until reboot */
        NSUTIL_DENIAL_NO_CAP,          /* CAP_SYS_PTRACE missing */
        NSUTIL_DENIAL_USER_NAMESPACE,  /* ours is not an ancestor of the target's */
        NSUTIL_DENIAL_SECURITY_MODULE, /* AppArmor or SELinux is confining us */
};
enum nsutil_denial nsutil_denial(pid_t pid);

#include "attempt.h"

#endif
