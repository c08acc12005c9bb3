/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it Python? Whoever can be opened by pystack is; whoever has no runtime is
 * not. Where that remains unknown, because access is refused, the program's name
 * decides: a process that only may be Python is better not reported.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* So long an interpreter's memory may make no sense because it is not written yet. */
#define YOUNG_NS UINT64_C(1000000000)

static bool is_python_name(const char *path)
{
        return !strncmp(find_basename(path), "python", strlen("python"));
}

static bool looks_like_python(pid_t pid)
{
        char exe[PATH_MAX] = "", cmdline[FIND_NAME_SIZE] = "";

        nsutil_exe(pid, exe, sizeof(exe));
        nsutil_cmdline(pid, cmdline, sizeof(cmdline));
        cmdline[strcspn(cmdline, " ")] = '\0';
        return is_python_name(exe) || is_python_name(cmdline);
}

/* What pystack_open()'s result makes of a process. */
static enum find_kind kind_of(int status, pid_t pid, bool young)
{
        switch (status) {
        case 0:
                return FIND_PYTHON;
        case PYSTACK_E_NOT_READY:
        case PYSTACK_E_TORN:
                return FIND_STARTING;
        case PYSTACK_E_NOT_PYTHON:
        case PYSTACK_E_GONE:
                return FIND_OTHER;
        case PYSTACK_E_CORRUPT:
                return young ? FIND_STARTING : FIND_UNREADABLE;
        case PYSTACK_E_UNSUPPORTED:
                return FIND_UNREADABLE;
        default:
                return looks_like_python(pid) ? FIND_UNREADABLE : FIND_OTHER;
        }
}

static bool has_ended(int pidfd)
{
        struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

        return pidfd >= 0 && poll(&poll_fd, 1, 0) == 1;
}

/*
 * @py and @pidfd are consumed. As long as the pidfd is quiet, everything that was
 * read by PID since it was opened was read of this process.
 */
static void report(struct find *find, struct find_entry *entry, const struct find_events *events, int pidfd,
                   int status, const struct pystack_info *info, struct pystack *py)
{
        struct find_process process;
        int r = find_identify(find, entry->pid, &process);

        if (r || process.start_time != entry->start_time || has_ended(pidfd)) {
                find->ops->close(py);
                if (pidfd >= 0)
                        close(pidfd);
                return;
        }
        if (find_entry_is_reported(entry))
                events->ended(events->ctx, entry->pid, entry->start_time);
        find_table_unwatch(find, entry);
        find_table_watch(find, entry, pidfd);
        entry->kind = status ? FIND_UNREADABLE : FIND_PYTHON;
        entry->status = process.status = status;
        process.info = *info;
        events->born(events->ctx, &process, py);
}

static void set_kind(struct find_entry *entry, enum find_kind kind, uint64_t now)
{
        /* One that has begun to start is looked at as if it were newly born. */
        if (kind == FIND_STARTING && entry->kind != FIND_STARTING)
                entry->since = now;
        entry->kind = kind;
}

static void open_and_report(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now)
{
        struct pystack_info info = { 0 };
        struct pystack *py = NULL;
        int pidfd = -1;

        if (nsutil_pidfd_open(entry->pid, &pidfd) == NSUTIL_E_GONE)
                return;
        int status = find->ops->open(entry->pid, &py, &info);
        enum find_kind kind = kind_of(status, entry->pid, now < entry->since + YOUNG_NS);

        if (kind == FIND_PYTHON || (kind == FIND_UNREADABLE && (entry->kind != kind || entry->status != status))) {
                report(find, entry, events, pidfd, status, &info, py);
                return;
        }
        if (!find_entry_is_reported(entry))
                set_kind(entry, kind, now);
        if (pidfd >= 0)
                close(pidfd);
}

void find_classify(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now)
{
        char exe[2];

        if (!find_entry_is_reported(entry) && nsutil_exe(entry->pid, exe, sizeof(exe)) == NSUTIL_E_NOT_FOUND)
                entry->kind = FIND_HOPELESS;
        else
                open_and_report(find, entry, events, now);
        entry->open_at = find_next_open(entry->pid, entry->since, now);
        entry->look_at = entry->kind == FIND_HOPELESS ? entry->open_at : find_next_look(entry->pid, entry->since, now);
}
