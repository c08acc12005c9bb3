/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a disk that does not say that a file is on it while the file FAULTS_HELD is there, for a minute at most. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 6000

int fsync(int fd)
{
        const struct timespec pause = { .tv_nsec = 10000000 };
        const char *held = getenv("FAULTS_HELD");
        struct stat stat_of_held;

        for (int i = 0; held && i < LOOKS && stat(held, &stat_of_held) == 0; i++)
                nanosleep(&pause, NULL);
        return (int)syscall(SYS_fsync, fd);
}
