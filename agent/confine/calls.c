/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls, by libseccomp. Rules without arguments cost nothing: the kernel
 * (5.11) remembers which calls a filter lets through whatever they are given.
 *
 * clone3 hides its flags behind a pointer, so it is said not to exist; glibc
 * then takes clone, whose flags say that it is a thread.
 */
#include "agent/confine/confine.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Set by glibc from 2.39 on for names of its own mappings. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/* What every C program of several threads does. */
static const char *const plain[] = {
        "brk", "clock_getres", "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex", "getegid", "geteuid",
        "getgid", "getgroups", "getpid", "getppid", "getrandom", "getrusage", "gettid", "gettimeofday", "getuid",
        "madvise", "membarrier", "mmap", "mprotect", "mremap", "munmap", "nanosleep", "prlimit64", "restart_syscall", "rseq",
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sched_getaffinity", "sched_getparam",
        "sched_getscheduler", "sched_yield", "set_robust_list", "sigaltstack", "sysinfo", "tgkill", "time", "uname",
        NULL,
};

/* Files and descriptors; what a spool and SQLite do to their own included. */
static const char *const files[] = {
        "access", "close", "close_range", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait",
        "epoll_wait",
        "eventfd2", "faccessat", "faccessat2", "fallocate", "fchmod", "fchown", "fcntl", "fdatasync", "flock", "fstat",
        "fstatfs", "fsync", "ftruncate", "getcwd", "getdents64", "link", "linkat", "lseek", "lstat", "mkdir", "mkdirat",
        "newfstatat", "open", "openat", "pipe2", "poll", "ppoll", "pread64", "pselect6", "pwrite64", "read", "readlink",
        "readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir", "select", "signalfd4", "stat", "statfs",
        "statx", "umask", "unlink", "unlinkat", "utimensat", "write", "writev", NULL,
};

static const char *const network[] = {
        "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
        "recvmmsg", "recvmsg", "sendfile", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair",
        NULL,
};

static const char *const looking[] = {
        "capget", "kcmp", "openat2", "perf_event_open", "pidfd_open", "process_vm_readv", "sched_get_priority_max",
        "sched_get_priority_min", "sched_setaffinity", "sched_setparam", "sched_setscheduler", NULL,
};

static const char *const stopping[] = { "ptrace", "wait4", "waitid", NULL };

#define LISTS_MAX 5

static const char *const *const roles[][LISTS_MAX + 1] = {
        [CONFINE_AGENT] = { plain, files, network, looking },
        [CONFINE_AGENT_BLOCKING] = { plain, files, network, looking, stopping },
        [CONFINE_COLLECTOR] = { plain, files, network },
};

/* Calls that are allowed with certain values only. */
static const struct {
        const char *name;
        unsigned argument;
        scmp_datum_t mask, value;
} limited[] = {
        { "clone", 0, CLONE_THREAD, CLONE_THREAD },
        { "socket", 0, UINT32_MAX, AF_UNIX },
        { "socket", 0, UINT32_MAX, AF_INET },
        { "socket", 0, UINT32_MAX, AF_INET6 },
        { "socket", 0, UINT32_MAX, AF_NETLINK }, /* the resolver asks which addresses this machine has */
        { "prctl", 0, UINT32_MAX, PR_SET_NAME },
        { "prctl", 0, UINT32_MAX, PR_SET_VMA },
        { "ioctl", 1, UINT32_MAX, TCGETS }, /* whether stderr is a terminal */
        { "ioctl", 1, UINT32_MAX, FIONBIO },
        { "ioctl", 1, UINT32_MAX, FIONREAD },
        { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_ENABLE },
        { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_DISABLE },
        { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_PERIOD },
        { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_SET_OUTPUT },
};

/* A call that this libseccomp does not know is none that this libc makes. */
static int allow(scmp_filter_ctx filter, const char *name)
{
        int call = seccomp_syscall_resolve_name(name);

        return call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

static int add_rules(scmp_filter_ctx filter, enum confine_role role)
{
        int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

        for (const char *const *const *list = roles[role]; *list && r == 0; list++)
                for (const char *const *name = *list; *name && r == 0; name++)
                        r = allow(filter, *name);
        for (size_t i = 0; i < sizeof(limited) / sizeof(*limited) && r == 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(limited[i].name), 1,
                                     SCMP_CMP(limited[i].argument, SCMP_CMP_MASKED_EQ, limited[i].mask,
                                              limited[i].value));
        return r;
}

int confine_calls(enum confine_role role, enum confine_answer answer)
{
        scmp_filter_ctx filter = seccomp_init(answer == CONFINE_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
        int r;

        if (!filter)
                return -ENOMEM;
        r = add_rules(filter, role);
        if (r == 0)
                r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}
