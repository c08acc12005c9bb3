/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/stat is one line: a name in parentheses and numbers behind it. The target chooses the name, and the kernel
 * does not escape it, so that only the last ')' of the line ends it.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Enough for 52 numbers of up to 20 digits, and a name. */
#define STAT_MAX ((size_t)4096)

/* Fields as proc(5) numbers them, from 1. */
enum {
        FIELD_PPID = 4,
        FIELD_SESSION = 6,
        FIELD_FLAGS = 9,
        FIELD_UTIME = 14,
        FIELD_STIME = 15,
        FIELD_CUTIME = 16,
        FIELD_CSTIME = 17,
        FIELD_THREADS = 20,
        FIELD_START_TIME = 22,
        FIELD_START_STACK = 28,
        FIELD_CPU = 39,
        FIELD_N,
};

/* Flags, from linux/sched.h. */
#define PF_EXITING 0x4u
#define PF_FORKNOEXEC 0x40u

/* Parses a number that may be negative. It is stored as two's complement. */
static bool parse_signed_number(struct nsutil_text *text, uint64_t *ret)
{
        bool negative;

        nsutil_text_blanks(text);
        negative = nsutil_text_prefix(text, "-");
        if (!nsutil_text_u64(text, 10, ret))
                return false;
        if (negative)
                *ret = 0 - *ret;
        return true;
}

static void copy_name(struct nsutil_text name, char ret[static NSUTIL_COMM_SIZE])
{
        size_t len = (size_t)(name.end - name.at);

        /* Kernel workers show longer names here than their comm. */
        if (len > NSUTIL_COMM_SIZE - 1)
                len = NSUTIL_COMM_SIZE - 1;
        memcpy(ret, name.at, len);
        ret[len] = '\0';
}

int nsutil_stat_parse(const char *text, size_t len, struct nsutil_stat *ret)
{
        struct nsutil_text rest = { text, text + len };
        struct nsutil_text name;
        uint64_t field[FIELD_N];
        struct nsutil_stat stat = { 0 };

        const char *close = len ? memrchr(text, ')', len) : NULL;
        if (!close || !nsutil_text_pid(&rest, &stat.pid) || !nsutil_text_prefix(&rest, " (") || rest.at > close)
                return NSUTIL_E_MALFORMED;
        name = (struct nsutil_text){ rest.at, close };
        rest.at = close + 1;
        if (!nsutil_text_prefix(&rest, " ") || rest.at == rest.end)
                return NSUTIL_E_MALFORMED;
        stat.state = *rest.at++;
        for (int i = FIELD_PPID; i < FIELD_N; i++)
                if (!parse_signed_number(&rest, &field[i]))
                        return NSUTIL_E_MALFORMED;

        copy_name(name, stat.comm);
        stat.ppid = (pid_t)field[FIELD_PPID];
        stat.session = (pid_t)field[FIELD_SESSION];
        stat.ending = (field[FIELD_FLAGS] & PF_EXITING) || stat.state == 'Z' || stat.state == 'X';
        stat.executed = !(field[FIELD_FLAGS] & PF_FORKNOEXEC);
        stat.user_ticks = field[FIELD_UTIME];
        stat.system_ticks = field[FIELD_STIME];
        stat.children_ticks = field[FIELD_CUTIME] + field[FIELD_CSTIME];
        stat.threads = (int)field[FIELD_THREADS];
        stat.start_time = field[FIELD_START_TIME];
        stat.start_stack = field[FIELD_START_STACK];
        stat.cpu = (int)field[FIELD_CPU];
        *ret = stat;
        return 0;
}

int nsutil_stat_read_at(pid_t pid, const char *name, struct nsutil_stat *ret)
{
        char *text;
        size_t len;
        int r = nsutil_read_proc(pid, name, STAT_MAX, &text, &len);

        if (r)
                return r;
        r = nsutil_stat_parse(text, len, ret);
        free(text);
        return r;
}

int nsutil_stat_read(pid_t pid, struct nsutil_stat *ret)
{
        struct nsutil_stat stat, living;
        int r = nsutil_stat_read_at(pid, "stat", &stat);

        if (r)
                return r;
        pid_t task = nsutil_is_survived(&stat) ? nsutil_task(pid) : pid;
        if (task != pid && nsutil_stat_read_at(task, "stat", &living) == 0) {
                stat.state = living.state;
                stat.ending = living.ending;
                stat.start_stack = living.start_stack;
                stat.cpu = living.cpu;
        }
        *ret = stat;
        return 0;
}

int nsutil_stat_open(pid_t pid, pid_t tid, int *ret_fd)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
        return nsutil_proc_open(path, ret_fd);
}

int nsutil_stat_reread(int fd, struct nsutil_stat *ret)
{
        char text[STAT_MAX];
        ssize_t len = pread(fd, text, sizeof(text), 0);

        return len < 0 ? nsutil_proc_error(errno) : nsutil_stat_parse(text, (size_t)len, ret);
}
