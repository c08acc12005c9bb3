/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders and answers go through a pair of sockets, each in a message of its own. When podflame ends, in whatever way,
 * its end is closed, and then the child ends too.
 */
#include "outside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct order {
        int deed, argument;
};

/*
 * Closes descriptors that are closed on exec: they are podflame's own. A pipe that waits for all its writers to close
 * it must not wait for this child.
 */
static void close_all_files_but(int but)
{
        DIR *dir = opendir("/proc/self/fd");

        for (struct dirent *entry; dir && (entry = readdir(dir));) {
                int fd = atoi(entry->d_name);
                if (fd > STDERR_FILENO && fd != but && fd != dirfd(dir) && fcntl(fd, F_GETFD) == FD_CLOEXEC)
                        close(fd);
        }
        if (dir)
                closedir(dir);
}

static int perform_order(const struct outside_duty *duties, const struct order *order)
{
        const struct outside_duty *duty = order->deed >= 0 && order->deed < OUTSIDE_DEEDS ? &duties[order->deed] : NULL;

        return duty && duty->perform ? duty->perform(duty->ctx, order->argument) : -ENOSYS;
}

static _Noreturn void perform_orders_until_closed(const struct outside_duty *duties, int fd)
{
        struct order order;

        prctl(PR_SET_NAME, "podflame-out");
        close_all_files_but(fd);
        while (TEMP_FAILURE_RETRY(read(fd, &order, sizeof order)) == sizeof order) {
                int answer = perform_order(duties, &order);
                if (send(fd, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
                        break;
        }
        _exit(0);
}

static bool has_any(const struct outside_duty *duties)
{
        size_t i = 0;

        while (i < OUTSIDE_DEEDS && !duties[i].perform)
                i++;
        return i < OUTSIDE_DEEDS;
}

int outside_open(const struct outside_duty duties[static OUTSIDE_DEEDS], struct outside *ret)
{
        sigset_t all, before;
        int fds[2];

        if (!has_any(duties))
                return 0;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before); /* the child blocks all signals from its first moment on */
        pid_t pid = fork();
        if (pid == 0)
                perform_orders_until_closed(duties, fds[1]);
        int e = pid < 0 ? -errno : 0;
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(fds[1]);
        if (e < 0)
                close(fds[0]);
        else
                *ret = (struct outside){ .pid = pid, .fd = fds[0] };
        return e;
}

int outside_ask(const struct outside *outside, enum outside_deed deed, int argument)
{
        const struct order order = { .deed = (int)deed, .argument = argument };
        int answer;

        if (outside->pid == 0 || send(outside->fd, &order, sizeof order, MSG_NOSIGNAL) != sizeof order ||
            TEMP_FAILURE_RETRY(read(outside->fd, &answer, sizeof answer)) != sizeof answer)
                return -ESRCH;
        return answer;
}

void outside_close(struct outside *outside)
{
        if (outside->fd >= 0)
                close(outside->fd);
        if (outside->pid > 0)
                TEMP_FAILURE_RETRY(waitpid(outside->pid, NULL, 0));
        *outside = (struct outside)OUTSIDE_NONE;
}
