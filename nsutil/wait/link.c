/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a descriptor is, by the link /proc/PID/task/TID/fd/N. The link's text is made by the kernel from what it has
 * in memory, so no file system is asked: stat() of the link would wait for a FUSE or NFS server that does not answer.
 * All names without a path begin with a word, and all paths with '/', or with "(unreachable)" where the file lies
 * outside of what the reader can see.
 */
#include "nsutil/internal.h"
#include "nsutil/wait/parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names in which an inode stands ("socket:[123]"), and whole ones. fs/pidfs.c has been there since Linux 6.9. */
static const struct {
        const char *name;
        enum nsutil_wait_thing thing;
} names[] = {
        { "socket:[", NSUTIL_THING_SOCKET },
        { "pipe:[", NSUTIL_THING_PIPE },
        { "pidfd:[", NSUTIL_THING_PIDFD },
        { "anon_inode:[pidfd]", NSUTIL_THING_PIDFD },
        { "anon_inode:[eventfd]", NSUTIL_THING_EVENTFD },
        { "anon_inode:[timerfd]", NSUTIL_THING_TIMERFD },
        { "anon_inode:[signalfd]", NSUTIL_THING_SIGNALFD },
        { "anon_inode:[eventpoll]", NSUTIL_THING_EPOLL },
        { "anon_inode:[io_uring]", NSUTIL_THING_URING },
        { "anon_inode:inotify", NSUTIL_THING_INOTIFY },
};

/* fdinfo of a file has four lines, of some kinds more; of epoll, one for each descriptor. */
#define FDINFO_MAX ((size_t)4096)

static void copy_link(struct nsutil_text text, struct nsutil_wait_detail *detail)
{
        size_t len = (size_t)(text.end - text.at);

        detail->path_is_cut = len > sizeof(detail->path) - 1;
        if (detail->path_is_cut)
                len = sizeof(detail->path) - 1;
        memcpy(detail->path, text.at, len);
        detail->path[len] = '\0';
}

void nsutil_wait_link_parse(const char *text, size_t len, struct nsutil_wait_detail *ret)
{
        struct nsutil_text link = { text, text + len };

        if (nsutil_text_prefix(&(struct nsutil_text){ text, text + len }, "/") ||
            nsutil_text_prefix(&(struct nsutil_text){ text, text + len }, "(unreachable)/")) {
                ret->thing = NSUTIL_THING_FILE;
                copy_link(link, ret);
                return;
        }
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct nsutil_text rest = link;

                if (!nsutil_text_prefix(&rest, names[i].name))
                        continue;
                ret->thing = names[i].thing;
                (void)nsutil_text_u64(&rest, 10, &ret->inode);
                return;
        }
        ret->thing = NSUTIL_THING_OTHER;
        copy_link(link, ret);
}

/* ---- terminals -------------------------------------------------------------------------------- */

/* The number of the mount that a descriptor's file lies on: "mnt_id:" of fdinfo. */
static bool read_mount_number(pid_t tid, int fd, uint64_t *ret)
{
        struct nsutil_text rest, line;
        char name[NSUTIL_PROC_PATH_SIZE], *text;
        bool found = false;
        size_t len;

        snprintf(name, sizeof(name), "fdinfo/%d", fd);
        if (nsutil_read_proc(tid, name, FDINFO_MAX, &text, &len))
                return false;
        rest = (struct nsutil_text){ text, text + len };
        while (!found && nsutil_text_line(&rest, &line))
                if (nsutil_text_prefix(&line, "mnt_id:")) {
                        nsutil_text_blanks(&line);
                        found = nsutil_text_u64(&line, 10, ret);
                }
        free(text);
        return found;
}

/* Terminals are what these two file systems have at such names; only root could put something else there. */
static bool is_mount_of_terminals(pid_t tid, uint64_t wanted)
{
        struct nsutil_text rest, line;
        bool found = false;
        char *text;
        size_t len;

        if (nsutil_read_proc(tid, "mountinfo", NSUTIL_MOUNTINFO_MAX, &text, &len))
                return false;
        rest = (struct nsutil_text){ text, text + len };
        while (!found && nsutil_text_line(&rest, &line)) {
                struct nsutil_text number = line;
                struct nsutil_mount mount;
                uint64_t value;

                found = nsutil_text_u64(&number, 10, &value) && value == wanted && nsutil_mount_parse(line, &mount) &&
                        (nsutil_text_is(mount.type, "devpts") || nsutil_text_is(mount.type, "devtmpfs"));
        }
        free(text);
        return found;
}

static bool is_terminal(pid_t tid, int fd, const char *path)
{
        bool looks_so = strncmp(path, "/dev/pts/", 9) == 0 || strncmp(path, "/dev/tty", 8) == 0 ||
                        strcmp(path, "/dev/console") == 0;
        uint64_t mount;

        return looks_so && read_mount_number(tid, fd, &mount) && is_mount_of_terminals(tid, mount);
}

void nsutil_wait_link_read(pid_t tid, int fd, struct nsutil_wait_detail *ret)
{
        char path[NSUTIL_PROC_PATH_SIZE], target[PATH_MAX];

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
        ssize_t len = readlink(path, target, sizeof(target));
        ret->fd = fd;
        if (len < 0) {
                ret->missing |= NSUTIL_MISSING_LINK;
                return;
        }
        nsutil_wait_link_parse(target, (size_t)len, ret);
        if (ret->thing == NSUTIL_THING_FILE && is_terminal(tid, fd, ret->path))
                ret->thing = NSUTIL_THING_TERMINAL;
}
