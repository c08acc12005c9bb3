/* SPDX-License-Identifier: Apache-2.0 */
/* From a wait to the descriptor that it is for. Where the two contradict each other, the wait is not known. */
#include "nsutil/wait/parts.h"

static bool watches_a_set(const struct nsutil_wait *wait)
{
        return wait->act == NSUTIL_ACT_POLL || wait->act == NSUTIL_ACT_SELECT || wait->act == NSUTIL_ACT_EPOLL;
}

/* Of a set with no descriptor in it. One may be added to that of epoll at any time. */
static void judge_empty_set(struct nsutil_wait *wait, struct nsutil_wait_detail *detail)
{
        if (wait->timeout == NSUTIL_TIMEOUT_SET)
                wait->kind = NSUTIL_WAIT_SLEEP;
        else if (wait->act == NSUTIL_ACT_EPOLL)
                detail->thing = NSUTIL_THING_EPOLL;
        else
                wait->kind = NSUTIL_WAIT_SIGNAL;
}

static int detail_set(const struct nsutil_wait_thread *thread, const struct nsutil_wait_memory *memory,
                      struct nsutil_wait *wait, struct nsutil_wait_detail *detail)
{
        bool known = false;
        int r = nsutil_wait_set_read(thread, memory, wait, detail, &known);

        if (r)
                return r;
        if (!known)
                detail->thing = wait->act == NSUTIL_ACT_EPOLL ? NSUTIL_THING_EPOLL : NSUTIL_THING_UNKNOWN;
        else if (detail->descriptors == 0)
                judge_empty_set(wait, detail);
        else if (detail->descriptors > 1)
                detail->thing = NSUTIL_THING_MANY;
        if (detail->fd < 0)
                return 0;
        /* The inode that epoll has added under this number, if it is not that of another descriptor by now. */
        uint64_t inode = detail->inode;
        detail->inode = 0;
        nsutil_wait_link_read(thread->tid, detail->fd, detail);
        if (inode && detail->inode && detail->inode != inode) {
                detail->thing = NSUTIL_THING_UNKNOWN;
                detail->inode = 0;
                detail->missing |= NSUTIL_MISSING_LINK;
        }
        return 0;
}

/* Only sockets are accepted from and connected; else wchan may tell what is waited for. */
static enum nsutil_wait_thing expect_thing(const struct nsutil_wait *wait)
{
        bool needs_socket = wait->act == NSUTIL_ACT_ACCEPT || wait->act == NSUTIL_ACT_CONNECT;

        return needs_socket ? NSUTIL_THING_SOCKET : wait->thing;
}

void nsutil_wait_descriptor(pid_t pid, int fd, struct nsutil_wait_detail *ret)
{
        *ret = (struct nsutil_wait_detail){ .fd = fd };
        nsutil_wait_link_read(pid, fd, ret);
}

/* What a link shows that is of another thing is of a descriptor that was closed and opened anew. */
static void agree_with_channel(const struct nsutil_wait *wait, struct nsutil_wait_detail *detail)
{
        enum nsutil_wait_thing expected = expect_thing(wait);

        if (!expected || detail->thing == expected)
                return;
        if (expected == NSUTIL_THING_PIPE && detail->thing == NSUTIL_THING_FILE) {
                detail->thing = expected; /* a FIFO */
                return;
        }
        *detail = (struct nsutil_wait_detail){ .thing = expected, .fd = detail->fd, .missing = NSUTIL_MISSING_LINK };
}

/* In state D a thread waits for what a disk or a file system does, or for a lock on the way: not for a peer. */
static void agree_with_state(struct nsutil_wait *wait, const struct nsutil_wait_detail *detail)
{
        bool moves_data = wait->act == NSUTIL_ACT_READ || wait->act == NSUTIL_ACT_WRITE;

        if (wait->state != 'D' || !moves_data || detail->thing == NSUTIL_THING_FILE)
                return;
        wait->kind = NSUTIL_WAIT_UNKNOWN;
        wait->source = NSUTIL_FROM_NOTHING;
        wait->missing |= NSUTIL_MISSING_UNITY;
}

int nsutil_wait_detail(const struct nsutil_wait_thread *thread, const struct nsutil_wait_memory *memory,
                       struct nsutil_wait *wait, struct nsutil_wait_detail *ret)
{
        struct nsutil_wait_detail detail = { .thing = wait->thing, .fd = -1 };
        struct nsutil_wait judged = *wait;

        if (wait->kind == NSUTIL_WAIT_IO && watches_a_set(wait)) {
                int r = detail_set(thread, memory, &judged, &detail);

                if (r)
                        return r;
        } else if (wait->fd >= 0) {
                nsutil_wait_link_read(thread->tid, wait->fd, &detail);
                agree_with_channel(wait, &detail);
                agree_with_state(&judged, &detail);
        } else {
                return NSUTIL_E_NOT_FOUND;
        }
        if (!nsutil_wait_holds(thread, wait))
                return NSUTIL_E_GONE;
        *wait = judged;
        *ret = detail;
        return 0;
}
