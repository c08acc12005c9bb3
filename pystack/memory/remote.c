/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the target's memory. process_vm_readv(2) copies at most IOV_MAX spans a call, and stops at the first address
 * that is not mapped. A longer list is split, which keeps its order.
 */
#include "remote.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/uio.h>

static ssize_t read_task(pid_t pid, void *buf, const struct iovec *remote, size_t n)
{
        size_t done = 0;

        while (n > 0) {
                size_t part = n < IOV_MAX ? n : IOV_MAX, want = 0;
                for (size_t i = 0; i < part; i++)
                        want += remote[i].iov_len;
                struct iovec local = { .iov_base = (char *)buf + done, .iov_len = want };
                ssize_t got = process_vm_readv(pid, &local, 1, remote, part, 0);
                if (got < 0)
                        return done > 0 ? (ssize_t)done : -errno;
                done += (size_t)got;
                if ((size_t)got < want)
                        break;
                remote += part;
                n -= part;
        }
        return (ssize_t)done;
}

/* Reads a process. If its first thread has ended before others, it is read through one of these. */
static ssize_t read_process(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        pid_t pid = (pid_t)(intptr_t)ctx;
        ssize_t got = read_task(pid, buf, remote, n);
        pid_t task = got == -ESRCH ? nsutil_task(pid) : pid;

        return task != pid ? read_task(task, buf, remote, n) : got;
}

/* The same for a process that may hold its reader up: fails for pages that are not in memory and may never come. */
static ssize_t read_carefully(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        pid_t pid = nsutil_task((pid_t)(intptr_t)ctx);

        for (size_t i = 0; i < n; i++)
                if (nsutil_span_may_hang(pid, (uintptr_t)remote[i].iov_base, remote[i].iov_len))
                        return -EFAULT;
        return read_process(ctx, buf, remote, n);
}

struct pystack_memory pystack_process_memory(pid_t pid)
{
        return (struct pystack_memory){ .read = nsutil_may_hang(nsutil_task(pid)) ? read_carefully : read_process,
                                        .ctx = (void *)(intptr_t)pid,
                                        .pid = pid };
}

struct pystack_memory remote_memory_of_copy(const struct pystack_memory *parent, pid_t pid)
{
        return (struct pystack_memory){
                .read = parent->read, .ctx = (void *)(intptr_t)pid, .trace = parent->trace, .pid = pid
        };
}

int remote_error(ssize_t negative_errno)
{
        switch (negative_errno) {
        case -ESRCH:
                return PYSTACK_E_GONE;
        case -EPERM:
        case -EACCES:
                return PYSTACK_E_DENIED;
        case -EFAULT:
                return PYSTACK_E_CORRUPT;
        case -ETIME:
                return PYSTACK_E_COSTLY;
        default:
                return (int)negative_errno;
        }
}

int remote_read_spans(const struct pystack_memory *memory, void *buf, const struct iovec *spans, size_t n)
{
        size_t want = 0;

        for (size_t i = 0; i < n; i++)
                want += spans[i].iov_len;
        ssize_t got = memory->read(memory->ctx, buf, spans, n);
        if (got < 0)
                return remote_error(got);
        return (size_t)got == want ? 0 : PYSTACK_E_CORRUPT;
}

int remote_read(const struct pystack_memory *memory, uint64_t addr, void *buf, size_t len)
{
        struct iovec span = remote_span(addr, len);

        return remote_read_spans(memory, buf, &span, 1);
}

int remote_read_image(void *ctx, uint64_t addr, void *buf, size_t len)
{
        int e = remote_read(ctx, addr, buf, len);

        return e > 0 ? (e == PYSTACK_E_GONE ? -ESRCH : e == PYSTACK_E_DENIED ? -EPERM : -EFAULT) : e;
}

int remote_read_word(const struct pystack_memory *memory, uint64_t addr, uint64_t *ret)
{
        uint64_t value;
        int r = remote_read(memory, addr, &value, sizeof value);

        if (r == 0)
                *ret = value;
        return r;
}

int remote_reserve(struct remote_room *room, size_t spans, size_t bytes)
{
        if (room->n_iov < spans) {
                struct iovec *iov = realloc(room->iov, 2 * spans * sizeof *iov);
                if (!iov)
                        return -ENOMEM;
                room->iov = iov;
                room->n_iov = 2 * spans;
        }
        if (room->size < bytes) {
                uint8_t *buf = realloc(room->buf, 2 * bytes);
                if (!buf)
                        return -ENOMEM;
                room->buf = buf;
                room->size = 2 * bytes;
        }
        return 0;
}

void remote_release(struct remote_room *room)
{
        free(room->iov);
        free(room->buf);
        *room = (struct remote_room){ 0 };
}
