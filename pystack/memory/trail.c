/* SPDX-License-Identifier: Apache-2.0 */
#include "trail.h"

#include <string.h>

/* Bytes that a read takes along: a coroutine with its frame has some 200. */
#define ALONG 192u

void trail_begin(struct trail *t, const struct pystack_memory *memory)
{
        t->memory = memory;
        t->n = t->used = t->next = 0;
}

/* ---- what is there ------------------------------------------------------------------------------ */

static bool holds_bytes(const struct trail_span *s, uint64_t addr, size_t len)
{
        return addr >= s->addr && addr - s->addr <= s->len && len <= s->len - (addr - s->addr);
}

static const uint8_t *take_bytes(struct trail *t, struct trail_span *s, uint64_t addr, size_t len)
{
        uint32_t from = (uint32_t)(addr - s->addr), to = from + (uint32_t)len;

        s->from = s->to == 0 || from < s->from ? from : s->from;
        s->to = to > s->to ? to : s->to;
        return t->bytes + s->at + from;
}

/* Reads mostly go forward, in the order in which spans were read ahead. NULL: it has not been read. */
static const uint8_t *get_bytes(struct trail *t, uint64_t addr, size_t len)
{
        for (size_t i = 0, j = t->next; i < t->n; i++, j++) {
                if (j >= t->n)
                        j = 0;
                if (holds_bytes(&t->spans[j], addr, len)) {
                        t->next = j;
                        return take_bytes(t, &t->spans[j], addr, len);
                }
        }
        return NULL;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool has_room(const struct trail *t, size_t spans, size_t bytes)
{
        return spans <= TRAIL_SPANS - t->n && bytes <= TRAIL_BYTES - t->used;
}

static struct trail_span *add_span(struct trail *t, uint64_t addr, size_t len)
{
        struct trail_span *s = &t->spans[t->n++];

        *s = (struct trail_span){ .addr = addr, .len = (uint32_t)len, .at = (uint32_t)t->used };
        t->used += len;
        return s;
}

void trail_read_ahead(struct trail *t, const struct iovec *spans, size_t n)
{
        size_t bytes = 0;

        for (size_t i = 0; i < n; i++)
                bytes += spans[i].iov_len;
        if (n == 0 || !has_room(t, n, bytes) || remote_read_spans(t->memory, t->bytes + t->used, spans, n) != 0)
                return;
        for (size_t i = 0; i < n; i++)
                add_span(t, (uintptr_t)spans[i].iov_base, spans[i].iov_len);
}

int trail_read(struct trail *t, uint64_t addr, size_t len, const uint8_t **ret)
{
        uint64_t left = remote_page(addr) + REMOTE_PAGE - addr;
        size_t more = len > ALONG ? len : ALONG;

        if ((*ret = get_bytes(t, addr, len)))
                return 0;
        if (more > left)
                more = len > left ? len : left;
        if (!has_room(t, 1, more))
                return PYSTACK_E_COSTLY;
        int e = remote_read(t->memory, addr, t->bytes + t->used, more);
        if (e != 0)
                return e;
        t->next = t->n;
        *ret = take_bytes(t, add_span(t, addr, more), addr, len);
        return 0;
}

int trail_word(struct trail *t, uint64_t addr, uint64_t *ret)
{
        const uint8_t *bytes;
        int e = trail_read(t, addr, sizeof *ret, &bytes);

        if (e == 0)
                memcpy(ret, bytes, sizeof *ret);
        return e;
}

int trail_read_all(struct trail *t, const struct iovec *spans, size_t n, const uint8_t **ret)
{
        struct iovec missing[TRAIL_AT_ONCE];
        size_t n_missing = 0, bytes = 0;

        for (size_t i = 0; i < n && i < TRAIL_AT_ONCE; i++) {
                ret[i] = get_bytes(t, (uintptr_t)spans[i].iov_base, spans[i].iov_len);
                if (!ret[i]) {
                        missing[n_missing++] = spans[i];
                        bytes += spans[i].iov_len;
                }
        }
        if (n > TRAIL_AT_ONCE || !has_room(t, n_missing, bytes))
                return PYSTACK_E_COSTLY;
        int e = n_missing > 0 ? remote_read_spans(t->memory, t->bytes + t->used, missing, n_missing) : 0;
        for (size_t i = 0; e == 0 && i < n; i++) {
                uint64_t addr = (uintptr_t)spans[i].iov_base;
                if (!ret[i])
                        ret[i] = take_bytes(t, add_span(t, addr, spans[i].iov_len), addr, spans[i].iov_len);
        }
        return e;
}

/* ---- at the end --------------------------------------------------------------------------------- */

size_t trail_copy_spans(const struct trail *t, struct iovec *ret, size_t max)
{
        size_t n = 0;

        for (size_t i = 0; i < t->n; i++) {
                const struct trail_span *s = &t->spans[i];
                if (s->to == 0)
                        continue;
                if (n == max)
                        return 0;
                ret[n++] = remote_span(s->addr + s->from, s->to - s->from);
        }
        return n;
}

int trail_confirm(const struct trail *t)
{
        struct iovec spans[TRAIL_SPANS];
        uint8_t again[TRAIL_BYTES];
        size_t n = trail_copy_spans(t, spans, TRAIL_SPANS);
        const uint8_t *at = again;
        int e = n > 0 ? remote_read_spans(t->memory, again, spans, n) : 0;

        for (size_t i = 0; e == 0 && i < t->n; i++) {
                const struct trail_span *s = &t->spans[i];
                if (s->to == 0)
                        continue;
                if (memcmp(at, t->bytes + s->at + s->from, s->to - s->from) != 0)
                        e = PYSTACK_E_TORN;
                at += s->to - s->from;
        }
        return e;
}
