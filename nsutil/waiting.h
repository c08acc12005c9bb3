/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_WAITING_H
#define NSUTIL_WAITING_H

/*
 * Why a thread does not run, as the kernel tells it. Nothing stops the thread, and nothing is done to it.
 *
 * Three files of /proc/PID/task/TID say it (fs/proc/base.c and array.c of Linux, 4.14 to 6.18):
 *
 *   stat       the state: R, S (sleeps, a signal would wake it), D (sleeps, and none would), T and t (stopped)
 *   syscall    the system call that a sleeping thread is in, with its arguments. "-1": in none, it handles a page
 *              fault. "running": it ran while the kernel looked. It needs the right to trace (PTRACE_MODE_ATTACH)
 *   wchan      the function of the kernel in which it sleeps. "0": not known. It needs PTRACE_MODE_READ
 *
 * A reading is of one moment: schedstat counts how often the scheduler has put the thread on a CPU, and a reading
 * during which that has changed is thrown away. What is not certain is NSUTIL_WAIT_UNKNOWN.
 *
 * Not told here: whether a thread in state R runs, waits for a CPU, or is kept from it by a quota. No file says that of
 * one moment: two readings with the same slices and CPU time tell that it did not run in between, and the counts of
 * nsutil_quota_throttles() that a quota had a part in that. A program of 64 bits that makes calls of 32 bits (int 0x80)
 * is taken at its numbers: it can only lie about itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum nsutil_wait_kind {
        NSUTIL_WAIT_UNKNOWN,
        NSUTIL_WAIT_RUNNABLE, /* it runs, or waits for a CPU: `slices` and `cpu_ns` of two readings tell which */
        NSUTIL_WAIT_SLEEP,    /* for a time to pass, and nothing else but a signal */
        NSUTIL_WAIT_IO,       /* for a descriptor, a file or a message: `act` says how */
        NSUTIL_WAIT_FUTEX,    /* for a word of its memory: a lock of the program, or the GIL */
        NSUTIL_WAIT_LOCK,     /* for a lock that the kernel keeps: flock, fcntl, a semaphore of System V */
        NSUTIL_WAIT_CHILD,    /* for another process to end; after vfork, to execute a program */
        NSUTIL_WAIT_SIGNAL,   /* for a signal only */
        NSUTIL_WAIT_PAGE,     /* for a page of its memory */
        NSUTIL_WAIT_STOPPED,  /* by a signal, or by a tracer (state 't') */
        NSUTIL_WAIT_FROZEN,   /* with its cgroup */
        NSUTIL_WAIT_KINDS,
};

/* What a thread does with what it waits for. */
enum nsutil_wait_act {
        NSUTIL_ACT_NONE,
        NSUTIL_ACT_READ, /* any kind of receiving */
        NSUTIL_ACT_WRITE,
        NSUTIL_ACT_ACCEPT,
        NSUTIL_ACT_CONNECT,
        NSUTIL_ACT_POLL,    /* poll, ppoll */
        NSUTIL_ACT_SELECT,  /* select, pselect6 */
        NSUTIL_ACT_EPOLL,   /* epoll_wait and its kin */
        NSUTIL_ACT_AIO,     /* io_getevents, io_uring_enter */
        NSUTIL_ACT_SYNC,    /* until data are on the disk */
        NSUTIL_ACT_FILE,    /* open, stat, rename and the like: the file is named by a path, or the call changes it */
        NSUTIL_ACT_MESSAGE, /* queues of System V and POSIX */
};

/* What it waits for. */
enum nsutil_wait_thing {
        NSUTIL_THING_UNKNOWN,
        NSUTIL_THING_SOCKET,
        NSUTIL_THING_PIPE, /* also a FIFO, which has a path */
        NSUTIL_THING_FILE, /* whatever has a path: also folders and devices */
        NSUTIL_THING_TERMINAL,
        NSUTIL_THING_EVENTFD,
        NSUTIL_THING_TIMERFD,
        NSUTIL_THING_SIGNALFD,
        NSUTIL_THING_INOTIFY,
        NSUTIL_THING_EPOLL, /* an epoll descriptor that is read by poll, or one whose members are not known */
        NSUTIL_THING_PIDFD,
        NSUTIL_THING_URING,
        NSUTIL_THING_OTHER, /* another one without a path: `path` has the kernel's name for it */
        NSUTIL_THING_MANY,  /* several descriptors: `descriptors` says how many */
};

/* What has told the kind. */
enum nsutil_wait_source {
        NSUTIL_FROM_NOTHING,
        NSUTIL_FROM_STATE,
        NSUTIL_FROM_CGROUP,
        NSUTIL_FROM_CHANNEL, /* wchan */
        NSUTIL_FROM_CALL,    /* syscall, agreed with by wchan unless NSUTIL_MISSING_CHANNEL */
};

/* What could not be had. With NSUTIL_WAIT_UNKNOWN it is the reason of that. Bits. */
enum nsutil_wait_missing {
        NSUTIL_MISSING_CALL = 1 << 0,     /* syscall is refused, or not there */
        NSUTIL_MISSING_CHANNEL = 1 << 1,  /* wchan tells nothing */
        NSUTIL_MISSING_STILL = 1 << 2,    /* it kept running while it was read */
        NSUTIL_MISSING_TIMES = 1 << 3,    /* no schedstat: that it stood still was concluded from equal texts */
        NSUTIL_MISSING_MEANING = 1 << 4,  /* the system call, or the function of the kernel, is in no table */
        NSUTIL_MISSING_UNITY = 1 << 5,    /* the files contradict each other */
        NSUTIL_MISSING_NATIVE = 1 << 6,   /* it may be a 32-bit program, or is a thread of the kernel (io_uring's) */
        NSUTIL_MISSING_FREEZER = 1 << 7,  /* whether its cgroup is frozen */
        NSUTIL_MISSING_MEMORY = 1 << 8,   /* the set of descriptors could not be read */
        NSUTIL_MISSING_LINK = 1 << 9,     /* the descriptor could not be read, or is closed by now */
        NSUTIL_MISSING_ADDRESS = 1 << 10, /* the socket is in no table of its network namespace */
        NSUTIL_MISSING_BUDGET = 1 << 11,  /* there was more to read than is allowed */
};

enum nsutil_wait_timeout { NSUTIL_TIMEOUT_UNKNOWN, NSUTIL_TIMEOUT_NONE, NSUTIL_TIMEOUT_SET };

struct nsutil_wait {
        enum nsutil_wait_kind kind;
        enum nsutil_wait_act act;
        enum nsutil_wait_thing thing; /* as far as wchan tells it; nsutil_wait_detail() says more */
        enum nsutil_wait_source source;
        enum nsutil_wait_timeout timeout;
        unsigned missing; /* bits of nsutil_wait_missing */
        char state;       /* of stat */
        int cpu;          /* the CPU on which it last ran */
        int call;         /* number of the system call, as this machine counts; -1: in none, or not known */
        int fd;           /* that it waits for; -1: none, or several */
        int futex_op;     /* of FUTEX: with FUTEX_PRIVATE_FLAG and the like; -1: futex_waitv, or not known */
        uint64_t futex;   /* of FUTEX: address in the thread's memory; 0: not known */
        uint64_t args[6]; /* of the system call */
        uint64_t stack;   /* the thread's stack pointer in the system call; 0: not known */
        uint64_t pc;      /* likewise the address of its next instruction */
        uint64_t slices;  /* times that it was put on a CPU; 0: not known. As long as it stands, so does all this */
        uint64_t cpu_ns;  /* that it has run */
};

/* ---- reading ------------------------------------------------------------------------------ */

/* A thread that is looked at, once or often. Four descriptors, -1 where there is none. */
struct nsutil_wait_thread {
        pid_t pid, tid;
        int times, stat, call, channel;
};
#define NSUTIL_WAIT_CLOSED                                          \
        {                                                           \
                .times = -1, .stat = -1, .call = -1, .channel = -1, \
        }

/*
 * @tid is one of @pid's threads, both as we see them. @ret is the caller's, to be closed. NSUTIL_E_GONE, -EMFILE and the
 * like. That a file is not there or is refused is none of the errors: nsutil_wait_read() tells it by `missing`.
 */
int nsutil_wait_open(pid_t pid, pid_t tid, struct nsutil_wait_thread *ret);
void nsutil_wait_close(struct nsutil_wait_thread *thread);

struct nsutil_freezers;

/*
 * What @thread waits for now. @freezers: see nsutil_freezers_find(); NULL: it is not looked whether the cgroup of a
 * thread in state D is frozen, and such a thread is UNKNOWN. NSUTIL_E_GONE if the thread has ended, NSUTIL_E_DENIED
 * if not even stat can be read, NSUTIL_E_MALFORMED. That something is refused or unknown is no error.
 */
int nsutil_wait_read(const struct nsutil_wait_thread *thread, const struct nsutil_freezers *freezers,
                     struct nsutil_wait *ret);

/* Whether all of @wait is still so, since the thread has not run. One system call where `slices` is known. */
bool nsutil_wait_holds(const struct nsutil_wait_thread *thread, const struct nsutil_wait *wait);

/* ---- detail -------------------------------------------------------------------------------- */

/* How the memory of the thread can be read: 0, or any error. */
struct nsutil_wait_memory {
        int (*read)(void *ctx, uint64_t address, void *buf, size_t size);
        void *ctx;
};

#define NSUTIL_WAIT_PATH_SIZE 256

/* An end of a connection. */
struct nsutil_wait_address {
        uint8_t bytes[16]; /* in the network's order; of AF_INET the first 4 */
        uint16_t port;
        bool is_set; /* false: none, as the peer of a socket that listens */
};

struct nsutil_wait_detail {
        enum nsutil_wait_thing thing;
        unsigned missing;     /* bits of nsutil_wait_missing */
        int fd;               /* -1: none, or several */
        unsigned descriptors; /* that poll, select or epoll watch; 0: it is none of these, or not known */
        uint64_t inode;       /* of a socket or pipe; 0: not known */
        int family;           /* of a socket: AF_INET, AF_INET6, AF_UNIX; 0: not known */
        int protocol;         /* IPPROTO_TCP, IPPROTO_UDP; 0: neither, or not known */
        struct nsutil_wait_address local, peer;
        bool path_is_cut;
        /* Of a file, a FIFO, a terminal, or of the kernel's name for what has none; of a UNIX socket its own name, "@"
         * first if it is abstract. Any bytes that the target chose: to be escaped. Paths of files end in " (deleted)"
         * if they are. */
        char path[NSUTIL_WAIT_PATH_SIZE];
};

/*
 * The descriptor that @wait, a reading of @thread, names. Poll and select keep theirs in the thread's memory: @memory
 * may be NULL, then they are not known. @wait becomes a SLEEP where it turns out that no descriptor is watched and a
 * timeout is set, and UNKNOWN if the detail contradicts it. NSUTIL_E_NOT_FOUND: @wait has none. NSUTIL_E_GONE: the
 * thread has run since, or ended; @wait and @ret are untouched. NSUTIL_E_HANGS: see attempt.h.
 *
 * No file is opened or asked for its state: links of /proc/PID/fd are read, and of epoll's descriptors
 * /proc/PID/fdinfo. A descriptor that another thread has closed and opened anew while this one waits for it shows
 * what it is now.
 */
int nsutil_wait_detail(const struct nsutil_wait_thread *thread, const struct nsutil_wait_memory *memory,
                       struct nsutil_wait *wait, struct nsutil_wait_detail *ret);

/* What the descriptor @fd of the process @pid is, without addresses. Its link is read, and no file is asked. */
void nsutil_wait_descriptor(pid_t pid, int fd, struct nsutil_wait_detail *ret);

/* What reading the tables of sockets may take. A line of TCP is 150 bytes, and takes Linux 6.18 1.7 us. */
struct nsutil_wait_budget {
        size_t bytes;
        uint64_t cpu_ns; /* of the caller's thread */
};
#define NSUTIL_WAIT_SOCKET_BYTES ((size_t)16 << 20)
#define NSUTIL_WAIT_SOCKET_NS 50000000u

/*
 * Fills in family, protocol and addresses of the sockets among @details: all together, from the tables of the
 * network namespace of @pid (/proc/PID/net/{tcp,tcp6,udp,udp6,unix}), of which all must be. @budget: NULL for the
 * values above; both are looked at behind each read. What is not found gets NSUTIL_MISSING_ADDRESS or
 * NSUTIL_MISSING_BUDGET. NSUTIL_E_GONE, NSUTIL_E_DENIED, -ENOMEM. The peer of a UNIX socket is not told by these
 * tables.
 */
int nsutil_wait_addresses(pid_t pid, struct nsutil_wait_detail *const *details, size_t n,
                          const struct nsutil_wait_budget *budget);

/* ---- texts ---------------------------------------------------------------------------------- */

/* The text of /proc/PID/task/TID/syscall. */
struct nsutil_call {
        bool running;
        int number; /* -1: in no system call */
        uint64_t args[6];
        uint64_t stack, pc; /* both 0: a thread that has never been in user space */
};
int nsutil_call_parse(const char *text, size_t len, struct nsutil_call *ret);

enum nsutil_machine { NSUTIL_X86_64, NSUTIL_AARCH64, NSUTIL_MACHINES };

/* What is known of a thread, and was true at one moment. */
struct nsutil_wait_facts {
        enum nsutil_machine machine; /* of the kernel; NSUTIL_MACHINES: another one, whose calls are not known */
        char state;
        bool frozen, frozen_known;
        const struct nsutil_call *call; /* NULL: refused */
        const char *channel;            /* "": not known */
};

/* The judgement alone. Slices and times stay 0. */
void nsutil_wait_judge(const struct nsutil_wait_facts *facts, struct nsutil_wait *ret);

/* The number of system call @name on @machine, by the table; -1: it has none there, or is not in the table. */
int nsutil_call_number(enum nsutil_machine machine, const char *name);

/* Parses the target of a link /proc/PID/fd/N. */
void nsutil_wait_link_parse(const char *text, size_t len, struct nsutil_wait_detail *ret);

/* Parses an epoll descriptor's fdinfo: how many descriptors it watches, and one of them. -1 and 0: none. */
struct nsutil_epoll_member {
        int fd;
        uint64_t inode;
};
unsigned nsutil_epoll_parse(const char *text, size_t len, struct nsutil_epoll_member *ret);

/*
 * Parses a line of /proc/PID/net/tcp and the like. @family: AF_INET, AF_INET6 or AF_UNIX. The address is @ret's with
 * its inode; false if there is none.
 */
bool nsutil_socket_parse(int family, const char *line, size_t len, struct nsutil_wait_detail *ret);

#endif
