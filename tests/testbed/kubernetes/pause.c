/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a pod's namespaces: it does nothing, and as process 1 of a pod it takes in who lost its parent. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number)
{
        (void)number;
        _exit(0);
}

static void reap(int number)
{
        (void)number;
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
}

int main(void)
{
        signal(SIGINT, end);
        signal(SIGTERM, end);
        signal(SIGCHLD, reap);
        for (;;)
                pause();
}
