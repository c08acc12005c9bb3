/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_REMOTE_H
#define PYSTACK_REMOTE_H

/* Reading the target's memory, span by span, with pystack's errors. */

#include "pystack/pystack.h"

/*
 * Reads all spans or fails: PYSTACK_E_GONE, PYSTACK_E_DENIED, PYSTACK_E_CORRUPT
 * (an address that is not there), PYSTACK_E_COSTLY (see effort.h), or a negative errno.
 */
int remote_read_spans(const struct pystack_memory *memory, void *buf, const struct iovec *spans, size_t n);

/* The reader of a process that is a copy of one whose reader is @parent, of pystack_process_memory(). */
struct pystack_memory remote_memory_of_copy(const struct pystack_memory *parent, pid_t pid);

int remote_read(const struct pystack_memory *memory, uint64_t addr, void *buf, size_t len);

/* Eight bytes, the size of a pointer and of Py_ssize_t. */
int remote_read_word(const struct pystack_memory *memory, uint64_t addr, uint64_t *ret);

/* Turns a reader's negative errno into a pystack_error where there is one. */
int remote_error(ssize_t negative_errno);

/* Memory is there or is not by pages; larger ones, of other machines, are multiples of this. */
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

/* Makes room for as many, which may move both. 0 or -ENOMEM. */
int remote_reserve(struct remote_room *room, size_t spans, size_t bytes);
void remote_release(struct remote_room *room);

/* Spans to be read by one system call, one behind the other. */
struct remote_batch {
        struct iovec *iov;
        size_t n, end; /* spans so far; where in the buffer the next one goes */
};

static inline struct iovec remote_span(uint64_t addr, size_t len)
{
        return (struct iovec){ .iov_base = (void *)(uintptr_t)addr, .iov_len = len };
}

/* Appends a span, for which there must be room. Where in the buffer it goes. */
static inline size_t remote_add(struct remote_batch *batch, uint64_t addr, size_t len)
{
        size_t at = batch->end;

        batch->iov[batch->n++] = remote_span(addr, len);
        batch->end += len;
        return at;
}

#endif
