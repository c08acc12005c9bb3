/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU quotas of cgroups. A thread whose cgroup has used up its quota is in state R, like a thread that runs. No file
 * says that a quota keeps it from running now. But cpu.stat counts the periods in which a quota did (nr_throttled), at
 * their end.
 *
 * v1: cpu.cfs_quota_us is the quota, -1 if there is none. v2: cpu.max begins with "max" if there is none. The root of
 * either hierarchy has neither file. (Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v2.rst)
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUOTA_TEXT_MAX ((size_t)4096)

bool nsutil_quota_is_set(const char *text, size_t len)
{
        struct nsutil_text rest = { text, text + len };
        uint64_t us;

        return nsutil_text_u64(&rest, 10, &us) && us > 0;
}

int nsutil_throttles_parse(const char *text, size_t len, uint64_t *ret)
{
        struct nsutil_text rest = { text, text + len }, line;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_text_prefix(&line, "nr_throttled "))
                        return nsutil_text_u64(&line, 10, ret) ? 0 : NSUTIL_E_MALFORMED;
        return NSUTIL_E_MALFORMED;
}

/* v1 counts in nanoseconds, v2 in microseconds. */
int nsutil_throttled_parse(const char *text, size_t len, uint64_t *ret)
{
        struct nsutil_text rest = { text, text + len }, line;
        uint64_t us;

        while (nsutil_text_line(&rest, &line)) {
                if (nsutil_text_prefix(&line, "throttled_time "))
                        return nsutil_text_u64(&line, 10, ret) ? 0 : NSUTIL_E_MALFORMED;
                if (!nsutil_text_prefix(&line, "throttled_usec "))
                        continue;
                return nsutil_text_u64(&line, 10, &us) && !__builtin_mul_overflow(us, (uint64_t)1000, ret)
                               ? 0
                               : NSUTIL_E_MALFORMED;
        }
        return NSUTIL_E_MALFORMED;
}

static bool is_limited(const char *directory, bool v1)
{
        char path[NSUTIL_CGROUP_PATH_SIZE + 32], *text;
        size_t len;

        snprintf(path, sizeof(path), "%s/%s", directory, v1 ? "cpu.cfs_quota_us" : "cpu.max");
        if (nsutil_read_file_at(AT_FDCWD, path, QUOTA_TEXT_MAX, &text, &len))
                return false;
        bool limited = nsutil_quota_is_set(text, len);
        free(text);
        return limited;
}

static void open_stat(const char *directory, struct nsutil_quota *quota)
{
        char path[NSUTIL_CGROUP_PATH_SIZE + 32];

        snprintf(path, sizeof(path), "%s/cpu.stat", directory);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
                quota->fds[quota->n++] = fd;
}

/* Opens the quotas of @directory and of all cgroups above it, up to the mount point of the hierarchy. */
static void open_limited_quotas(char *directory, const struct nsutil_hierarchy *hierarchy, struct nsutil_quota *quota)
{
        size_t top = strlen(hierarchy->point);

        while (strlen(directory) > top && quota->n < NSUTIL_QUOTAS_MAX) {
                if (is_limited(directory, *hierarchy->controller))
                        open_stat(directory, quota);
                *strrchr(directory, '/') = '\0';
        }
}

int nsutil_quota_open(pid_t pid, struct nsutil_quota *ret)
{
        static const char *const controllers[] = { "cpu", "" };
        struct nsutil_quota quota = { .n = 0 };
        char directory[NSUTIL_CGROUP_PATH_SIZE], *text;
        struct nsutil_hierarchy hierarchy;
        size_t len;
        int r = nsutil_read_proc(pid, "cgroup", NSUTIL_CGROUP_MAX, &text, &len);

        if (r)
                return r;
        for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++)
                if (nsutil_hierarchy_find(controllers[i], &hierarchy) == 0 &&
                    nsutil_hierarchy_path(&hierarchy, text, len, directory) == 0)
                        open_limited_quotas(directory, &hierarchy, &quota);
        free(text);
        if (quota.n == 0)
                return NSUTIL_E_NOT_FOUND;
        *ret = quota;
        return 0;
}

void nsutil_quota_close(struct nsutil_quota *quota)
{
        for (size_t i = 0; i < quota->n; i++)
                close(quota->fds[i]);
        quota->n = 0;
}

static uint64_t sum_of_quotas(const struct nsutil_quota *quota,
                              int (*parse)(const char *text, size_t len, uint64_t *ret))
{
        char text[QUOTA_TEXT_MAX];
        uint64_t sum = 0, one;

        for (size_t i = 0; i < quota->n; i++) {
                ssize_t len = pread(quota->fds[i], text, sizeof(text), 0);
                if (len > 0 && parse(text, (size_t)len, &one) == 0)
                        sum += one;
        }
        return sum;
}

uint64_t nsutil_quota_throttles(const struct nsutil_quota *quota)
{
        return sum_of_quotas(quota, nsutil_throttles_parse);
}

uint64_t nsutil_quota_throttled_ns(const struct nsutil_quota *quota)
{
        return sum_of_quotas(quota, nsutil_throttled_parse);
}
