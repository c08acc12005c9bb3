/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of a code object to its names and lines. Names may be thousands of
 * characters of which each becomes an escape, and line tables are searched from their
 * beginning: none of that is done while a sample is read, when the reader may run
 * before all else on its CPU.
 */
#include "pystack/internal.h"
#include "lines.h"

static const struct code_entry *entry_of(const struct pystack_code *code)
{
        return (const struct code_entry *)code;
}

void pystack_text(const struct pystack_code *code, struct pystack_text *ret)
{
        const struct code_entry *entry = entry_of(code);

        text_encode(&entry->name, entry->data, ret->name);
        text_encode(&entry->file, code_file_data(entry), ret->file);
}

/* 1 ns a byte. A stack of 2000 functions has 1 MiB of tables. */
#define LINE_BYTES_MAX ((size_t)4 << 20)

uint32_t pystack_line(struct pystack *py, const struct pystack_frame *frame)
{
        struct code_entry *entry = (struct code_entry *)(uintptr_t)frame->code;
        struct line_memo *memo = &entry->memo[(uint32_t)frame->instruction / 2 % LINE_MEMOS];

        if (memo->known && memo->instruction == frame->instruction)
                return memo->line;
        if (entry->without_lines || py->line_bytes > LINE_BYTES_MAX)
                return 0;
        py->line_bytes += entry->code.lines_len;
        *memo = (struct line_memo){
                .known = true,
                .instruction = frame->instruction,
                .line = lines_find(py->layout.lines, code_lines_data(entry), entry->code.lines_len,
                                   entry->code.first_line, frame->instruction),
        };
        return memo->line;
}
