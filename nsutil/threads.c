/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a process: /proc/PID/task. All threads of a process are in the
 * same PID namespace, so that the status of each need not be read where the
 * process is in ours.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A name and a newline. */
#define COMM_MAX ((size_t)NSUTIL_COMM_SIZE + 1)

/* Three numbers of 64 bits. */
#define SCHEDSTAT_MAX ((size_t)128)

static int read_task(pid_t pid, pid_t tid, const char *name, size_t max, char **ret_text, size_t *ret_len)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof(path), "task/%d/%s", tid, name);
        return nsutil_read_proc(pid, path, max, ret_text, ret_len);
}

static int read_name(pid_t pid, pid_t tid, char ret[static NSUTIL_COMM_SIZE])
{
        char *text;
        size_t len;
        int r = read_task(pid, tid, "comm", COMM_MAX, &text, &len);

        if (r)
                return r;
        if (len > 0 && text[len - 1] == '\n')
                len--;
        if (len > NSUTIL_COMM_SIZE - 1)
                len = NSUTIL_COMM_SIZE - 1;
        memcpy(ret, text, len);
        ret[len] = '\0';
        free(text);
        return 0;
}

static int read_inner_tid(pid_t pid, pid_t tid, pid_t *ret)
{
        char name[NSUTIL_PROC_PATH_SIZE];
        struct nsutil_status status;

        snprintf(name, sizeof(name), "task/%d/status", tid);
        int r = nsutil_status_read_at(pid, name, &status);
        if (!r)
                *ret = status.ns_pid[status.ns_depth - 1];
        return r;
}

static int read_thread(pid_t pid, pid_t tid, bool ours, struct nsutil_thread *ret)
{
        struct nsutil_thread thread = { .tid = tid, .inner_tid = tid };
        int r = read_name(pid, tid, thread.name);

        if (!r && !ours)
                r = read_inner_tid(pid, tid, &thread.inner_tid);
        if (!r)
                *ret = thread;
        return r;
}

int nsutil_thread_read(pid_t pid, pid_t tid, struct nsutil_thread *ret)
{
        return read_thread(pid, tid, false, ret);
}

struct list {
        struct nsutil_thread *threads;
        size_t n, size;
};

static int append(struct list *list, const struct nsutil_thread *thread)
{
        if (list->n == list->size) {
                size_t size = list->size ? list->size * 2 : 16;
                struct nsutil_thread *threads = reallocarray(list->threads, size, sizeof(*threads));

                if (!threads)
                        return -ENOMEM;
                list->threads = threads;
                list->size = size;
        }
        list->threads[list->n++] = *thread;
        return 0;
}

static int list_threads(DIR *dir, pid_t pid, bool ours, struct list *list)
{
        struct dirent *entry;
        int r = 0;

        while (!r && list->n < NSUTIL_MAX_THREADS && (entry = readdir(dir))) {
                struct nsutil_text name = { entry->d_name, entry->d_name + strlen(entry->d_name) };
                struct nsutil_thread thread;
                pid_t tid;

                if (!nsutil_text_pid(&name, &tid))
                        continue;
                r = read_thread(pid, tid, ours, &thread);
                if (r == NSUTIL_E_GONE)
                        r = 0;
                else if (!r)
                        r = append(list, &thread);
        }
        return r;
}

int nsutil_threads_read(pid_t pid, struct nsutil_thread **ret, size_t *ret_n)
{
        char path[NSUTIL_PROC_PATH_SIZE];
        struct nsutil_status status;
        struct list list = { 0 };
        int r = nsutil_status_read(pid, &status);

        if (r)
                return r;
        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        DIR *dir = opendir(path);
        if (!dir)
                return nsutil_proc_error(errno);
        r = list_threads(dir, pid, status.ns_depth == 1, &list);
        closedir(dir);
        if (!r && list.n == 0)
                r = NSUTIL_E_GONE;
        if (r) {
                free(list.threads);
                return r;
        }
        *ret = list.threads;
        *ret_n = list.n;
        return 0;
}

int nsutil_times_open(pid_t pid, pid_t tid, int *ret_fd)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return nsutil_proc_error(errno);
        *ret_fd = fd;
        return 0;
}

int nsutil_times_read(int fd, struct nsutil_times *ret)
{
        struct nsutil_times times;
        char text[SCHEDSTAT_MAX];
        ssize_t len = pread(fd, text, sizeof(text), 0);

        if (len < 0)
                return nsutil_proc_error(errno);
        struct nsutil_text rest = { text, text + len };
        uint64_t *const fields[] = { &times.cpu_ns, &times.wait_ns, &times.slices };
        for (size_t i = 0; i < 3; i++) {
                nsutil_text_blanks(&rest);
                if (!nsutil_text_u64(&rest, 10, fields[i]))
                        return NSUTIL_E_MALFORMED;
        }
        *ret = times;
        return 0;
}
