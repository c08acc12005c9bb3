/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that poll, select and epoll watch. Those of the first two stand in the thread's memory, which the
 * kernel does not change before the call ends; those of epoll in fdinfo, for which the kernel takes a lock. A program
 * can hold that lock while it waits for memory that never comes, so fdinfo is read as what may hang.
 */
#include "nsutil/internal.h"
#include "nsutil/wait/parts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* Larger sets are only counted. */
#define POLL_MAX 1024
#define SELECT_MAX 4096
#define WORD_BITS 64

/* A line of a descriptor is 100 bytes. */
#define EPOLL_MAX ((size_t)256 << 10)

/* Descriptors that were met, as far as it matters. */
static void count_descriptor(struct nsutil_wait_detail *detail, int fd)
{
        detail->fd = detail->descriptors++ == 0 ? fd : -1;
}

static bool read_memory(const struct nsutil_wait_memory *memory, uint64_t at, void *buf, size_t size)
{
        return memory && memory->read(memory->ctx, at, buf, size) == 0;
}

/* Negative ones are left out, as the kernel does. */
static bool read_poll(const struct nsutil_wait_memory *memory, const struct nsutil_wait *wait,
                      struct nsutil_wait_detail *detail)
{
        struct pollfd set[POLL_MAX];
        uint32_t n = (uint32_t)wait->args[1];

        if (n > POLL_MAX) {
                detail->missing |= NSUTIL_MISSING_BUDGET;
                return false;
        }
        if (!read_memory(memory, wait->args[0], set, n * sizeof(*set))) {
                detail->missing |= NSUTIL_MISSING_MEMORY;
                return false;
        }
        for (uint32_t i = 0; i < n; i++)
                if (set[i].fd >= 0)
                        count_descriptor(detail, set[i].fd);
        return true;
}

/* Up to three sets of bits. A descriptor that is in several counts once. */
static bool read_select(const struct nsutil_wait_memory *memory, const struct nsutil_wait *wait,
                        struct nsutil_wait_detail *detail)
{
        uint64_t bits[SELECT_MAX / WORD_BITS] = { 0 }, one[SELECT_MAX / WORD_BITS];
        int n = (int)wait->args[0];
        size_t words = ((size_t)n + WORD_BITS - 1) / WORD_BITS;

        if (n < 0 || n > SELECT_MAX) {
                detail->missing |= NSUTIL_MISSING_BUDGET;
                return false;
        }
        for (size_t set = 1; set <= 3; set++) {
                if (wait->args[set] && !read_memory(memory, wait->args[set], one, words * sizeof(*one))) {
                        detail->missing |= NSUTIL_MISSING_MEMORY;
                        return false;
                }
                for (size_t i = 0; wait->args[set] && i < words; i++)
                        bits[i] |= one[i];
        }
        for (int fd = 0; fd < n; fd++)
                if (bits[fd / WORD_BITS] >> (fd % WORD_BITS) & 1)
                        count_descriptor(detail, fd);
        return true;
}

/* ---- epoll --------------------------------------------------------------------------------------- */

/*
 * A line is "tfd: N events: HEX data: HEX  pos:N ino:HEX sdev:HEX" (ep_show_fdinfo() in fs/eventpoll.c, Linux 3.8; from
 * pos on, 4.13).
 */
static bool parse_member(struct nsutil_text line, struct nsutil_epoll_member *ret)
{
        struct nsutil_text part;
        pid_t fd; /* bounded as they are */

        if (!nsutil_text_prefix(&line, "tfd:"))
                return false;
        nsutil_text_blanks(&line);
        if (!nsutil_text_pid(&line, &fd))
                return false;
        *ret = (struct nsutil_epoll_member){ .fd = fd };
        while (nsutil_text_part(&line, ' ', &part))
                if (nsutil_text_prefix(&part, "ino:"))
                        (void)nsutil_text_u64(&part, 16, &ret->inode);
        return true;
}

unsigned nsutil_epoll_parse(const char *text, size_t len, struct nsutil_epoll_member *ret)
{
        struct nsutil_text rest = { text, text + len }, line;
        unsigned n = 0;

        *ret = (struct nsutil_epoll_member){ .fd = -1 };
        while (nsutil_text_line(&rest, &line))
                n += parse_member(line, ret);
        return n;
}

struct epoll_reading {
        pid_t tid;
        char name[NSUTIL_PROC_PATH_SIZE];
        char *text;
        size_t len;
        int error;
};

static void run_epoll_reading(void *job)
{
        struct epoll_reading *r = job;

        r->error = nsutil_read_proc(r->tid, r->name, EPOLL_MAX, &r->text, &r->len);
}

static void discard_epoll_reading(void *job)
{
        struct epoll_reading *r = job;

        free(r->text);
        free(r);
}

static int read_epoll(const struct nsutil_wait_thread *thread, int epfd, struct nsutil_wait_detail *detail,
                      bool *ret_known)
{
        static const struct nsutil_work work = { .run = run_epoll_reading, .discard = discard_epoll_reading };
        struct epoll_reading *r = calloc(1, sizeof(*r));
        struct nsutil_epoll_member member;

        if (!r)
                return -ENOMEM;
        r->tid = thread->tid;
        snprintf(r->name, sizeof(r->name), "fdinfo/%d", epfd);
        int e = nsutil_attempt(thread->pid, &work, r);
        if (e)
                return e;
        *ret_known = r->error == 0;
        if (r->error) {
                detail->missing |= r->error == NSUTIL_E_TOO_BIG ? NSUTIL_MISSING_BUDGET : NSUTIL_MISSING_LINK;
        } else {
                detail->descriptors = nsutil_epoll_parse(r->text, r->len, &member);
                detail->fd = detail->descriptors == 1 ? member.fd : -1;
                detail->inode = detail->descriptors == 1 ? member.inode : 0;
        }
        discard_epoll_reading(r);
        return 0;
}

int nsutil_wait_set_read(const struct nsutil_wait_thread *thread, const struct nsutil_wait_memory *memory,
                         const struct nsutil_wait *wait, struct nsutil_wait_detail *ret, bool *ret_known)
{
        int r = 0;

        if (wait->act == NSUTIL_ACT_EPOLL)
                r = read_epoll(thread, (int)wait->args[0], ret, ret_known);
        else
                *ret_known = wait->act == NSUTIL_ACT_POLL ? read_poll(memory, wait, ret)
                                                          : read_select(memory, wait, ret);
        return r;
}
