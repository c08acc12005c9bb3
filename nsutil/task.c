/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process lives on if its first thread ends before others (pthread_exit(3) in main()). But /proc/PID then shows what
 * is left of that thread: a zombie without memory, files and root. Threads share these, so that any other thread shows
 * them. /proc/TID of a thread is as good as /proc/PID, though /proc does not list it.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static bool is_alive(pid_t tid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read_at(tid, "stat", &stat) == 0 && !stat.ending;
}

static pid_t choose_living_thread(pid_t pid)
{
        char path[NSUTIL_PROC_PATH_SIZE];
        struct dirent *entry;
        pid_t tid = pid;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        DIR *dir = opendir(path);
        if (!dir)
                return pid;
        while (tid == pid && (entry = readdir(dir))) {
                struct nsutil_text name = { entry->d_name, entry->d_name + strlen(entry->d_name) };
                pid_t other;

                if (nsutil_text_pid(&name, &other) && other != pid && is_alive(other))
                        tid = other;
        }
        closedir(dir);
        return tid;
}

bool nsutil_is_survived(const struct nsutil_stat *stat)
{
        return stat->state == 'Z' && stat->threads > 1;
}

pid_t nsutil_task(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read_at(pid, "stat", &stat) == 0 && nsutil_is_survived(&stat) ? choose_living_thread(pid)
                                                                                         : pid;
}
