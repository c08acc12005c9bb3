/* SPDX-License-Identifier: Apache-2.0 */
#include "trail.h"

#include <string.h>

void trail_begin(struct trail *t, const struct pystack_memory *memory)
{
        t->memory = memory;
        t->n = t->used = 0;
}

int trail_read(struct trail *t, uint64_t addr, size_t len, const uint8_t **ret)
{
        if (t->n == TRAIL_SPANS || len > TRAIL_BYTES - t->used)
                return PYSTACK_E_COSTLY;
        int e = remote_read(t->memory, addr, t->bytes + t->used, len);
        if (e != 0)
                return e;
        *ret = t->bytes + t->used;
        t->spans[t->n++] = remote_span(addr, len);
        t->used += len;
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

int trail_confirm(const struct trail *t)
{
        uint8_t again[TRAIL_BYTES];
        int e = t->n > 0 ? remote_read_spans(t->memory, again, t->spans, t->n) : 0;

        if (e != 0)
                return e;
        return memcmp(again, t->bytes, t->used) == 0 ? 0 : PYSTACK_E_TORN;
}
