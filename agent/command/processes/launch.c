/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command stays in podflame's process group. What the terminal sends (^C, ^\, hang-up), the kernel sends to the
 * whole group. What a process sends to podflame alone is passed on. ^Z needs nothing: the shell stops and continues the
 * whole group.
 */
#include "launch.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

/* ---- outside of the confinement ------------------------------------------------------------ */

/* Runs in the new process until it executes its program. Writes to @error_fd why it cannot. */
static _Noreturn void execute_command(const struct launch *launch, int error_fd)
{
        if (launch->pipe_kills)
                signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &launch->mask, NULL);
        execvp(*launch->argv, launch->argv);
        int error = errno;
        if (write(error_fd, &error, sizeof error) != sizeof error)
                _exit(LAUNCH_UNKNOWN);
        _exit(LAUNCH_NOT_RUNNABLE);
}

/*
 * Starts the command as a child of podflame, by CLONE_PARENT (Linux 2.3.13), not as a child of this helper. So podflame
 * can wait for it, adopts its orphans and is its ancestor, which Yama asks for.
 */
static int start_command_process(void *ctx, int argument)
{
        struct launch *launch = ctx;
        int pipe[2], error;

        (void)argument;
        if (pipe2(pipe, O_CLOEXEC) < 0)
                return -errno;
        launch->pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
        if (launch->pid == 0)
                execute_command(launch, pipe[1]);
        int e = launch->pid < 0 ? -errno : launch->pid;
        close(pipe[1]);
        if (e > 0 && TEMP_FAILURE_RETRY(read(pipe[0], &error, sizeof error)) == sizeof error)
                e = -error;
        close(pipe[0]);
        return e;
}

static int pass_on_signal(void *ctx, int number)
{
        const struct launch *launch = ctx;

        return launch->pid > 0 && kill(launch->pid, number) == 0 ? 0 : -ESRCH;
}

/* ---- inside ------------------------------------------------------------------------------------ */

static int block_signals(struct launch *launch)
{
        struct sigaction pipe_action;
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
                sigaddset(&set, passed_on[i]);
        if (sigprocmask(SIG_BLOCK, &set, &launch->mask) < 0 || sigaction(SIGPIPE, NULL, &pipe_action) < 0)
                return -errno;
        launch->pipe_kills = pipe_action.sa_handler != SIG_IGN;
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_DFL); /* if it is ignored, the kernel throws statuses away */
        launch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return launch->signals < 0 ? -errno : 0;
}

int launch_open(struct launch *ret, char **argv, bool adopt)
{
        int e = block_signals(ret);

        ret->argv = argv;
        if (e == 0 && adopt && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                e = -errno;
        return e;
}

void launch_duties(struct launch *launch, const struct outside *outside,
                   struct outside_duty duties[static OUTSIDE_DEEDS])
{
        launch->outside = outside;
        duties[OUTSIDE_START] = (struct outside_duty){ start_command_process, launch };
        duties[OUTSIDE_SIGNAL] = (struct outside_duty){ pass_on_signal, launch };
}

static void close_ended_fd(struct launch *launch)
{
        if (launch->ended_fd >= 0)
                close(launch->ended_fd);
        launch->ended_fd = -1;
}

static void note_ended(struct launch *launch, int status)
{
        launch->ended = true;
        launch->status = status;
}

int launch_start(struct launch *launch)
{
        close_ended_fd(launch);
        launch->pid = 0;
        int pid = outside_ask(launch->outside, OUTSIDE_START, 0);
        if (pid < 0) {
                note_ended(launch, pid == -ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_NOT_RUNNABLE);
                return -pid;
        }
        launch->pid = pid;
        launch->ended = false;
        if (nsutil_pidfd_open(launch->pid, &launch->ended_fd) != 0)
                launch->ended_fd = -1; /* out of descriptors: its end shows when it is reaped */
        return 0;
}

void launch_forward(struct launch *launch)
{
        struct signalfd_siginfo info;

        while (read(launch->signals, &info, sizeof info) == sizeof info) {
                launch->told_to_stop |= info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2;
                if (info.ssi_code <= 0 && launch->pid > 0 && !launch->ended) /* above 0: the kernel has sent it */
                        outside_ask(launch->outside, OUTSIDE_SIGNAL, (int)info.ssi_signo);
        }
}

/*
 * Collects one child if it has ended. The thread that stops threads by ptrace waits for their stops itself. WNOWAIT
 * leaves these stops to it.
 */
static bool reap_child(struct launch *launch, idtype_t type, pid_t pid)
{
        siginfo_t info = { 0 };
        int status;

        if (waitid(type, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
                return false;
        if (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED)
                return false;
        if (waitpid(info.si_pid, &status, 0) == launch->pid)
                note_ended(launch, WIFSIGNALED(status) ? LAUNCH_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status));
        return true;
}

/* Until the command is reaped, no other process can get its PID. */
bool launch_reap(struct launch *launch)
{
        siginfo_t info;

        if (!launch->ended)
                reap_child(launch, P_PID, launch->pid);
        while (reap_child(launch, P_ALL, 0))
                ; /* they were orphans that podflame has adopted */
        if (!launch->ended && waitid(P_PID, (id_t)launch->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                note_ended(launch, LAUNCH_UNKNOWN); /* it was reaped elsewhere */
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
        close_ended_fd(launch);
}
