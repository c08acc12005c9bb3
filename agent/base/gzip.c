/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by zlib, for whole buffers. Unpacking takes several members in a row, as RFC 1952 allows. The buffer grows as
 * bytes come out, never by what the input claims, so that a small bomb costs no more than the caller's bound.
 */
#include "gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define WINDOW_BITS (15 + 16) /* zlib's windowBits: the largest window, with gzip's header */
#define MEMORY_LEVEL 8        /* zlib's default memLevel */
#define FIRST_GUESS 4096      /* first guess of the unpacked size, in bytes */

int gzip_pack(const void *data, size_t len, void **ret, size_t *ret_len)
{
        z_stream z = { .next_in = data, .avail_in = (uInt)len };

        if (len > UINT_MAX)
                return -EFBIG;
        if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
                return -ENOMEM;
        uLong bound = deflateBound(&z, len);
        void *packed = bound <= UINT_MAX ? malloc(bound) : NULL;
        z.next_out = packed;
        z.avail_out = (uInt)bound;
        int r = packed && deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -ENOMEM;
        deflateEnd(&z);
        if (r) {
                free(packed);
                return r;
        }
        *ret = packed;
        *ret_len = z.total_out;
        return 0;
}

struct unpacked {
        unsigned char *bytes;
        size_t len, capacity, max;
};

/* Makes room for one byte more than the bound, which tells a result that fits from one that is too long. */
static int reserve_output(struct unpacked *u)
{
        if (u->len < u->capacity)
                return 0;
        if (u->len > u->max)
                return -EFBIG;
        size_t capacity = u->capacity ? u->capacity * 2 : FIRST_GUESS;
        if (capacity > u->max + 1)
                capacity = u->max + 1;
        void *bytes = realloc(u->bytes, capacity);
        if (!bytes)
                return -ENOMEM;
        u->bytes = bytes;
        u->capacity = capacity;
        return 0;
}

/* 0: call again; 1: all of the input is unpacked; or a negative errno. */
static int inflate_step(z_stream *z, struct unpacked *u)
{
        int r = reserve_output(u);

        if (r)
                return r;
        size_t room = u->capacity - u->len;
        z->next_out = u->bytes + u->len;
        z->avail_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
        uInt before = z->avail_out;
        int status = inflate(z, Z_NO_FLUSH);
        u->len += before - z->avail_out;
        if (u->len > u->max)
                return -EFBIG;
        if (status == Z_OK)
                return 0;
        if (status != Z_STREAM_END)
                return status == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
        if (z->avail_in == 0)
                return 1;
        return inflateReset(z) == Z_OK ? 0 : -EINVAL;
}

int gzip_unpack(const void *data, size_t len, size_t max, void **ret, size_t *ret_len)
{
        struct unpacked u = { .max = max };
        z_stream z = { .next_in = data, .avail_in = (uInt)len };
        int r;

        if (len > UINT_MAX || max >= SIZE_MAX / 2)
                return -EFBIG;
        if (inflateInit2(&z, WINDOW_BITS) != Z_OK)
                return -ENOMEM;
        do
                r = inflate_step(&z, &u);
        while (r == 0);
        inflateEnd(&z);
        if (r < 0) {
                free(u.bytes);
                return r;
        }
        *ret = u.bytes;
        *ret_len = u.len;
        return 0;
}
