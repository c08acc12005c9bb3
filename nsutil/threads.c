/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a process, from /proc/PID/task. All threads of a process are in the same PID namespace. If that is the
 * reader's namespace, the status of each thread need not be read.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Enough for a name and a newline. */
#define COMM_MAX ((size_t)NSUTIL_COMM_SIZE + 1)

/* Enough for three numbers of 64 bits. */
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

static int read_named_thread(pid_t pid, pid_t tid, bool ours, struct nsutil_thread *ret)
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
        return read_named_thread(pid, tid, false, ret);
}

static int append_tid(pid_t **tids, size_t *n, size_t *size, pid_t tid)
{
        if (*n == *size) {
                size_t larger = *size ? *size * 2 : 16;
                pid_t *grown = reallocarray(*tids, larger, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                *tids = grown;
                *size = larger;
        }
        (*tids)[(*n)++] = tid;
        return 0;
}

static int list_tids(DIR *dir, pid_t pid, pid_t **tids, size_t *n)
{
        struct dirent *entry;
        bool first_has_ended = nsutil_task(pid) != pid;
        size_t size = 0;
        int r = 0;

        while (!r && *n < NSUTIL_MAX_THREADS && (entry = readdir(dir))) {
                struct nsutil_text name = { entry->d_name, entry->d_name + strlen(entry->d_name) };
                pid_t tid;

                if (nsutil_text_pid(&name, &tid) && !(tid == pid && first_has_ended))
                        r = append_tid(tids, n, &size, tid);
        }
        return r;
}

int nsutil_tids_read(pid_t pid, pid_t **ret, size_t *ret_n)
{
        char path[NSUTIL_PROC_PATH_SIZE];
        pid_t *tids = NULL;
        size_t n = 0;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        DIR *dir = opendir(path);
        if (!dir)
                return nsutil_proc_error(errno);
        int r = list_tids(dir, pid, &tids, &n);
        closedir(dir);
        if (!r && n == 0)
                r = NSUTIL_E_GONE;
        if (r) {
                free(tids);
                return r;
        }
        *ret = tids;
        *ret_n = n;
        return 0;
}

/* Reads the threads that have not ended meanwhile into @ret, which has room for all. */
static int read_all_threads(pid_t pid, const pid_t *tids, size_t n, bool ours, struct nsutil_thread *ret, size_t *ret_n)
{
        int r = 0;

        for (size_t i = 0; !r && i < n; i++) {
                r = read_named_thread(pid, tids[i], ours, &ret[*ret_n]);
                if (!r)
                        (*ret_n)++;
                else if (r == NSUTIL_E_GONE)
                        r = 0;
        }
        return !r && *ret_n == 0 ? NSUTIL_E_GONE : r;
}

int nsutil_threads_read(pid_t pid, struct nsutil_thread **ret, size_t *ret_n)
{
        struct nsutil_status status;
        pid_t *tids;
        size_t n, n_read = 0;
        int r = nsutil_status_read(pid, &status);

        if (!r)
                r = nsutil_tids_read(pid, &tids, &n);
        if (r)
                return r;
        struct nsutil_thread *threads = calloc(n, sizeof(*threads));
        r = threads ? read_all_threads(pid, tids, n, status.ns_depth == 1, threads, &n_read) : -ENOMEM;
        free(tids);
        if (r) {
                free(threads);
                return r;
        }
        *ret = threads;
        *ret_n = n_read;
        return 0;
}

int nsutil_times_open(pid_t pid, pid_t tid, int *ret_fd)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
        return nsutil_proc_open(path, ret_fd);
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
