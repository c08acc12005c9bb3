/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows each process by a pidfd, which reports its end before another process can get its PID. Processes that the
 * user has named are looked at by named.c. find reports descendants and newcomers (newcomers.c).
 */
#include "follow_internal.h"

#include "agent/base/base.h"
#include "agent/command/cli/explanations.h"
#include "describe.h"
#include "refusals.h"
#include "sampling.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * How often the readers are checked, in ns. A CPU that was offline and is back has no samples for one or two of these
 * periods, since a check has to see its clock stand still.
 */
#define CHECK_NS UINT64_C(1000000000)

int follow_open(const struct follow_config *config, struct follow **ret)
{
        struct nsutil_stat own;
        struct follow *f = calloc(1, sizeof *f);

        if (!f)
                return -ENOMEM;
        f->config = *config;
        f->list = (struct watch_list){ .samplers = { config->sampler }, .n_samplers = 1 };
        f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        int e = f->epoll_fd < 0 ? -errno : 0;
        f->family = family_new();
        if (e == 0 && !f->family)
                e = -ENOMEM;
        if (e == 0 && config->starter > 0 && nsutil_stat_read(getpid(), &own) == 0)
                e = family_add(f->family, own.pid, own.start_time);
        if (e == 0)
                e = kinship_open(f, &f->kinship);
        if (e != 0) {
                follow_close(f);
                return e;
        }
        *ret = f;
        return 0;
}

pid_t follow_parent(const struct follow *f, pid_t pid)
{
        return f->config.starter > 0 && pid == f->config.starter ? getpid() : pid;
}

static void forget_followed(struct follow *f, struct followed *item)
{
        watched_remove(&f->list, &item->watched);
        close(item->pidfd);
        free(item);
}

void follow_close(struct follow *f)
{
        struct watched *w, *next;

        if (!f)
                return;
        HASH_ITER(hh, f->list.items, w, next)
                forget_followed(f, followed_of(w));
        family_free(f->family);
        kinship_close(f->kinship);
        missed_deinit(&f->missed);
        profile_set_deinit(&f->done);
        if (f->epoll_fd >= 0)
                close(f->epoll_fd);
        free(f);
}

size_t follow_sampled(const struct follow *f)
{
        return f->list.n_sampled;
}

bool follow_lives(const struct follow *f)
{
        return f->list.items || (f->config.subprocesses && family_lives(f->family));
}

/* ---- processes without a profile ----------------------------------------------------------------- */

/* Notes that a process gave no profile. @error is that of the last pystack_open(). */
static void note_missed(struct follow *f, const struct followed *item, int error)
{
        bool other = error == PYSTACK_E_NOT_PYTHON || error == PYSTACK_E_UNSUPPORTED;
        struct missed missed = { .pid = item->watched.pid,
                                 .start_time = item->watched.process.start_time,
                                 .asked = item->asked,
                                 .said = item->reported == error && error != 0,
                                 .parent = other && f->config.subprocesses };
        struct nsutil_stat stat = { 0 };
        const char *state = "";
        char why[EXPLANATION_SIZE];

        explain_not_profilable(item->watched.pid, error, &item->watched.process.info, why, sizeof why);
        if (nsutil_stat_read(item->watched.pid, &stat) != 0 || strchr("ZX", stat.state))
                state = error == PYSTACK_E_GONE ? "" : "it has ended; until then ";
        else if (strchr("Tt", stat.state))
                state = "it is stopped (SIGCONT lets it go on); ";
        snprintf(missed.why, sizeof missed.why, "%s%.700s", state, why);
        strcpy(missed.program, item->watched.process.cmdline);
        missed_add(&f->missed, &missed);
}

size_t follow_say_missed(struct follow *f, bool profiled)
{
        return missed_say(&f->missed, profiled, f->config.quiet);
}

uint64_t follow_unsampled_ms(const struct follow *f)
{
        return f->unsampled_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* ---- one process -------------------------------------------------------------------------- */

struct followed *follow_get(const struct follow *f, pid_t pid)
{
        return followed_of(watched_get(&f->list, pid));
}

/* Opens a pidfd. The PID then stays this process's until the process is reaped, and that shows as its end. */
static int watch_for_end(struct follow *f, struct followed *item)
{
        struct epoll_event event = { .events = EPOLLIN, .data.fd = item->watched.pid };
        struct nsutil_stat stat;
        int e = nsutil_pidfd_open(item->watched.pid, &item->pidfd);

        if (e != 0)
                return e;
        e = nsutil_stat_read(item->watched.pid, &stat);
        if (e == 0 && stat.start_time != item->watched.process.start_time)
                e = NSUTIL_E_GONE;
        if (e == 0 && epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, item->pidfd, &event) < 0)
                e = -errno;
        if (e != 0)
                close(item->pidfd);
        return e;
}

/* On failure its pidfd is closed. */
static int insert_followed(struct follow *f, struct followed *item)
{
        int e = watched_insert(&f->list, &item->watched);

        if (e != 0)
                close(item->pidfd);
        return e;
}

int follow_begin(struct follow *f, const struct find_process *process, const struct followed *how, int error,
                 struct followed **ret)
{
        struct followed *item = calloc(1, sizeof *item);

        *ret = NULL;
        if (!item)
                return -ENOMEM;
        *item = *how;
        item->watched.pid = process->pid;
        item->watched.process = *process;
        int e = watch_for_end(f, item);
        if (e == 0)
                e = family_add(f->family, item->watched.pid, process->start_time);
        if (e == 0)
                e = insert_followed(f, item);
        if (e == 0) {
                kinship_meet(f->kinship, item->watched.pid, 0);
                *ret = item;
                return 0;
        }
        if (e == NSUTIL_E_GONE)
                note_missed(f, item, error ? error : PYSTACK_E_GONE);
        free(item);
        return e == NSUTIL_E_GONE ? 0 : e;
}

uint64_t follow_foreign_ns(const struct follow *f)
{
        return f->foreign_ns;
}

static uint64_t ticks_of(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 ? stat.user_ticks + stat.system_ticks : 0;
}

/* Notes why a profile has no sample, as far as the kernel tells it. */
static void note_unsampled(struct follow *f, const struct followed *item)
{
        struct nsutil_stat stat;

        if (nsutil_stat_read(item->watched.pid, &stat) != 0)
                return;
        if (stat.user_ticks + stat.system_ticks > item->ticks)
                f->unsampled_ticks += stat.user_ticks + stat.system_ticks - item->ticks;
        if (strchr("Tt", stat.state))
                f->stopped = item->watched.pid;
}

void follow_note_sampled(struct follow *f, struct followed *item)
{
        watched_say_exceptions(&f->list, &item->watched);
        missed_remove(&f->missed, item->watched.pid, item->watched.process.start_time);
        refusals_drop(item->watched.pid);
        kinship_opened(f->kinship, item->watched.pid);
        item->profiled = true;
        item->foreign = false;
        item->reported = 0;
        if (f->config.watcher)
                f->config.watcher->sampled(f->config.watcher->ctx, &item->watched.process);
}

int follow_sample(struct follow *f, struct followed *item, struct pystack *py)
{
        uint64_t ticks = ticks_of(item->watched.pid);
        int e = watched_sample(&f->list, &item->watched, py);

        if (e != 0)
                return e;
        item->ticks = ticks;
        follow_note_sampled(f, item);
        return 0;
}

int follow_keep(struct follow *f, const struct find_process *process, struct profile *profile)
{
        int e = describe_process(profile, process);

        if (f->config.watcher)
                f->config.watcher->finished(f->config.watcher->ctx, process, profile);
        if (e == 0)
                e = profile_set_add(&f->done, profile);
        if (e != 0)
                profile_free(profile);
        return e;
}

/*
 * Notes that the process's memory does not answer. The process counts as not profiled, even if it gave samples before.
 */
static void note_silence(struct follow *f, struct followed *item)
{
        sampling_say_silence(item->watched.pid, &item->watched.said);
        item->reported = PYSTACK_E_HANGS;
        note_missed(f, item, PYSTACK_E_HANGS);
}

/* Takes the process's profile out of the sampler, and describes it. */
int follow_stop(struct follow *f, struct followed *item)
{
        struct profile *profile = NULL;

        if (!watched_is_sampled(&item->watched))
                return 0;
        watched_say_exceptions(&f->list, &item->watched);
        int e = watched_stop(&f->list, &item->watched, &profile);
        if (e == 0)
                kinship_booked(f->kinship, item->watched.pid, profile);
        kinship_stopped(f->kinship, item->watched.pid);
        if (item->watched.said.silence || nsutil_is_given_up(item->watched.pid))
                note_silence(f, item);
        if (e == 0 && profile_counters_of(profile)->ok == 0)
                note_unsampled(f, item);
        if (e == 0)
                e = follow_keep(f, &item->watched.process, profile);
        return e < 0 ? e : 0;
}

int follow_end(struct follow *f, struct followed *item)
{
        int e = follow_stop(f, item);

        if (item->named)
                named_end(f, item);
        if (!item->profiled && (!item->command || item->reported))
                note_missed(f, item, item->appear.error);
        forget_followed(f, item);
        return e;
}

/* ---- all of them --------------------------------------------------------------------------- */

int follow_fd(const struct follow *f)
{
        return f->epoll_fd;
}

static int end_those_that_ended(struct follow *f)
{
        struct epoll_event event;
        int e = 0;

        for (struct watched *w = f->list.items; w; w = w->hh.next)
                watched_say_exceptions(&f->list, w);
        while (e == 0 && epoll_wait(f->epoll_fd, &event, 1, 0) == 1)
                e = follow_end(f, follow_get(f, event.data.fd));
        return e;
}

/* A CPU that comes back has no reader until sampler_check() is called. */
static void look_after_readers(struct follow *f)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        struct sampler_health health;

        if (now < f->check_ns)
                return;
        if (f->check_ns > 0)
                sampling_check(f->config.sampler, &health);
        f->check_ns = now + CHECK_NS;
}

int follow_step(struct follow *f)
{
        struct watched *w, *next;
        int e = adopted_take(f);

        if (e == 0)
                e = end_those_that_ended(f);
        kinship_step(f->kinship);
        look_after_readers(f);
        HASH_ITER(hh, f->list.items, w, next)
                if (e == 0 && followed_of(w)->named)
                        e = named_look(f, followed_of(w));
        return e == 0 ? newcomers_scan(f) : e;
}

int follow_delay_ms(const struct follow *f)
{
        int delay = newcomers_delay_ms(f);

        for (struct watched *w = f->list.items; w; w = w->hh.next) {
                const struct followed *item = followed_of(w);
                int look = item->named ? appear_delay_ms(&item->appear) : -1;
                if (look >= 0 && (delay < 0 || look < delay))
                        delay = look;
        }
        return delay;
}

/* ---- what was sampled ---------------------------------------------------------------------- */

/* Moves the finished profiles to @set. @all: living processes are no longer followed. */
static int hand_over_profiles(struct follow *f, bool all, struct profile_set *set)
{
        int e = kinship_take(f->kinship, all, &f->done, &f->foreign_ns);

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
        struct watched *w, *next;
        int e = 0;

        HASH_ITER(hh, f->list.items, w, next) {
                struct followed *item = followed_of(w);
                struct profile *profile = NULL;
                if (e != 0 || !watched_is_sampled(&item->watched) ||
                    (e = watched_take(&f->list, &item->watched, &profile)) != 0)
                        continue;
                kinship_booked(f->kinship, item->watched.pid, profile);
                e = follow_keep(f, &item->watched.process, profile);
        }
        return e < 0 ? e : hand_over_profiles(f, false, set);
}

int follow_finish(struct follow *f, struct profile_set *set)
{
        struct watched *w, *next;
        int e = adopted_take(f);

        HASH_ITER(hh, f->list.items, w, next)
                if (e == 0)
                        e = follow_end(f, followed_of(w));
        return e < 0 ? e : hand_over_profiles(f, true, set);
}
