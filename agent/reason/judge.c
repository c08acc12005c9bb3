/* SPDX-License-Identifier: Apache-2.0 */
/* From what the kernel says of a thread, and where its GIL lies, to the reason. */
#include "reason.h"

/* NSUTIL_WAIT_FUTEX is left out: see judge_futex(). */
static const enum reason_kind by_wait[NSUTIL_WAIT_KINDS] = {
        [NSUTIL_WAIT_UNKNOWN] = REASON_UNKNOWN, [NSUTIL_WAIT_RUNNABLE] = REASON_RUNNING,
        [NSUTIL_WAIT_SLEEP] = REASON_SLEEP,     [NSUTIL_WAIT_IO] = REASON_IO,
        [NSUTIL_WAIT_LOCK] = REASON_LOCK,       [NSUTIL_WAIT_CHILD] = REASON_CHILD,
        [NSUTIL_WAIT_SIGNAL] = REASON_SIGNAL,   [NSUTIL_WAIT_PAGE] = REASON_PAGE,
        [NSUTIL_WAIT_STOPPED] = REASON_STOPPED, [NSUTIL_WAIT_FROZEN] = REASON_FROZEN,
};

static int read_memory(void *ctx, uint64_t address, void *buf, size_t size)
{
        return pystack_peek(ctx, address, buf, size);
}

/* If it is known where the GIL lies, a word outside of the GIL belongs to another lock. */
static void judge_futex(const struct pystack_thread *thread, struct reason *reason)
{
        uint64_t from, to;

        if (reason->wait.futex == 0)
                return;
        if (pystack_gil_span(thread, &from, &to) != 0)
                reason->lock_or_gil = true;
        else
                reason->kind = reason->wait.futex >= from && reason->wait.futex < to ? REASON_GIL : REASON_LOCK;
}

static void read_detail(struct pystack *py, const struct nsutil_wait_thread *files, struct reason *reason)
{
        const struct nsutil_wait_memory memory = { read_memory, py };

        reason->has_detail = nsutil_wait_detail(files, &memory, &reason->wait, &reason->detail) == 0;
}

void reason_read(struct pystack *py, const struct pystack_thread *thread, const struct nsutil_wait_thread *files,
                 const struct nsutil_freezers *freezers, struct reason *ret)
{
        *ret = (struct reason){ .kind = REASON_UNKNOWN };
        if (nsutil_wait_read(files, freezers, &ret->wait) != 0)
                return;
        if (ret->wait.kind == NSUTIL_WAIT_IO || ret->wait.kind == NSUTIL_WAIT_LOCK)
                read_detail(py, files, ret);
        ret->kind = by_wait[ret->wait.kind];
        if (ret->wait.kind == NSUTIL_WAIT_FUTEX)
                judge_futex(thread, ret);
        ret->moved = ret->wait.kind == NSUTIL_WAIT_UNKNOWN && ret->wait.missing & NSUTIL_MISSING_STILL;
}

bool reason_still_holds(const struct nsutil_wait_thread *files, struct reason *reason)
{
        if (reason->kind == REASON_RUNNING || reason->kind == REASON_UNKNOWN)
                return !reason->moved;
        if (nsutil_wait_holds(files, &reason->wait))
                return true;
        reason->kind = REASON_UNKNOWN;
        reason->moved = true;
        return false;
}
