/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what the kernel says of a thread. The scheduler's count of a thread's slices, before and after, shows that
 * all of it is of one moment: a thread that slept when `syscall` was read, and has not been put on a CPU since, still
 * sleeps there. Without schedstat (CONFIG_SCHED_INFO) state and call are read twice and have to be equal, which a
 * thread that wakes up and does the same again passes as well.
 */
#include "nsutil/internal.h"
#include "nsutil/wait/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Readings of a thread that runs in between. */
#define WAIT_TRIES 3

/* A call is up to 170 bytes; a function's name, 512 (KSYM_NAME_LEN since Linux 6.1). */
#define WAIT_TEXT_SIZE 512

/* All that was read of a thread at one time. */
struct look {
        struct nsutil_times times; /* slices 0: not known */
        struct nsutil_stat stat;
        struct nsutil_call call;
        bool has_call;
        char channel[WAIT_TEXT_SIZE]; /* "": not known */
};

static int open_task_file(pid_t pid, pid_t tid, const char *name, int *ret_fd)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        *ret_fd = -1;
        snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
        return nsutil_proc_open(path, ret_fd);
}

int nsutil_wait_open(pid_t pid, pid_t tid, struct nsutil_wait_thread *ret)
{
        struct nsutil_wait_thread thread = NSUTIL_WAIT_CLOSED;
        const struct {
                const char *name;
                int *fd;
        } others[] = { { "schedstat", &thread.times }, { "syscall", &thread.call }, { "wchan", &thread.channel } };
        int r = open_task_file(pid, tid, "stat", &thread.stat);

        thread.pid = pid;
        thread.tid = tid;
        for (size_t i = 0; r == 0 && i < sizeof(others) / sizeof(*others); i++) {
                int other = open_task_file(pid, tid, others[i].name, others[i].fd);
                r = other < 0 ? other : 0;
        }
        if (r) {
                nsutil_wait_close(&thread);
                return r;
        }
        *ret = thread;
        return 0;
}

void nsutil_wait_close(struct nsutil_wait_thread *thread)
{
        int *const fds[] = { &thread->times, &thread->stat, &thread->call, &thread->channel };

        for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
                if (*fds[i] >= 0)
                        close(*fds[i]);
                *fds[i] = -1;
        }
}

/* ---- one look ------------------------------------------------------------------------------ */

/* Bytes of a file of /proc, or -1. */
static ssize_t read_again(int fd, char ret[static WAIT_TEXT_SIZE])
{
        return fd < 0 ? -1 : pread(fd, ret, WAIT_TEXT_SIZE - 1, 0);
}

/* Slices stay 0 where the kernel does not count them: it writes zeros then, or there is no file. */
static int read_slices(const struct nsutil_wait_thread *thread, struct nsutil_times *ret)
{
        int r = thread->times < 0 ? 0 : nsutil_times_read(thread->times, ret);

        return r == NSUTIL_E_GONE ? r : 0;
}

static bool read_call(const struct nsutil_wait_thread *thread, struct nsutil_call *ret)
{
        char text[WAIT_TEXT_SIZE];
        ssize_t len = read_again(thread->call, text);

        return len > 0 && nsutil_call_parse(text, (size_t)len, ret) == 0;
}

/* "0" is what the kernel writes where it may or can not tell. */
static void read_channel(const struct nsutil_wait_thread *thread, char ret[static WAIT_TEXT_SIZE])
{
        ssize_t len = read_again(thread->channel, ret);

        if (len < 0 || strncmp(ret, "0", (size_t)len) == 0)
                len = 0;
        ret[len] = '\0';
}

static bool is_asleep(char state)
{
        return state == 'S' || state == 'D';
}

static int look_once(const struct nsutil_wait_thread *thread, struct look *ret)
{
        struct look look = { .times = { 0 } };
        int r = read_slices(thread, &look.times);

        if (!r)
                r = nsutil_stat_reread(thread->stat, &look.stat);
        if (r)
                return r;
        if (look.stat.ending)
                return NSUTIL_E_GONE;
        if (is_asleep(look.stat.state)) {
                look.has_call = read_call(thread, &look.call);
                read_channel(thread, look.channel);
        }
        *ret = look;
        return 0;
}

static bool is_same_call(const struct nsutil_call *a, const struct nsutil_call *b)
{
        return a->running == b->running && a->number == b->number && a->stack == b->stack && a->pc == b->pc &&
               memcmp(a->args, b->args, sizeof(a->args)) == 0;
}

/* Whether the thread has stood still since. */
static bool stands_still(const struct nsutil_wait_thread *thread, const struct look *look)
{
        struct nsutil_times times = { 0 };
        struct look again;

        if (look->times.slices > 0)
                return read_slices(thread, &times) == 0 && times.slices == look->times.slices;
        return look_once(thread, &again) == 0 && again.stat.state == look->stat.state &&
               again.stat.user_ticks == look->stat.user_ticks && again.stat.system_ticks == look->stat.system_ticks &&
               again.has_call == look->has_call && is_same_call(&again.call, &look->call);
}

/* ---- readings -------------------------------------------------------------------------------- */

static enum nsutil_machine machine_of_kernel(void)
{
#if defined(__x86_64__)
        return NSUTIL_X86_64;
#elif defined(__aarch64__)
        return NSUTIL_AARCH64;
#else
        return NSUTIL_MACHINES;
#endif
}

/* A freezer shows in wchan, if at all, since it may leave a thread where it sleeps: see judge.c. */
static void ask_freezer(const struct nsutil_wait_thread *thread, const struct nsutil_freezers *freezers,
                        struct nsutil_wait_facts *facts)
{
        bool is_in_doubt = facts->state == 'D' || (facts->state == 'S' && !*facts->channel);

        if (freezers && is_in_doubt)
                facts->frozen_known = nsutil_frozen(freezers, thread->pid, thread->tid, &facts->frozen) == 0;
}

static int read_once(const struct nsutil_wait_thread *thread, const struct nsutil_freezers *freezers,
                     struct nsutil_wait *ret)
{
        struct look look;
        int r = look_once(thread, &look);

        if (r)
                return r;
        struct nsutil_wait_facts facts = { .machine = machine_of_kernel(),
                                           .state = look.stat.state,
                                           .call = look.has_call ? &look.call : NULL,
                                           .channel = look.channel };
        ask_freezer(thread, freezers, &facts);
        nsutil_wait_judge(&facts, ret);
        if (is_asleep(look.stat.state) && !stands_still(thread, &look)) {
                ret->kind = NSUTIL_WAIT_UNKNOWN;
                ret->source = NSUTIL_FROM_NOTHING;
                ret->missing = NSUTIL_MISSING_STILL;
        }
        if (look.times.slices == 0)
                ret->missing |= NSUTIL_MISSING_TIMES;
        ret->slices = look.times.slices;
        ret->cpu_ns = look.times.cpu_ns;
        ret->cpu = look.stat.cpu;
        return 0;
}

int nsutil_wait_read(const struct nsutil_wait_thread *thread, const struct nsutil_freezers *freezers,
                     struct nsutil_wait *ret)
{
        struct nsutil_wait wait;

        for (int i = 0; i < WAIT_TRIES; i++) {
                int r = read_once(thread, freezers, &wait);

                if (r)
                        return r;
                if (!(wait.missing & NSUTIL_MISSING_STILL))
                        break;
        }
        *ret = wait;
        return 0;
}

bool nsutil_wait_holds(const struct nsutil_wait_thread *thread, const struct nsutil_wait *wait)
{
        struct nsutil_times times = { 0 };
        struct nsutil_call call;

        if (wait->slices > 0)
                return read_slices(thread, &times) == 0 && times.slices == wait->slices;
        return read_call(thread, &call) && call.number == wait->call &&
               memcmp(call.args, wait->args, sizeof(call.args)) == 0;
}
