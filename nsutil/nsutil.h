/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_H
#define NSUTIL_H

/*
 * nsutil: what the operating system says about a PID.
 *
 * nsutil reads everything from /proc with bounded reads, or opens it below /proc/PID/root without leaving that root.
 * The target may be hostile: it chooses its names, its links and the files in its root. nsutil never writes to a
 * target, executes nothing of it, and enters no namespace (no setns).
 *
 * Errors, as in all of podflame's libraries: 0 is success; a negative value is -errno, to be forwarded unchanged; a
 * positive value is an nsutil_error that the caller is expected to handle. Return parameters are untouched on failure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum nsutil_error {
        NSUTIL_E_GONE = 1,  /* the process or thread has ended */
        NSUTIL_E_DENIED,    /* the kernel refuses the access: see nsutil_denial() */
        NSUTIL_E_NOT_FOUND, /* what was searched does not have it */
        NSUTIL_E_MALFORMED, /* the text is not what the kernel writes */
        NSUTIL_E_TOO_BIG,   /* more bytes than the stated bound */
        NSUTIL_E_HANGS,     /* reading it may block for ever: see nsutil_may_hang() */
};

/* A sentence fragment for @error, an nsutil_error or a negative errno. */
const char *nsutil_strerror(int error);

/* ---- bounded reading ---------------------------------------------------- */

/*
 * Reads a whole file of unknown size (procfs says 0), at most @max bytes. NSUTIL_E_TOO_BIG if the file has more.
 * @ret_text is NUL-terminated and allocated; the caller frees it with free().
 */
int nsutil_read_file_at(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len);

/* Opens a file for nsutil_read_fd() if it is a regular file. A FIFO in its place does not block the caller. */
int nsutil_open_file_at(int dirfd, const char *path, int *ret_fd);

/* Like nsutil_read_file_at(), for an open file, from its offset on. @fd is not consumed. */
int nsutil_read_fd(int fd, size_t max, char **ret_text, size_t *ret_len);

/*
 * Like nsutil_read_file_at(), for /proc/@pid/@name. ENOENT and ESRCH become NSUTIL_E_GONE. If the first thread has
 * ended and its file is empty, reads the file of another thread of the process: see nsutil_task().
 */
int nsutil_read_proc(pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_len);

/* ---- processes and threads ---------------------------------------------- */

/*
 * The thread through which the process's memory and files can be seen. It is @pid itself, unless that thread has ended
 * before others. Callers that name the thread to the kernel themselves need this; functions of nsutil that take a
 * process's PID call it themselves.
 */
pid_t nsutil_task(pid_t pid);

/* Linux limits PID namespaces to 32 levels (MAX_PID_NS_LEVEL, since 3.7). */
#define NSUTIL_MAX_NS_DEPTH 33

/* TASK_COMM_LEN of the kernel, the NUL included. */
#define NSUTIL_COMM_SIZE 16

struct nsutil_stat {
        pid_t pid;
        pid_t ppid;
        pid_t session;               /* PID of the session's leader; it stays taken while the session has a process */
        char comm[NSUTIL_COMM_SIZE]; /* may hold any byte but NUL */
        char state;                  /* R S D Z T t X I */
        bool ending;   /* the thread has begun to exit (PF_EXITING), or has exited: its memory may be gone already */
        bool executed; /* since it was forked (not PF_FORKNOEXEC) */
        uint64_t user_ticks;     /* utime, in clock ticks */
        uint64_t system_ticks;   /* stime, in clock ticks */
        uint64_t children_ticks; /* cutime and cstime: of children that it has waited for, and of their children */
        uint64_t start_time;     /* since boot, in clock ticks; PID and start time together identify a process */
        uint64_t start_stack;    /* an address that changes with every exec; 0 where access is refused */
        int threads;
        int cpu; /* the CPU on which it last ran */
};

/* Parses the text of /proc/PID/stat; comm may contain ')' and spaces. */
int nsutil_stat_parse(const char *text, size_t len, struct nsutil_stat *ret);
/* If the first thread has ended before others, state, ending, start_stack and cpu are those of another thread. */
int nsutil_stat_read(pid_t pid, struct nsutil_stat *ret);

/*
 * For a thread @tid of process @pid that is read often. Reading takes one system call. The caller closes @ret_fd. Times
 * and faults are the thread's own. /proc/TID/stat would give those of the whole process, for which the kernel visits
 * all its threads (do_task_stat() in fs/proc/array.c): that takes 1.5 times as long for a process of 100 threads.
 */
int nsutil_stat_open(pid_t pid, pid_t tid, int *ret_fd);
int nsutil_stat_reread(int fd, struct nsutil_stat *ret);

struct nsutil_status {
        pid_t process;     /* Tgid: the PID of the process that the thread belongs to */
        uid_t uid;         /* effective */
        uint64_t cap_eff;  /* CapEff, one bit per capability */
        unsigned ns_depth; /* levels in ns_pid, at least 1 */
        /* NSpid: the PID in the outermost namespace (the reader's) first, in the innermost last */
        pid_t ns_pid[NSUTIL_MAX_NS_DEPTH];
};

/* Parses the text of /proc/PID/status. A kernel without NSpid gives depth 1. */
int nsutil_status_parse(const char *text, size_t len, struct nsutil_status *ret);
int nsutil_status_read(pid_t pid, struct nsutil_status *ret);

/* Finds the process that has thread @tid, which people copy from `top -H` and `ps -L`. A PID gives itself. */
int nsutil_process_of(pid_t tid, pid_t *ret);

struct nsutil_thread {
        pid_t tid;       /* in the reader's PID namespace */
        pid_t inner_tid; /* in the innermost PID namespace: the TID that the target itself knows */
        char name[NSUTIL_COMM_SIZE];
};

/* At most this many threads of a process are listed. */
#define NSUTIL_MAX_THREADS 65536

/*
 * Lists the threads of @pid. @ret is allocated, owned by the caller. A thread that ends while the list is made is left
 * out. The first thread is left out if it has ended.
 */
int nsutil_threads_read(pid_t pid, struct nsutil_thread **ret, size_t *ret_n);

/* Lists only the TIDs of the threads of @pid, a hundredth of the work. @ret is allocated, owned by the caller. */
int nsutil_tids_read(pid_t pid, pid_t **ret, size_t *ret_n);

/* One thread of @pid, by its TID in our namespace. */
int nsutil_thread_read(pid_t pid, pid_t tid, struct nsutil_thread *ret);

/* What the scheduler says about a thread (/proc/PID/task/TID/schedstat; all distributions set CONFIG_SCHED_INFO). */
struct nsutil_times {
        uint64_t cpu_ns;  /* time on a CPU; the kernel updates it at scheduler ticks and switches */
        uint64_t wait_ns; /* time spent waiting for a CPU */
        uint64_t slices;  /* how often the thread was put on a CPU; the kernel updates it at once */
};

/* Opens a thread's schedstat, owned by the caller. Reading fails with NSUTIL_E_GONE once the thread has ended. */
int nsutil_times_open(pid_t pid, pid_t tid, int *ret_fd);
int nsutil_times_read(int fd, struct nsutil_times *ret);

/*
 * When the scheduler last saw thread @tid of @pid on a CPU, in nanoseconds of that CPU's own clock (se.exec_start of
 * /proc/PID/task/TID/sched). While a thread runs, the value is updated at scheduler ticks. A thread that is switched
 * out keeps the moment of the switch; the thread that follows it on the CPU starts with the same value.
 *
 * Opening is for repeated reading. The caller closes @ret_fd. NSUTIL_E_GONE also if the kernel has no such file.
 */
int nsutil_last_ran_open(pid_t pid, pid_t tid, int *ret_fd);
int nsutil_last_ran_read(int fd, uint64_t *ret);
int nsutil_last_ran_parse(const char *text, size_t len, uint64_t *ret);

/*
 * The PID or TID that the kernel assigned last in the PID namespace of /proc. While it has not changed, no thread has
 * been born. The caller closes @ret_fd.
 */
int nsutil_newest_open(int *ret_fd);
int nsutil_newest_read(int fd, pid_t *ret);
int nsutil_newest_parse(const char *text, size_t len, pid_t *ret);

/*
 * CPU time that process @pid has used up to this moment, in nanoseconds. It includes all its threads, also those that
 * have ended. NSUTIL_E_GONE once its parent has waited for it.
 */
int nsutil_cpu_ns(pid_t pid, uint64_t *ret);

/* Target of /proc/PID/exe, without " (deleted)" at its end. @size >= 2; longer paths are cut. */
int nsutil_exe(pid_t pid, char *buf, size_t size);

/* The command line as the target has it, arguments joined by spaces, cut to @size. It is empty for kernel threads. */
int nsutil_cmdline(pid_t pid, char *buf, size_t size);

/* Opens a pidfd (close-on-exec), owned by the caller. It becomes readable once the process ends. */
int nsutil_pidfd_open(pid_t pid, int *ret_fd);

/*
 * Calls @each for every PID in /proc, in no particular order. If @each returns non-zero, stops and returns that value.
 */
int nsutil_each_pid(int (*each)(pid_t pid, void *ctx), void *ctx);

/* ---- memory maps and files ---------------------------------------------- */

struct nsutil_map {
        uint64_t start, end; /* end exclusive */
        uint64_t offset;     /* into the file, bytes */
        dev_t dev;
        ino_t inode;      /* 0: no file */
        unsigned prot;    /* PROT_READ | PROT_WRITE | PROT_EXEC */
        bool deleted;     /* the file was unlinked; path is without the kernel's " (deleted)" */
        const char *path; /* as the target sees it; "" for anonymous; escapes (\012) kept */
};

struct nsutil_maps {
        struct nsutil_map *maps; /* ascending */
        size_t n;
        char *text; /* the paths point into it */
};

/* A line of maps is about 100 bytes, so that a process with 65 530 mappings (vm.max_map_count) fits. */
#define NSUTIL_MAPS_MAX ((size_t)16 << 20)

/*
 * Parses the text of /proc/PID/maps. @text is consumed on success only: it is freed with @ret. Deinitialise with
 * nsutil_maps_deinit(), which accepts {0}.
 */
int nsutil_maps_parse(char *text, size_t len, struct nsutil_maps *ret);
int nsutil_maps_read(pid_t pid, struct nsutil_maps *ret);
void nsutil_maps_deinit(struct nsutil_maps *maps);

/*
 * Opens @path as the target sees it, below /proc/PID/root, read only, if it is a regular file. Links are resolved
 * inside that root (openat2 with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, Linux 5.6). @ret_fd is owned by the caller.
 */
int nsutil_open_in_root(pid_t pid, const char *path, int *ret_fd);

/*
 * The same for a path that may lead to a file system which never answers: NSUTIL_E_HANGS. If the process sees such a
 * mount, a path that leaves the mount of its root is found only if the kernel has all of it in memory.
 */
int nsutil_open_in_root_at_once(pid_t pid, const char *path, int *ret_fd);

/*
 * The same for a folder that the user has named: opens @path for reading as if @root_fd, a folder that is open with
 * O_PATH, were the root of all. It may block, if the user's folder does.
 */
int nsutil_open_below(int root_fd, const char *path, int *ret_fd);

/*
 * Opens the very file behind @map. Uses /proc/PID/map_files if that is allowed (CAP_CHECKPOINT_RESTORE or
 * CAP_SYS_ADMIN), which also finds deleted and replaced files. Otherwise opens its path in the target's root, if device
 * and inode agree there. NSUTIL_E_NOT_FOUND if that path holds another file by now, NSUTIL_E_HANGS if its file system
 * may never answer.
 */
int nsutil_open_map(pid_t pid, const struct nsutil_map *map, int *ret_fd);

/*
 * Whether a process has mapped a file of a file system that may never answer, because a program or another machine
 * serves it (FUSE, NFS). Reading a page of the file that is not in memory could then block for ever, and nothing ends
 * that.
 */
bool nsutil_may_hang(pid_t pid);
bool nsutil_map_may_hang(pid_t pid, const struct nsutil_map *map);
/* Whether reading these bytes now may block for ever. Pages that are in memory can be read safely. */
bool nsutil_span_may_hang(pid_t pid, uint64_t addr, size_t len);
/*
 * Whether the text of /proc/PID/mountinfo has a mount of a file system that may never answer. If @dev is not NULL, only
 * mounts of that device count.
 */
bool nsutil_mounts_may_hang(const char *text, size_t len, const dev_t *dev);

/* nsutil_read_proc() for "cmdline" and "environ", which the kernel reads from the process's memory: NSUTIL_E_HANGS. */
bool nsutil_arguments_may_hang(pid_t pid);
int nsutil_read_arguments(pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_len);

/* ---- containers --------------------------------------------------------- */

/* 64 hex digits, Fargate's "32hex-digits", or an LXC name. An id of a user's own runtime has "@UID" behind it. */
#define NSUTIL_CONTAINER_ID_SIZE 128

/* A UUID, or the 32 hex digits that the kubelet gives to a static pod, one that it reads from a file. */
#define NSUTIL_POD_UID_SIZE 37

/* The container and the pod that a process is in. "": it is in none. */
struct nsutil_place {
        char container_id[NSUTIL_CONTAINER_ID_SIZE];
        char pod_uid[NSUTIL_POD_UID_SIZE]; /* Kubernetes's, with its dashes restored */
};

/*
 * Finds the outermost container of a process, and its pod, in the text of the process's /proc/PID/cgroup. @own is the
 * text of /proc/self/cgroup, and may have lines of further processes behind it. A container that one of these is in as
 * well counts only if there is no other.
 *
 * Knows Docker, containerd, CRI-O, podman, nerdctl, LXC, ECS, Fargate and the kubelet, the drivers systemd and
 * cgroupfs, cgroup v1 and v2. Below user.slice every user may make cgroups of any name. A container there has "@UID"
 * behind its id (UID is empty if it is not known), and no pod.
 */
void nsutil_cgroup_place(const char *text, size_t len, const char *own, size_t own_len, struct nsutil_place *ret);

/*
 * Finds container and pod of process @pid by its cgroup, or by its mounts if the cgroup's path is hidden.
 * NSUTIL_E_NOT_FOUND for a process of the host: @ret then has at most a pod.
 */
int nsutil_place(pid_t pid, struct nsutil_place *ret);

/*
 * Whether @pid is in container @id. @first is a process that is certainly in that container. NSUTIL_E_NOT_FOUND if
 * @first is not, or no longer, in a container of that id: it then proves nothing. NSUTIL_E_GONE.
 */
int nsutil_place_agrees(pid_t pid, pid_t first, const char *id, bool *ret);

/* ---- privileges --------------------------------------------------------- */

/* Whether this process has capability @cap (CAP_SYS_PTRACE, …) in effect. */
bool nsutil_has_cap(int cap);

/*
 * kernel.perf_event_paranoid, which says how much of perf events the kernel grants without a capability: -1 (all) to 2
 * (one's own threads), in Debian's and Ubuntu's kernels also 3 and 4. Returns whether it can be read.
 */
bool nsutil_perf_paranoid(int *ret);

/*
 * Whether kernel.perf_event_paranoid is above 2, and this process does not have the machine's CAP_SYS_ADMIN. Linux itself takes no notice of
 * such levels. Debian's kernel refuses all perf events then, whatever CAP_PERFMON says (perf_paranoid_any() in its
 * kernel/events/core.c; tried with 6.1.176), and Ubuntu's is said to do so. Others may do otherwise. So this is for words, after a refusal.
 */
bool nsutil_perf_wants_admin(void);

/* Why the kernel has refused perf events to this process, as a clause: "CAP_PERFMON is missing". */
const char *nsutil_perf_denial(void);

/* Whether podflame is in the namespaces that the machine was started with. */
bool nsutil_in_initial_user_namespace(void);
bool nsutil_in_initial_pid_namespace(void);

/*
 * The label that AppArmor or SELinux gives podflame: "unconfined", "docker-default (enforce)",
 * "system_u:system_r:spc_t:s0"; "" if neither is there. @size >= 1; longer labels are cut. Returns whether the label
 * confines podflame.
 */
bool nsutil_label(char *ret, size_t size);

/*
 * Tries whether the memory of @pid may be read, without reading any. 0, NSUTIL_E_DENIED, NSUTIL_E_GONE (also for kernel
 * threads, which have no memory), or -ENOSYS and the like.
 */
int nsutil_may_read(pid_t pid);

/* What /proc hides about other users' processes, by its mount options hidepid= and gid=. */
struct nsutil_hidepid {
        /* 0: nothing; 1: the files in their directories; 2: the directories too; 4: all that cannot be traced */
        unsigned level;
        gid_t gid; /* group whose members see everything, up to level 2 */
};

/*
 * Parses the options of the mount on /proc in the text of /proc/self/mountinfo. NSUTIL_E_NOT_FOUND if it has no such
 * mount.
 */
int nsutil_hidepid_parse(const char *text, size_t len, struct nsutil_hidepid *ret);

/* The level that applies to this process; 0 if it is exempt. */
unsigned nsutil_hiding(void);

/* Whether process @pid exists and /proc hides it. */
bool nsutil_is_hidden(pid_t pid);

/* kernel.yama.ptrace_scope: 0 to 3, or -1 without Yama. */
int nsutil_yama_scope(void);

/* Why reading @pid's memory is refused, most likely cause first. */
enum nsutil_denial {
        NSUTIL_DENIAL_UNKNOWN,
        NSUTIL_DENIAL_YAMA_LOCKED,     /* ptrace_scope 3: nobody may read, until reboot */
        NSUTIL_DENIAL_NO_CAP,          /* CAP_SYS_PTRACE is missing */
        NSUTIL_DENIAL_USER_NAMESPACE,  /* podflame's user namespace is not an ancestor of the target's */
        NSUTIL_DENIAL_SECURITY_MODULE, /* AppArmor or SELinux confines podflame */
};
enum nsutil_denial nsutil_denial(pid_t pid);

#include "attempt.h"
#include "hierarchy.h"
#include "waiting.h"

#endif
