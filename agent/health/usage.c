/* SPDX-License-Identifier: Apache-2.0 */
/* The resources that this process uses, from the kernel's accounts. */
#include "agent/health/health.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double read_clock_seconds(clockid_t clock)
{
        struct timespec now;

        return clock_gettime(clock, &now) == 0 ? (double)now.tv_sec + (double)now.tv_nsec / 1e9 : 0;
}

/* Reads the second number of /proc/self/statm: resident pages. */
uint64_t health_resident_bytes(void)
{
        unsigned long long size, pages = 0;
        FILE *file = fopen("/proc/self/statm", "re");

        if (!file)
                return 0;
        if (fscanf(file, "%llu %llu", &size, &pages) != 2)
                pages = 0;
        fclose(file);
        return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Counts the entries of a folder of /proc/self, without "." and "..". */
static uint64_t count_folder_entries(const char *path)
{
        DIR *folder = opendir(path);
        uint64_t n = 0;

        if (!folder)
                return 0;
        while (readdir(folder))
                n++;
        closedir(folder);
        return n - 2;
}

/*
 * Reads field 22 of /proc/self/stat, in clock ticks since boot. It comes behind the name, which may have any
 * characters.
 */
static double read_start_time(void)
{
        char text[1024];
        unsigned long long ticks = 0;
        FILE *file = fopen("/proc/self/stat", "re");
        size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

        if (file)
                fclose(file);
        text[len] = '\0';
        const char *at = strrchr(text, ')');
        for (unsigned field = 2; at && field < 22; field++)
                at = strchr(at + 1, ' ');
        if (at)
                ticks = strtoull(at, NULL, 10);
        double boot = read_clock_seconds(CLOCK_REALTIME) - read_clock_seconds(CLOCK_BOOTTIME);
        return boot + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void health_usage_read(struct health_usage *ret)
{
        uint64_t fds = count_folder_entries("/proc/self/fd");

        *ret = (struct health_usage){
                .cpu_s = read_clock_seconds(CLOCK_PROCESS_CPUTIME_ID),
                .start_time_s = read_start_time(),
                .rss_bytes = health_resident_bytes(),
                .fds = fds ? fds - 1 : 0, /* without the descriptor that was open for listing them */
                .threads = count_folder_entries("/proc/self/task"),
        };
}
