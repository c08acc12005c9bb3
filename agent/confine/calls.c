/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls, limited by libseccomp. Rules without arguments cost nothing: the kernel (5.11) remembers which calls a
 * filter allows with any arguments.
 *
 * clone3 hides its flags behind a pointer, so the filter answers that it does not exist. glibc then uses clone, with
 * flags that say that it makes a thread.
 */
#include "agent/confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

/* glibc 2.39 and later use it to name its own mappings. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/*
 * TCGETS2, which isatty(3) uses since glibc 2.42. <asm/termbits.h> has its struct, but cannot be included together with
 * libc's headers.
 */
#define GETS2 _IOR('T', 0x2A, char[44])

/* A call that is allowed only with one value of an argument. The value is compared after masking. */
struct limited {
        const char *name;
        unsigned argument;
        scmp_datum_t mask, value;
};

/* Both arrays end with a NULL. They may be empty. */
struct list {
        const char *const *names;
        const struct limited *limited;
};

static const char *const no_names[] = { NULL };
static const struct limited no_limited[] = { { .name = NULL } };

/* Calls that every C program with several threads makes. */
static const struct list plain = {
        (const char *const[]){ "brk",
                               "clock_getres",
                               "clock_gettime",
                               "clock_nanosleep",
                               "exit",
                               "exit_group",
                               "futex",
                               "getegid",
                               "geteuid",
                               "getgid",
                               "getgroups",
                               "getpid",
                               "getppid",
                               "getrandom",
                               "getrusage",
                               "gettid",
                               "gettimeofday",
                               "getuid",
                               "madvise",
                               "membarrier",
                               "mmap",
                               "mprotect",
                               "mremap",
                               "munmap",
                               "nanosleep",
                               "prlimit64",
                               "restart_syscall",
                               "rseq",
                               "rt_sigaction",
                               "rt_sigprocmask",
                               "rt_sigreturn",
                               "rt_sigtimedwait",
                               "sched_getaffinity",
                               "sched_getparam",
                               "sched_getscheduler",
                               "sched_yield",
                               "set_robust_list",
                               "sigaltstack",
                               "sysinfo",
                               "tgkill",
                               "time",
                               "uname",
                               NULL },
        (const struct limited[]){ { "clone", 0, CLONE_THREAD, CLONE_THREAD },
                                  { "prctl", 0, UINT32_MAX, PR_SET_NAME },
                                  { "prctl", 0, UINT32_MAX, PR_SET_VMA },
                                  { .name = NULL } },
};

/* Calls on descriptors of any kind. */
static const struct list streams = {
        (const char *const[]){ "close",     "close_range", "dup",        "dup2",     "dup3",  "epoll_create1",
                               "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "fcntl", "fdatasync",
                               "fstat",     "fsync",       "ftruncate",  "lseek",    "pipe2", "poll",
                               "ppoll",     "pread64",     "pselect6",   "pwrite64", "read",  "readv",
                               "select",    "signalfd4",   "write",      "writev",   NULL },
        (const struct limited[]){
                { "ioctl", 1, UINT32_MAX, TCGETS }, /* whether it is a terminal */
                { "ioctl", 1, UINT32_MAX, GETS2 },
                { "newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH }, /* fstat(3) of glibc 2.33 to 2.38 */
                { .name = NULL } },
};

/* Listing and reading files by name. */
static const struct list naming = {
        (const char *const[]){ "access", "faccessat", "faccessat2", "fstatfs", "getcwd", "getdents64", "lstat",
                               "newfstatat", "readlink", "readlinkat", "stat", "statfs", "statx", NULL },
        no_limited,
};

#define O_CHANGING (O_ACCMODE | O_CREAT | O_TRUNC) /* O_RDONLY is 0 */

static const struct list reading = {
        no_names,
        (const struct limited[]){
                { "open", 1, O_CHANGING, O_RDONLY }, { "openat", 2, O_CHANGING, O_RDONLY }, { .name = NULL } },
};

/* Making and changing files, with the calls of a spool and of SQLite. */
static const struct list writing = {
        (const char *const[]){ "fallocate", "fchmod", "fchown", "flock", "link", "linkat", "mkdir", "mkdirat", "open",
                               "openat", "rename", "renameat", "renameat2", "rmdir", "umask", "unlink", "unlinkat",
                               "utimensat", NULL },
        no_limited,
};

static const struct list network = {
        (const char *const[]){ "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
                               "listen", "recvfrom", "recvmmsg", "recvmsg", "sendfile", "sendmmsg", "sendmsg", "sendto",
                               "setsockopt", "shutdown", "socketpair", NULL },
        (const struct limited[]){
                { "socket", 0, UINT32_MAX, AF_UNIX },
                { "socket", 0, UINT32_MAX, AF_INET },
                { "socket", 0, UINT32_MAX, AF_INET6 },
                { "socket", 0, UINT32_MAX, AF_NETLINK }, /* the resolver asks for this machine's addresses */
                { "ioctl", 1, UINT32_MAX, FIONBIO },
                { "ioctl", 1, UINT32_MAX, FIONREAD },
                { .name = NULL } },
};

/* Reading other processes. openat2 keeps its flags in memory, where no filter sees them. */
static const struct list looking = {
        (const char *const[]){ "capget", "kcmp", "openat2", "perf_event_open", "pidfd_open", "process_vm_readv",
                               "sched_get_priority_max", "sched_get_priority_min", "sched_setaffinity",
                               "sched_setparam", "sched_setscheduler", NULL },
        (const struct limited[]){ { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_ENABLE },
                                  { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_DISABLE },
                                  { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_ID },
                                  { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_PERIOD },
                                  { "ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_SET_OUTPUT },
                                  { "ioctl", 1, UINT32_MAX, NS_GET_OWNER_UID }, /* whose user namespace it is */
                                  { .name = NULL } },
};

/* Opening files below a folder. The path of what was found is opened for reading. */
static const struct list finding = { (const char *const[]){ "openat2", NULL }, no_limited };

/* Sends an order to the child that is not confined. No other socket can be opened. */
static const struct list ordering = { (const char *const[]){ "sendto", NULL }, no_limited };

/* Waits for children, and for stopped threads. */
static const struct list waiting = { (const char *const[]){ "wait4", "waitid", NULL }, no_limited };
static const struct list stopping = { (const char *const[]){ "ptrace", NULL }, no_limited };

/* Drawing on a terminal. Messages are kept in memory meanwhile. */
static const struct list terminal = {
        (const char *const[]){ "getpgrp", "memfd_create", NULL },
        (const struct limited[]){ { "ioctl", 1, UINT32_MAX, TCSETS },
                                  { "ioctl", 1, UINT32_MAX, TCSETSF },
                                  { "ioctl", 1, UINT32_MAX, TCSETSW },
                                  { "ioctl", 1, UINT32_MAX, TCFLSH },
                                  { "ioctl", 1, UINT32_MAX, TIOCGPGRP },
                                  { "ioctl", 1, UINT32_MAX, TIOCGWINSZ },
                                  { .name = NULL } },
};

/*
 * For builds with AddressSanitizer: at the end LeakSanitizer stops all threads from a process that shares this
 * process's memory, and searches all mappings.
 */
#ifdef __SANITIZE_ADDRESS__
static const struct list sanitizer = {
        (const char *const[]){ "getdents", "getdents64", "readlink", "wait4", NULL },
        (const struct limited[]){ { "clone", 0, CLONE_UNTRACED, CLONE_UNTRACED },
                                  { "open", 1, O_CHANGING, O_RDONLY },
                                  { "openat", 2, O_CHANGING, O_RDONLY },
                                  { "prctl", 0, UINT32_MAX, PR_GET_DUMPABLE },
                                  { "prctl", 0, UINT32_MAX, PR_SET_DUMPABLE },
                                  { "prctl", 0, UINT32_MAX, PR_SET_PDEATHSIG },
                                  { "prctl", 0, UINT32_MAX, PR_SET_PTRACER },
                                  { "ptrace", 0, UINT32_MAX, PTRACE_ATTACH },
                                  { "ptrace", 0, UINT32_MAX, PTRACE_CONT },
                                  { "ptrace", 0, UINT32_MAX, PTRACE_DETACH },
                                  { "ptrace", 0, UINT32_MAX, PTRACE_GETREGS },
                                  { "ptrace", 0, UINT32_MAX, PTRACE_GETREGSET },
                                  { .name = NULL } },
};
#define EVERY &plain, &streams, &sanitizer
#else
#define EVERY &plain, &streams
#endif

#define LISTS_MAX 10

static const struct list *const roles[][LISTS_MAX + 1] = {
        [CONFINE_AGENT] = { EVERY, &naming, &writing, &network, &looking },
        [CONFINE_AGENT_BLOCKING] = { EVERY, &naming, &writing, &network, &looking, &waiting, &stopping },
        [CONFINE_COLLECTOR] = { EVERY, &naming, &writing, &network },
        [CONFINE_RECORDER] = { EVERY, &naming, &reading, &looking, &ordering, &waiting, &terminal },
        [CONFINE_RECORDER_BLOCKING] = { EVERY, &naming, &reading, &looking, &ordering, &waiting, &terminal, &stopping },
        [CONFINE_VIEWER] = { EVERY, &naming, &reading, &network, &looking },
        [CONFINE_CONVERTER] = { EVERY, &ordering, &waiting },
        [CONFINE_SOURCE_READER] = { EVERY, &ordering, &waiting, &finding, &reading },
};

/* Allows a call. If this libseccomp does not know the call, this libc does not make it. */
static int allow_call(scmp_filter_ctx filter, const char *name)
{
        int call = seccomp_syscall_resolve_name(name);

        return call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

static int allow_call_with_argument(scmp_filter_ctx filter, const struct limited *l)
{
        int call = seccomp_syscall_resolve_name(l->name);

        return call == __NR_SCMP_ERROR ? 0
                                       : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                                          SCMP_CMP(l->argument, SCMP_CMP_MASKED_EQ, l->mask, l->value));
}

static int add_list(scmp_filter_ctx filter, const struct list *list)
{
        int r = 0;

        for (const char *const *name = list->names; *name && r == 0; name++)
                r = allow_call(filter, *name);
        for (const struct limited *l = list->limited; l->name && r == 0; l++)
                r = allow_call_with_argument(filter, l);
        return r;
}

static bool is_list_wanted(const struct list *wanted, const struct list *const *lists)
{
        while (*lists && *lists != wanted)
                lists++;
        return *lists;
}

static int add_rules(scmp_filter_ctx filter, enum confine_role role)
{
        int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

        for (const struct list *const *list = roles[role]; *list && r == 0; list++)
                r = add_list(filter, *list);
        /* On ^Z ncurses restores the terminal, and then stops this process by kill(2). */
        if (r == 0 && is_list_wanted(&terminal, roles[role]))
                r = allow_call_with_argument(filter,
                                             &(struct limited){ "kill", 0, UINT32_MAX, (scmp_datum_t)getpid() });
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
