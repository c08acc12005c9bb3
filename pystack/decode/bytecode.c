/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In free-threaded builds from 3.14 on each thread runs its own copy of the bytecode, since bytecode is specialised
 * while it runs. co_tlbc points to the addresses of the copies (struct _PyCodeArray: a count, then pointers). The
 * first address is that of the code object's own bytecode. Copies are only added. The exception is a stop of all
 * threads: it frees unused copies and increments interp.tlbc_generation.
 *
 * Limit: no such interpreter was at hand; tested on forged memory.
 */
#include "bytecode.h"

#include "pystack/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A thread has an index, which is free again when the thread ends. So there are no more indices than threads. */
#define INDEX_MAX PYSTACK_MAX_THREADS

static int read_address(const struct pystack *py, uint64_t code, uint32_t index, uint64_t *ret)
{
        uint64_t at = code + py->runtime.layout.code.tlbc, array, size, address = 0;
        int e = remote_read_word(&py->memory, at, &array);

        if (e != 0 || (e = remote_read_word(&py->memory, array, &size)) != 0)
                return trace_unread(&py->memory, e, "code.co_tlbc", at);
        if (index >= size)
                return REFUSE(&py->memory, PYSTACK_E_CORRUPT, .field = "code.co_tlbc", .address = array,
                              .expected = "more bytecodes than the frame's index", .wanted = index, .found = size);
        at = array + 8 + 8 * (uint64_t)index;
        if ((e = remote_read_word(&py->memory, at, &address)) != 0)
                return trace_unread(&py->memory, e, "code.co_tlbc", at);
        if (!address)
                return REFUSE(&py->memory, PYSTACK_E_CORRUPT, .field = "code.co_tlbc", .address = at,
                              .expected = "an address of bytecode");
        *ret = address;
        return 0;
}

static int reserve_bytecode(struct code_entry *entry, uint32_t index)
{
        if (index < entry->n_bytecodes)
                return 0;
        uint32_t n = 2 * index + 8;
        uint64_t *bytecodes = realloc(entry->bytecodes, n * sizeof *bytecodes);
        if (!bytecodes)
                return -ENOMEM;
        memset(bytecodes + entry->n_bytecodes, 0, (n - entry->n_bytecodes) * sizeof *bytecodes);
        entry->bytecodes = bytecodes;
        entry->n_bytecodes = n;
        return 0;
}

static void drop_freed(struct code_entry *entry, uint32_t generation)
{
        if (entry->bytecodes_generation == generation)
                return;
        if (entry->n_bytecodes > 0)
                memset(entry->bytecodes, 0, entry->n_bytecodes * sizeof *entry->bytecodes);
        entry->bytecodes_generation = generation;
}

int bytecode_find(struct pystack *py, const struct snapshot *s, struct code_entry *entry, const struct raw_frame *frame,
                  uint64_t *ret, bool *ret_certain)
{
        uint32_t index = frame->tlbc_index;
        int e = 0;

        *ret_certain = true;
        *ret = frame->code + py->runtime.layout.code.bytecode;
        if (index == 0)
                return 0;
        if (index >= INDEX_MAX)
                return REFUSE(&py->memory, PYSTACK_E_CORRUPT, .field = "frame.tlbc_index",
                              .address = frame->addr + py->runtime.layout.frame.tlbc_index,
                              .expected = "an index below", .wanted = INDEX_MAX, .found = index);
        drop_freed(entry, s->tlbc_generation);
        if (index >= entry->n_bytecodes || !entry->bytecodes[index]) {
                *ret_certain = false;
                if ((e = reserve_bytecode(entry, index)) == 0)
                        e = read_address(py, frame->code, index, &entry->bytecodes[index]);
        }
        if (e == 0)
                *ret = entry->bytecodes[index];
        return e;
}
