/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc hides about other users' processes (proc(5), mount option hidepid). Level 1 refuses the files in their
 * directories, level 2 hides the directories as well, level 4 hides what cannot be traced. Up to level 2, members of
 * the group gid= are exempt; that group is 0 unless the option names another. Processes with CAP_SYS_PTRACE are exempt
 * from all levels. Since Linux 5.8 mountinfo writes the levels as words.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

/* From this level on, members of the group are not exempt. */
#define LEVEL_PTRACEABLE 4

static const struct {
        const char *word;
        unsigned level;
} levels[] = {
        { "0", 0 },
        { "off", 0 },
        { "1", 1 },
        { "noaccess", 1 },
        { "2", 2 },
        { "invisible", 2 },
        { "4", LEVEL_PTRACEABLE },
        { "ptraceable", LEVEL_PTRACEABLE },
};

static void take_option(struct nsutil_text option, struct nsutil_hidepid *ret)
{
        uint64_t gid;

        if (nsutil_text_prefix(&option, "hidepid=")) {
                for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
                        if (nsutil_text_is(option, levels[i].word))
                                ret->level = levels[i].level;
        } else if (nsutil_text_prefix(&option, "gid=") && nsutil_text_u64(&option, 10, &gid)) {
                ret->gid = (gid_t)gid;
        }
}

/* Finds the options of the file system in a line: " - " precedes "proc", the source, and the options. */
static bool take_options(struct nsutil_text line, struct nsutil_hidepid *ret)
{
        const char *dash = memmem(line.at, (size_t)(line.end - line.at), " - ", 3);
        struct nsutil_text word;

        if (!dash)
                return false;
        line.at = dash + 3;
        if (!nsutil_text_prefix(&line, "proc ") || !nsutil_text_until(&line, ' ', &word))
                return false;
        *ret = (struct nsutil_hidepid){ 0 };
        while (nsutil_text_until(&line, ',', &word))
                take_option(word, ret);
        take_option(line, ret);
        return true;
}

/* If there are several mounts on /proc, the last one is seen. */
int nsutil_hidepid_parse(const char *text, size_t len, struct nsutil_hidepid *ret)
{
        struct nsutil_text rest = { text, text + len }, line, root, point;
        bool found = false;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_mountinfo_line(line, &root, &point) && nsutil_text_is(point, "/proc"))
                        found = take_options(line, ret) || found;
        return found ? 0 : NSUTIL_E_NOT_FOUND;
}

static bool is_member(gid_t gid)
{
        bool found = getegid() == gid;
        int n = getgroups(0, NULL);
        gid_t *groups = n > 0 && n <= GROUPS_MAX ? calloc((size_t)n, sizeof(*groups)) : NULL;

        n = groups ? getgroups(n, groups) : 0;
        for (int i = 0; i < n && !found; i++)
                found = groups[i] == gid;
        free(groups);
        return found;
}

unsigned nsutil_hiding(void)
{
        struct nsutil_hidepid hidepid = { 0 };
        char *text;
        size_t len;

        if (nsutil_has_cap(CAP_SYS_PTRACE) ||
            nsutil_read_file_at(AT_FDCWD, "/proc/self/mountinfo", NSUTIL_MOUNTINFO_MAX, &text, &len) != 0)
                return 0;
        nsutil_hidepid_parse(text, len, &hidepid);
        free(text);
        return hidepid.level < LEVEL_PTRACEABLE && is_member(hidepid.gid) ? 0 : hidepid.level;
}

/*
 * pidfd_open(2) works for any process that exists, whatever /proc hides. An agent that has given up kill(2) may still
 * call it.
 */
static bool is_there(pid_t pid)
{
        int fd;

        if (nsutil_pidfd_open(pid, &fd))
                return false;
        close(fd);
        return true;
}

bool nsutil_is_hidden(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_hiding() > 0 && nsutil_stat_read(pid, &stat) != 0 && is_there(pid);
}
