/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that can wait, with their numbers: arch/x86/entry/syscalls/syscall_64.tbl and
 * include/uapi/asm-generic/unistd.h of Linux 6.18. Numbers are never given away anew. A call that is not listed tells
 * nothing: among them ioctl, which may mean anything, and those that wait for nothing but the kernel's own locks.
 */
#include "nsutil/wait/parts.h"

#include <string.h>

/* Name, numbers on x86-64 and aarch64, kind, act, argument of the descriptor, timeout and its argument. */
static const struct wait_call calls[] = {
        /* for time to pass */
        { "nanosleep", { 35, 101 }, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_NONE, -1, TIMEOUT_ALWAYS, 0 },
        { "clock_nanosleep", { 230, 115 }, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_NONE, -1, TIMEOUT_ALWAYS, 0 },
        /* for another process */
        { "wait4", { 61, 260 }, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        { "waitid", { 247, 95 }, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        { "vfork", { 58, -1 }, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        /* for a word of memory */
        { "futex", { 202, 98 }, NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, -1, TIMEOUT_POINTER, 3 },
        { "futex_waitv", { 449, 449 }, NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, -1, TIMEOUT_POINTER, 3 },
        { "futex_wait", { 455, 455 }, NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, -1, TIMEOUT_POINTER, 4 },
        /* for a lock of the kernel */
        { "flock", { 73, 32 }, NSUTIL_WAIT_LOCK, NSUTIL_ACT_NONE, 0, TIMEOUT_NEVER, 0 },
        { "fcntl", { 72, 25 }, NSUTIL_WAIT_LOCK, NSUTIL_ACT_NONE, 0, TIMEOUT_NEVER, 0 },
        { "semop", { 65, 193 }, NSUTIL_WAIT_LOCK, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        { "semtimedop", { 220, 192 }, NSUTIL_WAIT_LOCK, NSUTIL_ACT_NONE, -1, TIMEOUT_POINTER, 3 },
        /* for a signal */
        { "pause", { 34, -1 }, NSUTIL_WAIT_SIGNAL, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        { "rt_sigsuspend", { 130, 133 }, NSUTIL_WAIT_SIGNAL, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        { "rt_sigtimedwait", { 128, 137 }, NSUTIL_WAIT_SIGNAL, NSUTIL_ACT_NONE, -1, TIMEOUT_POINTER, 2 },
        /* for a descriptor */
        { "read", { 0, 63 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_NEVER, 0 },
        { "pread64", { 17, 67 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_NEVER, 0 },
        { "readv", { 19, 65 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_NEVER, 0 },
        { "preadv", { 295, 69 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_NEVER, 0 },
        { "preadv2", { 327, 286 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_NEVER, 0 },
        { "recvfrom", { 45, 207 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_NEVER, 0 },
        { "recvmsg", { 47, 212 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_NEVER, 0 },
        { "recvmmsg", { 299, 243 }, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, 0, TIMEOUT_POINTER, 4 },
        { "write", { 1, 64 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "pwrite64", { 18, 68 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "writev", { 20, 66 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "pwritev", { 296, 70 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "pwritev2", { 328, 287 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "sendto", { 44, 206 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "sendmsg", { 46, 211 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "sendmmsg", { 307, 269 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "sendfile", { 40, 71 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, -1, TIMEOUT_NEVER, 0 },
        { "splice", { 275, 76 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, -1, TIMEOUT_NEVER, 0 },
        { "tee", { 276, 77 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, -1, TIMEOUT_NEVER, 0 },
        { "vmsplice", { 278, 75 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, 0, TIMEOUT_NEVER, 0 },
        { "copy_file_range", { 326, 285 }, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, -1, TIMEOUT_NEVER, 0 },
        { "accept", { 43, 202 }, NSUTIL_WAIT_IO, NSUTIL_ACT_ACCEPT, 0, TIMEOUT_NEVER, 0 },
        { "accept4", { 288, 242 }, NSUTIL_WAIT_IO, NSUTIL_ACT_ACCEPT, 0, TIMEOUT_NEVER, 0 },
        { "connect", { 42, 203 }, NSUTIL_WAIT_IO, NSUTIL_ACT_CONNECT, 0, TIMEOUT_NEVER, 0 },
        /* for one of several */
        { "poll", { 7, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_POLL, -1, TIMEOUT_MS, 2 },
        { "ppoll", { 271, 73 }, NSUTIL_WAIT_IO, NSUTIL_ACT_POLL, -1, TIMEOUT_POINTER, 2 },
        { "select", { 23, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SELECT, -1, TIMEOUT_POINTER, 4 },
        { "pselect6", { 270, 72 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SELECT, -1, TIMEOUT_POINTER, 4 },
        { "epoll_wait", { 232, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_EPOLL, -1, TIMEOUT_MS, 3 },
        { "epoll_pwait", { 281, 22 }, NSUTIL_WAIT_IO, NSUTIL_ACT_EPOLL, -1, TIMEOUT_MS, 3 },
        { "epoll_pwait2", { 441, 441 }, NSUTIL_WAIT_IO, NSUTIL_ACT_EPOLL, -1, TIMEOUT_POINTER, 3 },
        { "io_getevents", { 208, 4 }, NSUTIL_WAIT_IO, NSUTIL_ACT_AIO, -1, TIMEOUT_POINTER, 4 },
        { "io_pgetevents", { 333, 292 }, NSUTIL_WAIT_IO, NSUTIL_ACT_AIO, -1, TIMEOUT_POINTER, 4 },
        { "io_uring_enter", { 426, 426 }, NSUTIL_WAIT_IO, NSUTIL_ACT_AIO, 0, TIMEOUT_NEVER, 0 },
        /* for a message */
        { "msgrcv", { 70, 188 }, NSUTIL_WAIT_IO, NSUTIL_ACT_MESSAGE, -1, TIMEOUT_NEVER, 0 },
        { "msgsnd", { 69, 189 }, NSUTIL_WAIT_IO, NSUTIL_ACT_MESSAGE, -1, TIMEOUT_NEVER, 0 },
        { "mq_timedreceive", { 243, 183 }, NSUTIL_WAIT_IO, NSUTIL_ACT_MESSAGE, 0, TIMEOUT_POINTER, 4 },
        { "mq_timedsend", { 242, 182 }, NSUTIL_WAIT_IO, NSUTIL_ACT_MESSAGE, 0, TIMEOUT_POINTER, 4 },
        /* for a disk, or who serves a file system. close() takes its descriptor away before it waits */
        { "fsync", { 74, 82 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SYNC, 0, TIMEOUT_NEVER, 0 },
        { "fdatasync", { 75, 83 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SYNC, 0, TIMEOUT_NEVER, 0 },
        { "sync_file_range", { 277, 84 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SYNC, 0, TIMEOUT_NEVER, 0 },
        { "syncfs", { 306, 267 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SYNC, 0, TIMEOUT_NEVER, 0 },
        { "sync", { 162, 81 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SYNC, -1, TIMEOUT_NEVER, 0 },
        { "msync", { 26, 227 }, NSUTIL_WAIT_IO, NSUTIL_ACT_SYNC, -1, TIMEOUT_NEVER, 0 },
        { "open", { 2, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "openat", { 257, 56 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "openat2", { 437, 437 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "creat", { 85, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "close", { 3, 57 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "stat", { 4, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "lstat", { 6, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "fstat", { 5, 80 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "newfstatat", { 262, 79 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "statx", { 332, 291 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "statfs", { 137, 43 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "fstatfs", { 138, 44 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "access", { 21, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "faccessat", { 269, 48 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "faccessat2", { 439, 439 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "getdents", { 78, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "getdents64", { 217, 61 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "readlink", { 89, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "readlinkat", { 267, 78 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "getxattr", { 191, 8 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "lgetxattr", { 192, 9 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "fgetxattr", { 193, 10 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "rename", { 82, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "renameat", { 264, 38 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "renameat2", { 316, 276 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "unlink", { 87, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "unlinkat", { 263, 35 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "rmdir", { 84, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "mkdir", { 83, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "mkdirat", { 258, 34 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "link", { 86, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "linkat", { 265, 37 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "symlink", { 88, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "symlinkat", { 266, 36 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "truncate", { 76, 45 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "ftruncate", { 77, 46 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "fallocate", { 285, 47 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "chmod", { 90, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "fchmod", { 91, 52 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "fchmodat", { 268, 53 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "chown", { 92, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "fchown", { 93, 55 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "lchown", { 94, -1 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "fchownat", { 260, 54 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "utimensat", { 280, 88 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "chdir", { 80, 49 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, -1, TIMEOUT_NEVER, 0 },
        { "fchdir", { 81, 50 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "readahead", { 187, 213 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        { "fadvise64", { 221, 223 }, NSUTIL_WAIT_IO, NSUTIL_ACT_FILE, 0, TIMEOUT_NEVER, 0 },
        /* says nothing of what it continues */
        { "restart_syscall", { 219, 128 }, NSUTIL_WAIT_UNKNOWN, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        /* waits if it has the flag CLONE_VFORK */
        { "clone", { 56, 220 }, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
        { "clone3", { 435, 435 }, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, -1, TIMEOUT_NEVER, 0 },
};

#define CALLS (sizeof(calls) / sizeof(*calls))

const struct wait_call *nsutil_wait_call_find(enum nsutil_machine machine, int number)
{
        if (machine >= NSUTIL_MACHINES || number < 0)
                return NULL;
        for (size_t i = 0; i < CALLS; i++)
                if (calls[i].number[machine] == number)
                        return &calls[i];
        return NULL;
}

int nsutil_call_number(enum nsutil_machine machine, const char *name)
{
        for (size_t i = 0; i < CALLS; i++)
                if (machine < NSUTIL_MACHINES && strcmp(calls[i].name, name) == 0)
                        return calls[i].number[machine];
        return -1;
}
