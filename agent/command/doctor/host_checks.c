/* SPDX-License-Identifier: Apache-2.0 */
/* The tests for which doctor visits all processes of the machine. */
#include "checks.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Reading one byte is enough. */
#define ENVIRON_MAX 1

/*
 * Tests reading the memory of the user's own child, as record -- COMMAND needs it. The child waits until the test is
 * done.
 */
int doctor_try_child(void)
{
        int pipes[2];

        if (pipe(pipes) < 0)
                return -errno;
        pid_t pid = fork();
        if (pid == 0) {
                char byte;
                close(pipes[1]);
                _exit(read(pipes[0], &byte, 1) > 0);
        }
        close(pipes[0]);
        int r = pid > 0 ? nsutil_may_read(pid) : -errno;
        close(pipes[1]);
        if (pid > 0)
                waitpid(pid, NULL, 0);
        return r;
}

static void try_environ(struct doctor_host *host, pid_t pid)
{
        struct nsutil_status status;
        char *text = NULL;
        size_t len;

        if (nsutil_status_read(pid, &status) != 0 || status.uid == geteuid())
                return;
        int r = nsutil_read_proc(pid, "environ", ENVIRON_MAX, &text, &len);
        free(text);
        host->foreign += r != NSUTIL_E_GONE;
        host->environs += r == 0 || r == NSUTIL_E_TOO_BIG;
}

static int try_process(pid_t pid, void *ctx)
{
        struct doctor_host *host = ctx;

        if (pid == getpid())
                return 0;
        int r = nsutil_may_read(pid);
        if (r == NSUTIL_E_GONE)
                return 0;
        host->processes++;
        host->readable += r == 0;
        if (r != 0)
                host->refused = pid;
        try_environ(host, pid);
        return 0;
}

int doctor_examine_host(struct doctor_host *host)
{
        struct nsutil_place place;
        int r = sample_probe(&host->sample);

        if (r < 0)
                return r;
        host->contained = nsutil_place(getpid(), &place) == 0 || !nsutil_in_initial_pid_namespace();
        r = nsutil_each_pid(try_process, host);
        return r < 0 ? r : 0;
}
