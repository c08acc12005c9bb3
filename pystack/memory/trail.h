/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TRAIL_H
#define PYSTACK_TRAIL_H

/*
 * Reads of memory that changes meanwhile, each of which follows from the ones before. All of them are kept, and are read
 * once more at the end. What both readings have was so at one moment between them.
 *
 * A read takes along what lies behind it, up to the end of its page, since the next one is often there and system calls
 * cost more than bytes. Bytes that nobody has asked for are not compared.
 */

#include "remote.h"

/* A task of 100 coroutines takes some 400 reads and 40 KiB. */
#define TRAIL_SPANS 768
#define TRAIL_BYTES (64u << 10)

struct trail_span {
        uint64_t addr;
        uint32_t len;
        uint32_t at;       /* where in @bytes */
        uint32_t from, to; /* the part that was asked for */
};

struct trail {
        const struct pystack_memory *memory; /* borrowed */
        size_t n, used;
        size_t next; /* the span that the next read most likely asks for */
        struct trail_span spans[TRAIL_SPANS];
        uint8_t bytes[TRAIL_BYTES];
};

/* Begins a trail that has no reads yet. */
void trail_begin(struct trail *trail, const struct pystack_memory *memory);

/*
 * Reads @n spans ahead by one system call. They are most likely asked for. If one of them cannot be read, none is: that is
 * no error.
 */
void trail_read_ahead(struct trail *trail, const struct iovec *spans, size_t n);

/* Reads, and keeps what was read in @trail: @ret points to it. PYSTACK_E_COSTLY: it has no room. Errors of reading. */
int trail_read(struct trail *trail, uint64_t addr, size_t len, const uint8_t **ret);

/* Spans of trail_read_all() at most. */
#define TRAIL_AT_ONCE 16

/* The same for @n spans. What is not in the trail yet is read by one system call, and takes nothing along. */
int trail_read_all(struct trail *trail, const struct iovec *spans, size_t n, const uint8_t **ret);

/* The same for a word. */
int trail_word(struct trail *trail, uint64_t addr, uint64_t *ret);

/* Copies what was asked for so far as spans. Returns their number, which is at most @max; 0: there are more. */
size_t trail_copy_spans(const struct trail *trail, struct iovec *ret, size_t max);

/* Reads all once more, by one system call. 0: it was the same. PYSTACK_E_TORN: it was not. Errors of reading. */
int trail_confirm(const struct trail *trail);

#endif
