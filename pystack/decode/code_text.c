/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of a code object to its names and lines. A name may have thousands of characters, of which each
 * becomes an escape, and a line table is searched from its beginning. So this is not done while a sample is read:
 * then the calling thread may run before all others on its CPU.
 */
#include "lines.h"
#include "pystack/internal.h"

#include <stdatomic.h>

static const struct code_entry *entry_of(const struct pystack_code *code)
{
        return (const struct code_entry *)code;
}

void pystack_text(const struct pystack_code *code, struct pystack_text *ret)
{
        const struct code_entry *entry = entry_of(code);

        pystr_encode(&entry->name, entry->data, ret->name);
        pystr_encode(&entry->file, code_file_data(entry), ret->file);
}

static struct code_entry *entry_to_change(const struct pystack_code *code)
{
        return (struct code_entry *)(uintptr_t)code;
}

void pystack_keep(const struct pystack_code *code)
{
        entry_to_change(code)->keepers++;
}

void pystack_let_go(struct pystack *py, const struct pystack_code *code)
{
        code_cache_let_go(&py->codes, entry_to_change(code));
}

/* ---- lines ------------------------------------------------------------------------- */

/*
 * Whether the line is known without a search. A memo of 0 is free, and belongs to no instruction that can be searched
 * for.
 */
static bool recall_line(const struct code_entry *entry, int32_t instruction, uint32_t *ret)
{
        uint64_t memo = atomic_load_explicit(&entry->memo[(uint32_t)instruction / 2 % LINE_MEMOS],
                                             memory_order_relaxed);

        if (instruction < 0)
                *ret = entry->code.first_line;
        else if ((uint32_t)memo == ~(uint32_t)instruction)
                *ret = (uint32_t)(memo >> 32);
        return instruction < 0 || (uint32_t)memo == ~(uint32_t)instruction;
}

static uint32_t look_up_line(const struct pystack *py, struct code_entry *entry, int32_t instruction)
{
        uint32_t line = lines_find(py->runtime.layout.lines, code_lines_data(entry), entry->code.lines_len,
                                   entry->code.first_line, instruction);

        atomic_store_explicit(&entry->memo[(uint32_t)instruction / 2 % LINE_MEMOS],
                              (uint64_t)line << 32 | ~(uint32_t)instruction, memory_order_relaxed);
        return line;
}

uint32_t pystack_line_apart(const struct pystack *py, const struct pystack_frame *frame)
{
        struct code_entry *entry = entry_to_change(frame->code);
        uint32_t line;

        if (recall_line(entry, frame->instruction, &line))
                return line;
        return entry->without_lines ? 0 : look_up_line(py, entry, frame->instruction);
}

/* A search takes 1 ns a byte. A stack of 2000 functions has 1 MiB of tables. */
#define LINE_BYTES_MAX ((size_t)4 << 20)

uint32_t pystack_line(struct pystack *py, const struct pystack_frame *frame)
{
        struct code_entry *entry = entry_to_change(frame->code);
        uint32_t line;

        if (recall_line(entry, frame->instruction, &line))
                return line;
        if (entry->without_lines || py->sample.line_bytes > LINE_BYTES_MAX)
                return 0;
        py->sample.line_bytes += entry->code.lines_len;
        return look_up_line(py, entry, frame->instruction);
}
