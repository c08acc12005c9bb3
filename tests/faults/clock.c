/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD: the wall clock is off by as many seconds as the 8 bytes of the file FAULTS_CLOCK say, which may change at
 * any time. The machine's clock is left alone, and all others are as they are.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *off;

static void __attribute__((constructor)) begin(void)
{
        const char *file = getenv("FAULTS_CLOCK");
        int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
        void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *off, PROT_READ, MAP_SHARED, fd, 0);

        if (page == MAP_FAILED)
                abort();
        off = page;
        close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
        int r = (int)syscall(SYS_clock_gettime, clock, ret);

        if (r == 0 && off && clock == CLOCK_REALTIME) /* other libraries begin before this one */
                ret->tv_sec += *off;
        return r;
}

time_t time(time_t *ret)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        if (ret)
                *ret = now.tv_sec;
        return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
        struct timespec now;

        (void)zone;
        clock_gettime(CLOCK_REALTIME, &now);
        *ret = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
        return 0;
}
