/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_NATIVE_H
#define PYSTACK_NATIVE_H

/*
 * Mixed stacks: the frames of C code and those of Python, in their true order. Included by pystack.h.
 *
 * C code is unwound by the tables in the files that are mapped (elfsym/unwind.h). Each run of CPython's evaluation loop on
 * the C stack is replaced by the Python frames that it runs. The two sides must agree: see native/merge.c.
 */

#include "elfsym/elfsym.h"
#include "nsutil/nsutil.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pystack;
struct pystack_thread;
struct pystack_uninterrupted;

/* Frames of C code that a stack has at most. A deeper one is not merged. */
#define PYSTACK_NATIVE_MAX 4096

/* What is known of the code that a process has mapped. */
struct pystack_native;

/* A file, or another thing such as the vDSO, whose code is mapped. Valid until pystack_close(). */
struct pystack_image {
        struct nsutil_map
                map; /* its first mapping, with the end of its last one. Its path is "" for code made at run time */
        char build_id[ELFSYM_BUILD_ID_SIZE]; /* as struct elfsym_frames has it; "" also if it is no ELF file */
        uint64_t bias;                       /* what an address in the process has more than one in the file */
};

/*
 * Reads which code is mapped: outside of ticks, since it may take milliseconds. The first call makes ready for mixed
 * stacks. Later ones are due when pystack_native_is_stale(). @lock and @unlock enclose the exchange of what others use
 * meanwhile; both are NULL if nobody does. If @lock says false, nothing is exchanged. 0, or a pystack_error.
 */
int pystack_native_read(struct pystack *py, bool (*lock)(void *ctx), void (*unlock)(void *ctx), void *ctx);

/* Whether a stack has met code of which nothing is known, since the last pystack_native_read(). */
bool pystack_native_is_stale(const struct pystack *py);

/* The bytes that rules, images and room for stacks take. pystack_trim() frees the rules and the room. */
size_t pystack_native_bytes(const struct pystack *py);

/* The image with this number, of a frame. NULL if there is none. Any thread may ask. */
const struct pystack_image *pystack_native_image(const struct pystack *py, uint32_t number);

/*
 * Where the function begins that has @value, both as addresses in the image's file. @value itself if the file's unwinding
 * table does not tell, or can no longer be read. It names functions that have no symbol. Any thread may ask.
 */
uint64_t pystack_native_function(const struct pystack *py, uint32_t number, uint64_t value);

/* Where a thread was when it was last on its CPU, and how it is known that it has not been on one since. */
struct pystack_native_request {
        struct elfsym_registers registers;
        /* Asked after the reading where memory does not tell: whether the thread has not run since. */
        bool (*stayed)(void *ctx);
        void *ctx;
};

/* Why a stack is not merged. */
enum pystack_unmerged {
        PYSTACK_MERGED,
        PYSTACK_UNMERGED_MOVED,     /* the thread may have run since its registers were read */
        PYSTACK_UNMERGED_CUT,       /* the C stack could not be followed as far as its Python frames go */
        PYSTACK_UNMERGED_UNKNOWN,   /* it has met code of which nothing is known yet */
        PYSTACK_UNMERGED_COSTLY,    /* too many rules were new: they are known the next time */
        PYSTACK_UNMERGED_DISAGREES, /* there are more evaluation loops, or fewer, than the Python frames tell */
        PYSTACK_UNMERGED_REASONS,
};

struct pystack_mixed_frame {
        uint32_t python; /* the number of a frame of the Python stack, from 1; 0: it is C code */
        uint32_t image;  /* for pystack_native_image(); 0: not known */
        uint64_t value;  /* its address in the image's file. Of a caller: an address within its call */
};

struct pystack_mixed {
        const struct pystack_mixed_frame *frames; /* leaf first; valid until the next sample */
        size_t n;                                 /* 0: it is not merged */
        bool truncated;                           /* the outermost frames are missing */
        enum pystack_unmerged reason;
};

/*
 * The next pystack_sample() or pystack_sample_frozen() of this thread, and only that, makes a mixed stack. @request is
 * borrowed until then.
 */
void pystack_native_ask(struct pystack_thread *thread, const struct pystack_native_request *request);

/* The stack of a thread that runs no Python. Its outcome is in @ret. */
void pystack_native_sample(struct pystack *py, const struct pystack_native_request *request, struct pystack_mixed *ret);

#endif
