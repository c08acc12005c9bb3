/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/task/TID/sched. Kernels since 6.15 always have it, older ones with CONFIG_SCHED_DEBUG, which all
 * distributions set. It has lines of "name : number" (kernel/sched/debug.c, proc_sched_show_task()). The number of
 * se.exec_start is milliseconds, a point, and six digits.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Enough for the first lines: se.exec_start is in the third, behind the one with the thread's name. */
#define SCHED_MAX ((size_t)512)

#define NS_PER_MS 1000000u
#define FRACTION_DIGITS 6

static bool parse_ms(struct nsutil_text text, uint64_t *ret)
{
        uint64_t ms, ns;

        nsutil_text_blanks(&text);
        if (!nsutil_text_u64(&text, 10, &ms) || ms > UINT64_MAX / NS_PER_MS - 1 || !nsutil_text_prefix(&text, "."))
                return false;
        const char *digits = text.at;
        if (!nsutil_text_u64(&text, 10, &ns) || text.at - digits != FRACTION_DIGITS)
                return false;
        *ret = ms * NS_PER_MS + ns;
        return true;
}

int nsutil_last_ran_parse(const char *text, size_t len, uint64_t *ret)
{
        struct nsutil_text rest = { text, text + len }, line, name;

        /*
         * The thread's name comes first, and may look like any line. Lines behind the rule of dashes are the kernel's.
         */
        while (nsutil_text_line(&rest, &line) && !nsutil_text_prefix(&line, "--------"))
                ;
        while (nsutil_text_line(&rest, &line))
                if (nsutil_text_until(&line, ':', &name) && nsutil_text_prefix(&name, "se.exec_start"))
                        return parse_ms(line, ret) ? 0 : NSUTIL_E_MALFORMED;
        return NSUTIL_E_MALFORMED;
}

int nsutil_last_ran_open(pid_t pid, pid_t tid, int *ret_fd)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof(path), "/proc/%d/task/%d/sched", pid, tid);
        return nsutil_proc_open(path, ret_fd);
}

int nsutil_last_ran_read(int fd, uint64_t *ret)
{
        char text[SCHED_MAX];
        ssize_t len = pread(fd, text, sizeof(text), 0);

        return len < 0 ? nsutil_proc_error(errno) : nsutil_last_ran_parse(text, (size_t)len, ret);
}
