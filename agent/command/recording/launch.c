/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a command in our place. It stays in our process group: what the
 * terminal sends (^C, ^\, hang-up) the kernel sends to the whole group, what a
 * process sends to us alone is passed on. Ours to stop and continue (^Z) is the
 * shell's business, which does both to the whole group as well.
 */
#include "launch.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

int launch_open(struct launch *ret)
{
        struct sigaction pipe_action;
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
                sigaddset(&set, passed_on[i]);
        if (sigprocmask(SIG_BLOCK, &set, &ret->mask) < 0 || sigaction(SIGPIPE, NULL, &pipe_action) < 0)
                return -errno;
        ret->pipe_kills = pipe_action.sa_handler != SIG_IGN;
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_DFL); /* where it is ignored, the kernel throws statuses away */
        ret->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return ret->signals < 0 ? -errno : 0;
}

static int spawn(const struct launch *launch, char **argv, pid_t *ret)
{
        posix_spawnattr_t attributes;
        sigset_t defaults;
        int e = posix_spawnattr_init(&attributes);

        if (e != 0)
                return e;
        sigemptyset(&defaults);
        if (launch->pipe_kills)
                sigaddset(&defaults, SIGPIPE);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attributes, &launch->mask);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        e = posix_spawnp(ret, *argv, NULL, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
        return e;
}

static void close_ended(struct launch *launch)
{
        if (launch->ended_fd >= 0)
                close(launch->ended_fd);
        launch->ended_fd = -1;
}

static void set_ended(struct launch *launch, int status)
{
        launch->ended = true;
        launch->status = status;
}

int launch_start(struct launch *launch, char **argv, bool adopt)
{
        if (adopt)
                prctl(PR_SET_CHILD_SUBREAPER, 1);
        close_ended(launch);
        launch->pid = 0;
        int e = spawn(launch, argv, &launch->pid);
        if (e != 0) {
                set_ended(launch, e == ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_NOT_RUNNABLE);
                return e;
        }
        launch->ended = false;
        e = nsutil_pidfd_open(launch->pid, &launch->ended_fd);
        if (e < 0)
                launch->ended_fd = -1; /* out of descriptors: its end shows when it is reaped */
        return 0;
}

void launch_forward(struct launch *launch)
{
        struct signalfd_siginfo info;

        while (read(launch->signals, &info, sizeof info) == sizeof info) {
                launch->told_to_stop |= info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2;
                if (info.ssi_code <= 0 && launch->pid > 0 && !launch->ended) /* above 0: the kernel's */
                        kill(launch->pid, (int)info.ssi_signo);
        }
}

/*
 * Collects one child if it has ended. A thread of ours that stops threads by
 * ptrace waits for them by itself: their stops, which every wait of ours would be
 * told of, are not to be taken from it.
 */
static bool reap_one(struct launch *launch, idtype_t type, pid_t pid)
{
        siginfo_t info = { 0 };
        int status;

        if (waitid(type, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
                return false;
        if (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED)
                return false;
        if (waitpid(info.si_pid, &status, 0) == launch->pid)
                set_ended(launch, WIFSIGNALED(status) ? LAUNCH_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status));
        return true;
}

/* Until it is reaped, the command's PID cannot be another's. */
bool launch_reap(struct launch *launch)
{
        siginfo_t info;

        if (!launch->ended)
                reap_one(launch, P_PID, launch->pid);
        while (reap_one(launch, P_ALL, 0))
                ; /* orphans that were adopted */
        if (!launch->ended && waitid(P_PID, (id_t)launch->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                set_ended(launch, LAUNCH_UNKNOWN); /* somebody else has reaped it */
        return launch->ended;
}

/* How often to look for the end of a command without a pidfd, and for ended orphans. */
#define REAP_MS 250

int launch_wait(struct launch *launch)
{
        struct pollfd fds[] = { { .fd = launch->signals, .events = POLLIN },
                                { .fd = launch->ended_fd, .events = POLLIN } };

        while (!launch_reap(launch)) {
                poll(fds, 2, REAP_MS);
                launch_forward(launch);
        }
        return launch->status;
}

void launch_close(struct launch *launch)
{
        if (launch->signals >= 0)
                close(launch->signals);
        launch->signals = -1;
        close_ended(launch);
}
