/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following processes. find tells of every Python process that appears on the
 * machine; those whose line of parents leads to one of ours are taken in. One
 * that has lost its parents before it was seen (a daemon within the time of one
 * look) is not recognised, unless we have adopted it; one that lives for less
 * than that time may be missed: some 5 ms after its birth, or after its interpreter
 * has started, where the kernel tells of births, else up to a tenth of a second.
 */
#include "follow.h"

#include "family.h"

#include "agent/command/clock.h"
#include "agent/command/describe.h"
#include "agent/command/sampling.h"
#include "agent/command/say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uthash.h>

/* Scans of a machine whose births are not told take a hundredth of the time, as far as they can be put off. */
#define SCAN_COST_FACTOR 100
#define SCAN_MIN_NS 10000000u
#define SCAN_MAX_NS 100000000u

struct followed {
        pid_t pid;
        struct find_process process;
        int pidfd;
        bool gil_said; /* see sampling_say_gil() */
        UT_hash_handle hh;
};

struct follow {
        struct follow_config config;
        struct followed *items;
        pid_t command;
        uint64_t command_start_time;
        int epoll_fd;
        struct profile_set done;
        uint64_t scan_ns; /* when to scan next */
        int error;        /* of handling what a scan has found */
};

int follow_open(const struct follow_config *config, struct follow **ret)
{
        struct follow *f = calloc(1, sizeof *f);

        if (!f)
                return -ENOMEM;
        f->config = *config;
        f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (f->epoll_fd < 0) {
                int e = -errno;
                free(f);
                return e;
        }
        *ret = f;
        return 0;
}

static void forget(struct follow *f, struct followed *item)
{
        HASH_DEL(f->items, item);
        close(item->pidfd);
        free(item);
}

void follow_close(struct follow *f)
{
        struct followed *item, *next;

        if (!f)
                return;
        HASH_ITER(hh, f->items, item, next)
                forget(f, item);
        profile_set_deinit(&f->done);
        close(f->epoll_fd);
        free(f);
}

void follow_command(struct follow *f, pid_t pid, uint64_t start_time)
{
        f->command = pid;
        f->command_start_time = start_time;
}

size_t follow_alive(const struct follow *f)
{
        return HASH_COUNT(f->items);
}

/* ---- one process ---------------------------------------------------------------------- */

static struct followed *get(const struct follow *f, pid_t pid)
{
        struct followed *item;

        HASH_FIND_INT(f->items, &pid, item);
        return item;
}

/* Once the pidfd is open, the PID stays this process's until it is reaped: then it is seen to have ended. */
static int watch(struct follow *f, const struct find_process *process, int *ret_pidfd)
{
        struct epoll_event event = { .events = EPOLLIN, .data.fd = process->pid };
        struct nsutil_stat stat;
        int fd;
        int e = nsutil_pidfd_open(process->pid, &fd);

        if (e != 0)
                return e;
        e = nsutil_stat_read(process->pid, &stat);
        if (e == 0 && stat.start_time != process->start_time)
                e = NSUTIL_E_GONE;
        if (e == 0 && epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
                e = -errno;
        if (e != 0)
                close(fd);
        else
                *ret_pidfd = fd;
        return e;
}

static int start(struct follow *f, const struct find_process *process, struct pystack *py)
{
        struct followed *item = calloc(1, sizeof *item);

        if (!item)
                return -ENOMEM;
        *item = (struct followed){ .pid = process->pid, .process = *process };
        int e = watch(f, process, &item->pidfd);
        if (e == 0 && (e = sampler_add(f->config.sampler, process->pid, py)) != 0)
                close(item->pidfd);
        if (e != 0) {
                free(item);
                return e;
        }
        sampling_say_gil(f->config.sampler, item->pid, &item->gil_said);
        HASH_ADD_INT(f->items, pid, item);
        return 0;
}

int follow_add(struct follow *f, const struct find_process *process, struct pystack *py)
{
        int e = get(f, process->pid) ? -EEXIST : start(f, process, py);

        if (e != 0)
                pystack_close(py);
        return e == -EEXIST || e == NSUTIL_E_GONE ? 0 : e;
}

int follow_choice(struct follow *f, struct choice *choice)
{
        for (size_t i = 0; i < choice->n; i++) {
                struct chosen *chosen = &choice->items[i];
                int e = follow_add(f, &chosen->process, chosen->py);
                chosen->py = NULL;
                if (e != 0)
                        return say_error("process %d: %s", chosen->process.pid, nsutil_strerror(e));
        }
        return -1;
}

/* Takes the process's profile out of the sampler, with its name on it. */
static int finish(struct follow *f, struct followed *item)
{
        struct profile *profile = NULL;
        int e = sampler_remove(f->config.sampler, item->pid, &profile);

        if (e == 0)
                e = describe_process(profile, &item->process);
        if (e == 0)
                e = profile_set_add(&f->done, profile);
        if (e != 0)
                profile_free(profile);
        forget(f, item);
        return e < 0 ? e : 0;
}

int follow_drop(struct follow *f, pid_t pid)
{
        struct followed *item = get(f, pid);

        return item ? finish(f, item) : 0;
}

int follow_fd(const struct follow *f)
{
        return f->epoll_fd;
}

int follow_reap(struct follow *f)
{
        struct epoll_event event;
        int e = 0;

        for (struct followed *item = f->items; item; item = item->hh.next)
                sampling_say_gil(f->config.sampler, item->pid, &item->gil_said);
        while (e == 0 && epoll_wait(f->epoll_fd, &event, 1, 0) == 1)
                e = follow_drop(f, event.data.fd);
        return e;
}

/* ---- what was sampled ------------------------------------------------------------------ */

static int hand_over(struct follow *f, struct profile_set *set)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < f->done.n; i++) {
                e = profile_set_add(set, f->done.items[i]);
                if (e == 0)
                        f->done.items[i] = NULL;
        }
        profile_set_deinit(&f->done);
        return e;
}

int follow_take(struct follow *f, struct profile_set *set)
{
        struct followed *item, *next;
        int e = 0;

        HASH_ITER(hh, f->items, item, next) {
                struct profile *profile = NULL;
                if (e == 0 && (e = sampler_take(f->config.sampler, item->pid, &profile)) == 0 &&
                    (e = profile_set_add(&f->done, profile)) < 0)
                        profile_free(profile);
        }
        return e < 0 ? e : hand_over(f, set);
}

int follow_finish(struct follow *f, struct profile_set *set)
{
        struct followed *item, *next;
        int e = 0;

        HASH_ITER(hh, f->items, item, next)
                if (e == 0)
                        e = finish(f, item);
        return e < 0 ? e : hand_over(f, set);
}

/* ---- descendants ----------------------------------------------------------------------- */

static bool is_ours(const void *ctx, pid_t pid, uint64_t start_time)
{
        const struct follow *f = ctx;
        const struct followed *item = get(f, pid);

        return (item && item->process.start_time == start_time) ||
               (pid == f->command && start_time == f->command_start_time) || (f->config.adopted && pid == getpid());
}

static bool belongs(const struct follow *f, const struct find_process *process)
{
        const char *container = f->config.container_id;

        return (container && *container && strcmp(process->container_id, container) == 0) ||
               (f->config.pod && find_is_in_pod(process, f->config.pod)) ||
               family_descends(process->pid, process->start_time, is_ours, f);
}

static void born(void *ctx, const struct find_process *process, struct pystack *py)
{
        struct follow *f = ctx;
        bool mine = process->pid != f->command && !get(f, process->pid) && belongs(f, process);

        if (!mine) {
                pystack_close(py);
        } else if (!py) {
                say_not_profilable(process->pid, process->status, &process->info);
        } else {
                int e = follow_add(f, process, py);
                if (e != 0)
                        say("process %d cannot be followed: %s", process->pid, nsutil_strerror(e));
        }
}

static void ended(void *ctx, pid_t pid, uint64_t start_time)
{
        struct follow *f = ctx;
        const struct followed *item = get(f, pid);

        if (item && item->process.start_time == start_time && pid != f->command) {
                int e = follow_drop(f, pid);
                f->error = f->error ? f->error : e;
        }
}

int follow_scan(struct follow *f)
{
        struct find_events events = { .ctx = f, .born = born, .ended = ended };
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);

        if (!f->config.subprocesses || (!find_follows(f->config.find) && begin < f->scan_ns))
                return 0;
        f->error = 0;
        int e = find_scan(f->config.find, &events);
        uint64_t end = clock_ns(CLOCK_MONOTONIC), pause = (end - begin) * SCAN_COST_FACTOR;
        f->scan_ns = end + (pause < SCAN_MIN_NS ? SCAN_MIN_NS : pause > SCAN_MAX_NS ? SCAN_MAX_NS : pause);
        return e < 0 ? e : f->error < 0 ? f->error : 0;
}

int follow_scan_delay_ms(const struct follow *f)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        if (!f->config.subprocesses)
                return -1;
        if (find_follows(f->config.find))
                return find_timeout_ms(f->config.find);
        return f->scan_ns > now ? (int)((f->scan_ns - now) / 1000000u) + 1 : 0;
}
