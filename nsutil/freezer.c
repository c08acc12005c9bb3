/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezers of cgroups. The state in /proc/PID/stat does not show that a thread is frozen. Frozen by v1 it is in state
 * D. Frozen by v2 it is in state S, or in D if it was in D before.
 *
 * v1: freezer.state is THAWED, FREEZING or FROZEN, whether the cgroup itself was frozen or an ancestor. v2:
 * cgroup.events says "frozen 1", in both cases too. The root of either hierarchy cannot be frozen and has no such file.
 * (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst)
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_MAX ((size_t)4096)

int nsutil_freezers_find(struct nsutil_freezers *ret)
{
        static const char *const controllers[] = { "freezer", "" };
        struct nsutil_freezers *freezers = ret;

        freezers->n = 0;
        for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++) {
                int r = nsutil_hierarchy_find(controllers[i], &freezers->items[freezers->n]);

                if (r < 0 || (r && r != NSUTIL_E_NOT_FOUND))
                        return r;
                freezers->n += r == 0;
        }
        return 0;
}

static bool has_line(const char *text, size_t len, const char *wanted)
{
        struct nsutil_text rest = { text, text + len }, line;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_text_is(line, wanted))
                        return true;
        return false;
}

/* Reads whether the cgroup in @directory is frozen. */
static int read_state(const struct nsutil_hierarchy *hierarchy, const char *directory, bool *ret)
{
        bool v1 = *hierarchy->controller;
        char path[NSUTIL_CGROUP_PATH_SIZE + 32], *text;
        size_t len;

        snprintf(path, sizeof(path), "%s/%s", directory, v1 ? "freezer.state" : "cgroup.events");
        int r = nsutil_read_file_at(AT_FDCWD, path, STATE_MAX, &text, &len);
        if (r == -ENOENT && strcmp(hierarchy->root, "/") == 0 && strcmp(directory, hierarchy->point) == 0) {
                *ret = false;
                return 0;
        }
        if (r)
                return r == -ENOENT ? NSUTIL_E_NOT_FOUND : r;
        *ret = has_line(text, len, v1 ? "FROZEN" : "frozen 1");
        free(text);
        return 0;
}

int nsutil_frozen(const struct nsutil_freezers *freezers, pid_t pid, pid_t tid, bool *ret)
{
        char name[NSUTIL_PROC_PATH_SIZE], directory[NSUTIL_CGROUP_PATH_SIZE], *text;
        size_t len, seen = 0;
        bool frozen = false;

        snprintf(name, sizeof(name), "task/%d/cgroup", tid);
        int r = nsutil_read_proc(pid, name, NSUTIL_CGROUP_MAX, &text, &len);
        if (r)
                return r;
        for (size_t i = 0; i < freezers->n && !frozen; i++)
                if (nsutil_hierarchy_path(&freezers->items[i], text, len, directory) == 0 &&
                    read_state(&freezers->items[i], directory, &frozen) == 0)
                        seen++;
        free(text);
        if (!frozen && (seen < freezers->n || seen == 0))
                return NSUTIL_E_NOT_FOUND;
        *ret = frozen;
        return 0;
}
