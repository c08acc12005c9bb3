/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a process is Python. If pystack can open it, it is. If it has no runtime, it is not. If access is refused,
 * the program's name decides: a process that only may be Python is better not reported.
 */
#include "agent/find/internal.h"
#include "agent/find/non_python.h"
#include "agent/find/programs.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* For this time an interpreter's memory may make no sense, since it is not written yet. */
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

/* From the result of pystack_open() to a kind. */
static enum find_kind kind_of_status(int status, pid_t pid, bool young)
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
        case PYSTACK_E_COSTLY:
                return FIND_UNREADABLE;
        case PYSTACK_E_HANGS: /* or it is refused because others hang */
                return nsutil_is_given_up(pid) || looks_like_python(pid) ? FIND_UNREADABLE : FIND_OTHER;
        default:
                return looks_like_python(pid) ? FIND_UNREADABLE : FIND_OTHER;
        }
}

static bool has_ended(int pidfd)
{
        struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

        return pidfd >= 0 && poll(&poll_fd, 1, 0) == 1;
}

/* Whether the name of a young process's pod is not known yet: the kubelet may be about to write it. */
static bool is_nameless_yet(const struct find_process *process, bool young)
{
        return process->pod_uid[0] && !process->pod[0] && young;
}

static void forget_report(struct find *find, struct find_entry *entry, const struct find_events *events)
{
        if (find_entry_is_reported(entry))
                events->ended(events->ctx, entry->pid, entry->start_time);
        find_known_unwatch(find, entry);
}

static void set_kind(struct find_entry *entry, enum find_kind kind, uint64_t now)
{
        /* A process that has begun to start is treated as if it was born now. */
        if (kind == FIND_STARTING && entry->kind != FIND_STARTING)
                entry->since = now;
        entry->kind = kind;
}

struct finding {
        int status;
        struct pystack_info info;
        struct pystack *py;
        int pidfd; /* -1: there is none */
};

/*
 * Reports a process. @found is consumed. While the pidfd is not readable, everything that was read by PID since it was
 * opened was read from this process.
 */
static void report_process(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now,
                           struct finding *found)
{
        struct find_process process;
        int r = find_identify(find, entry->pid, &process);
        bool young = now < entry->since + YOUNG_NS;
        bool other = r || process.start_time != entry->start_time || has_ended(found->pidfd);
        bool nameless = !other && !find->once && !find_entry_is_reported(entry) && is_nameless_yet(&process, young);

        if (other || nameless || (found->py && !process.selected && !find->read_unselected)) {
                find->ops->close(found->py);
                if (found->pidfd >= 0)
                        close(found->pidfd);
                if (nameless)
                        entry->kind = FIND_STARTING;
                return;
        }
        forget_report(find, entry, events);
        find_known_watch(find, entry, found->pidfd);
        entry->kind = found->py ? FIND_PYTHON : FIND_UNREADABLE;
        entry->status = process.status = found->status;
        entry->selected = process.selected;
        entry->python_only = process.python_only;
        entry->rules = find->rules_generation;
        process.info = found->info;
        entry->name_after = 0;
        find_entry_note_names(find, entry, &process, now);
        events->born(events->ctx, &process, found->py);
}

static void open_and_report(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now)
{
        struct finding found = { .pidfd = -1 };
        bool starved = !find_entry_is_reported(entry) && !find_has_descriptors();

        find_set_starved(find, entry, starved && looks_like_python(entry->pid));
        if (starved || nsutil_pidfd_open(entry->pid, &found.pidfd) == NSUTIL_E_GONE)
                return;
        const struct pystack_options options = { .pid = entry->pid, .trace = find->trace };
        found.status = find->ops->open(&options, &found.py, &found.info);
        enum find_kind kind = kind_of_status(found.status, entry->pid, now < entry->since + YOUNG_NS);
        entry->is_no_python = found.status == PYSTACK_E_NOT_PYTHON;
        if (entry->is_no_python)
                find_non_python_learn(find->non_python, entry->pid);
        if (found.status == PYSTACK_E_COSTLY || found.status == PYSTACK_E_HANGS)
                find_penalty_add(find, entry->pid, now);
        if (found.status == PYSTACK_E_GONE && !has_ended(found.pidfd))
                kind = FIND_STARTING; /* its memory was not there: it is in the middle of an exec, or about to end */

        if (kind == FIND_PYTHON ||
            (kind == FIND_UNREADABLE && (entry->kind != kind || entry->status != found.status))) {
                report_process(find, entry, events, now, &found);
                return;
        }
        if (!find_entry_is_reported(entry))
                set_kind(entry, kind, now);
        if (found.pidfd >= 0)
                close(found.pidfd);
}

/* Reports a process that is not selected once, without reading its memory. Only its name says that it is Python. */
static void report_unselected(struct find *find, struct find_entry *entry, const struct find_events *events,
                              uint64_t now)
{
        struct finding found = { .pidfd = -1 };

        if (!find->show_unselected || find_entry_is_reported(entry) || !looks_like_python(entry->pid) ||
            nsutil_pidfd_open(entry->pid, &found.pidfd) == NSUTIL_E_GONE)
                return;
        report_process(find, entry, events, now, &found);
}

/* If there are rules, they decide before anything of the process is opened. */
static void select_and_open(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now)
{
        struct find_process process;

        if (find->rules && find_identify(find, entry->pid, &process))
                return;
        if (!find->rules || process.selected || find->read_unselected) {
                open_and_report(find, entry, events, now);
        } else {
                find_non_python_learn(find->non_python, entry->pid);
                report_unselected(find, entry, events, now);
        }
}

static void set_next_look(const struct find *find, struct find_entry *entry, uint64_t now)
{
        bool young = find->watch && find_is_young(entry->since, now);

        if (entry->kind == FIND_UNREADABLE && (entry->status == PYSTACK_E_COSTLY || entry->status == PYSTACK_E_HANGS)) {
                entry->open_at = now + FIND_COSTLY_NS;
                entry->look_at = find_next_look(entry->pid, entry->since, now);
                return;
        }

        if (entry->kind == FIND_STARTING && !young) {
                entry->open_at = entry->look_at = find_next_starting(entry->pid, entry->since, now);
                return;
        }
        if (entry->kind == FIND_HOPELESS || !young) {
                entry->open_at = find_next_open(entry->pid, entry->since, now);
                entry->look_at = entry->kind == FIND_HOPELESS ? entry->open_at
                                                              : find_next_look(entry->pid, entry->since, now);
                return;
        }
        entry->open_at = entry->look_at = find_next_young(entry->kind == FIND_STARTING, entry->since, now);
}

static bool is_wanted(const struct find_entry *entry, const struct find_events *events)
{
        return find_entry_is_reported(entry) || !events->wanted ||
               events->wanted(events->ctx, entry->pid, entry->start_time);
}

/*
 * A program that was no Python several times is believed to be none while it is young. Most programs that a build starts
 * end by then. One that loads an interpreter late is found a little later.
 */
#define BELIEVED_NS UINT64_C(200000000)

static bool is_no_python(const struct find *find, const struct find_entry *entry, uint64_t now)
{
        return (entry->is_other_program && now < entry->since + BELIEVED_NS &&
                find_non_python_has_program(find->non_python, entry->pid)) ||
               find_non_python_has(find->non_python, entry->pid);
}

bool find_classify_by_files(struct find *find, struct find_entry *entry, uint64_t now)
{
        if (find_entry_is_reported(entry) || now < entry->since + find->min_age || !is_no_python(find, entry, now))
                return false;
        find_programs_note(find->programs, entry->program, false);
        find_set_starved(find, entry, false);
        entry->kind = FIND_OTHER;
        entry->is_no_python = true;
        set_next_look(find, entry, now);
        return true;
}

void find_classify(struct find *find, struct find_entry *entry, const struct find_events *events, uint64_t now)
{
        bool reported = find_entry_is_reported(entry);
        uint64_t until;
        char exe[2];

        /* If somebody has to be asked whether the process is of interest, that comes first. */
        if (!events->wanted && find_classify_by_files(find, entry, now))
                return;
        if (!reported && nsutil_exe(entry->pid, exe, sizeof(exe)) == NSUTIL_E_NOT_FOUND) {
                entry->kind = FIND_HOPELESS;
                find_set_starved(find, entry, false);
        } else if (!reported && now < entry->since + find->min_age) {
                entry->open_at = entry->look_at = entry->since + find->min_age;
                return;
        } else if ((until = find_penalty_until(find, entry->pid, now)) != 0) {
                entry->open_at = entry->look_at = until;
                return;
        } else if (is_wanted(entry, events)) {
                if (!events->wanted || !find_classify_by_files(find, entry, now))
                        select_and_open(find, entry, events, now);
        } else {
                entry->kind = FIND_OTHER;
        }
        if (find_entry_is_reported(entry)) {
                find_programs_note(find->programs, entry->program, true);
                find_non_python_forget_program(find->non_python, entry->pid);
        }
        set_next_look(find, entry, now);
}
