/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping a thread by ptrace: for targets that cannot be preempted, on demand
 * only. PTRACE_SEIZE (Linux 3.4) sends no SIGSTOP and PTRACE_INTERRUPT leaves no
 * trace; a tracer that dies, even by SIGKILL, is detached by the kernel and the
 * thread goes on.
 */
#include "internal.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

bool thread_stop(pid_t tid, struct stopped *ret)
{
        int status;
        pid_t r;

        if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0)
                return false;
        if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0) {
                ptrace(PTRACE_DETACH, tid, 0, 0);
                return false;
        }
        while ((r = waitpid(tid, &status, __WALL)) < 0 && errno == EINTR)
                ;
        if (r != tid || !WIFSTOPPED(status))
                return false; /* it has ended */
        /* PTRACE_EVENT_STOP is ours, or a job control stop; anything else is a signal on its way. */
        *ret = (struct stopped){ .tid = tid, .signal = status >> 16 ? 0 : WSTOPSIG(status) };
        return true;
}

void thread_release(const struct stopped *stopped)
{
        ptrace(PTRACE_DETACH, stopped->tid, 0, stopped->signal);
}
