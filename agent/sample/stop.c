/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping a thread by ptrace. It is done only if the user asks for it, for targets that cannot be preempted.
 * PTRACE_SEIZE (Linux 3.4) sends no SIGSTOP, and PTRACE_INTERRUPT leaves no trace. If the tracer dies, even by SIGKILL,
 * the kernel detaches it and the thread goes on.
 */
#include "internal.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_our_child(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 && stat.ppid == getpid();
}

/*
 * Waits until the thread stops. If the thread ends instead, podflame has to wait for it, or the thread's parent would
 * not hear of the end. If podflame is that parent itself, the status is left for its own wait.
 */
static bool wait_for_stop(pid_t tid, int *ret_status)
{
        siginfo_t info = { 0 };
        int r;

        while ((r = waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL)) < 0 && errno == EINTR)
                ;
        bool ended = info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED;
        if (r < 0 || (ended && is_our_child(tid)))
                return false;
        return waitpid(tid, ret_status, __WALL) == tid && WIFSTOPPED(*ret_status);
}

bool thread_stop(pid_t tid, struct stopped *ret)
{
        int status;

        if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
                return false;
        if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0) {
                ptrace(PTRACE_DETACH, tid, 0, 0);
                return false;
        }
        if (!wait_for_stop(tid, &status))
                return false;
        /* PTRACE_EVENT_STOP is ours, or a job control stop; anything else is a signal on its way. */
        *ret = (struct stopped){ .tid = tid, .signal = status >> 16 ? 0 : WSTOPSIG(status) };
        return true;
}

void thread_release(const struct stopped *stopped)
{
        ptrace(PTRACE_DETACH, stopped->tid, 0, stopped->signal);
}
