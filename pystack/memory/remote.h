/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_REMOTE_H
#define PYSTACK_REMOTE_H

/* Reads the target's memory, span by span, with pystack's errors. */

#include "pystack/pystack.h"

/*
 * Reads all spans or fails: PYSTACK_E_GONE, PYSTACK_E_DENIED, PYSTACK_E_CORRUPT
 * (an address that is not there), PYSTACK_E_COSTLY (see effort.h), or a negative errno.
 */
int remote_read_spans(const struct pystack_memory *memory, void *buf, const struct iovec *spans, size_t n);

/*
 * The memory of process @pid, a copy of the process whose memory is @parent. That one is of pystack_process_memory().
 */
struct pystack_memory remote_memory_of_copy(const struct pystack_memory *parent, pid_t pid);

int remote_read(const struct pystack_memory *memory, uint64_t addr, void *buf, size_t len);

/* Eight bytes, the size of a pointer and of Py_ssize_t. */
int remote_read_word(const struct pystack_memory *memory, uint64_t addr, uint64_t *ret);

/* The same for elfsym, whose @ctx is a struct pystack_memory: 0 or a negative errno. */
int remote_read_image(void *ctx, uint64_t addr, void *buf, size_t len);

/* The pystack_error of a negative errno of reading, or that errno if there is none. */
int remote_error(ssize_t negative_errno);

/* Memory is mapped by pages of this size. Pages of other machines can be larger, in multiples of it. */
#define REMOTE_PAGE 4096u

/* The start of the page that holds @addr. */
static inline uint64_t remote_page(uint64_t addr)
{
        return addr & ~(uint64_t)(REMOTE_PAGE - 1);
}

/* Room for the spans and the bytes of a read; kept for the next one. */
struct remote_room {
        struct iovec *iov;
        uint8_t *buf;
        size_t n_iov, size;
};

/* Makes room for that many, which may move both arrays. 0 or -ENOMEM. */
int remote_reserve(struct remote_room *room, size_t spans, size_t bytes);
void remote_release(struct remote_room *room);

/* Spans to be read by one system call, one behind the other. */
struct remote_batch {
        struct iovec *iov;
        size_t n;   /* spans so far */
        size_t end; /* where in the buffer the next one goes */
};

static inline struct iovec remote_span(uint64_t addr, size_t len)
{
        return (struct iovec){ .iov_base = (void *)(uintptr_t)addr, .iov_len = len };
}

/* Appends a span, for which there must be room. Returns where in the buffer it goes. */
static inline size_t remote_add(struct remote_batch *batch, uint64_t addr, size_t len)
{
        size_t at = batch->end;

        batch->iov[batch->n++] = remote_span(addr, len);
        batch->end += len;
        return at;
}

#endif
