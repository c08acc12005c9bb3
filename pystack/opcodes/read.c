/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A code unit is two bytes: the opcode and its argument. Behind many instructions stand code units that are no
 * instructions: the data by which they are specialised. A frame of 3.11 and 3.12 points at such data for a moment when a
 * function returns to it, and a byte of data looks like any opcode. So the instructions of each code object are counted
 * off, from the first one on: only at the beginning of one stands an opcode. Specialising an instruction changes its
 * opcode, and never its length, so that is done once.
 *
 * The opcode is read after the stack, in one reading with the frame. It counts if the frame stands where it stood.
 */
#include "read.h"

#include "pystack/memory/remote.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytecode with more code units is not read. A function of 20 000 lines has this many. */
#define OPCODE_UNITS_MAX ((uint64_t)128 << 10)

/* Levels of a release, as in PY_VERSION_HEX. */
enum { RELEASE_ALPHA = 0xa, RELEASE_BETA = 0xb };

static const struct {
        uint16_t version; /* major << 8 | minor */
        const struct opcode *opcodes;
} tables[] = {
        { 0x030b, opcodes_3_11 }, { 0x030c, opcodes_3_12 }, { 0x030d, opcodes_3_13 },
        { 0x030e, opcodes_3_14 }, { 0x030f, opcodes_3_15 },
};

/* NULL: they are not known. Before its first release candidate a version has changed its numbers often. */
static const struct opcode *opcodes_of(const struct pystack *py)
{
        uint32_t level = py->info.version >> 4 & 15;

        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
                if (tables[i].version == py->runtime.layout.version && level != RELEASE_ALPHA && level != RELEASE_BETA)
                        return tables[i].opcodes;
        return NULL;
}

void pystack_opcodes_want(struct pystack *py, bool wanted)
{
        py->opcodes = wanted && py->runtime.layout.code.bytecode != LAYOUT_NONE;
}

bool pystack_opcodes_told(const struct pystack *py)
{
        return py->opcodes;
}

void pystack_opcode_write(const struct pystack *py, uint32_t opcode, char ret[PYSTACK_OPCODE_SIZE])
{
        const struct opcode *opcodes = opcodes_of(py);
        uint32_t byte = opcode - PYSTACK_OPCODE_FIRST;

        if (opcode < PYSTACK_OPCODE_FIRST || byte > UINT8_MAX)
                snprintf(ret, PYSTACK_OPCODE_SIZE, "unknown");
        else if (opcodes && opcodes[byte].name)
                snprintf(ret, PYSTACK_OPCODE_SIZE, "%s", opcodes[byte].name);
        else
                snprintf(ret, PYSTACK_OPCODE_SIZE, "%u", byte);
}

/* ---- where instructions begin ---------------------------------------------------- */

/* Stops at a byte that is no opcode, and behind an opcode that hides another: what follows is not known. */
static void count_off(const struct opcode *opcodes, const uint8_t *bytecode, uint64_t units, uint8_t *ret_starts)
{
        for (uint64_t i = 0; i < units;) {
                const struct opcode *opcode = &opcodes[bytecode[2 * i]];

                if (!opcode->name)
                        return;
                ret_starts[i / 8] |= (uint8_t)(1u << i % 8);
                if (opcode->caches == OPCODE_HIDES)
                        return;
                i += 1 + (uint64_t)opcode->caches;
        }
}

/* Fills in the entry's starts. What cannot be read has none, and is not tried again. @bytecode: its address. */
static void learn_starts(struct pystack *py, const struct opcode *opcodes, struct code_entry *entry, uint64_t bytecode)
{
        uint64_t units = 0, size = entry->addr + layout_head(&py->runtime.layout);
        size_t len;

        entry->counted_off = true;
        if (remote_read_word(&py->memory, size, &units) != 0 || units == 0 || units > OPCODE_UNITS_MAX)
                return;
        len = (size_t)units / 8 + 1;
        uint8_t *bytes = malloc(2 * (size_t)units), *starts = calloc(1, len);
        if (bytes && starts && remote_read(&py->memory, bytecode, bytes, 2 * (size_t)units) == 0 &&
            code_cache_charge(&py->codes, entry, len) == 0) {
                count_off(opcodes, bytes, units, starts);
                entry->starts = starts;
                entry->n_starts = (uint32_t)units;
                starts = NULL;
        }
        free(bytes);
        free(starts);
}

static bool is_start(const struct code_entry *entry, int32_t instruction)
{
        uint32_t unit = (uint32_t)instruction / 2;

        return instruction % 2 == 0 && unit < entry->n_starts && entry->starts[unit / 8] >> unit % 8 & 1;
}

/* ---- reading ---------------------------------------------------------------------- */

/* False: the frame does not stand there any more, or cannot be read. */
static bool read_byte(const struct pystack *py, const struct raw_frame *frame, uint8_t *ret)
{
        const struct layout *layout = &py->runtime.layout;
        uint8_t bytes[2 + LAYOUT_MAX_FRAME], *again = bytes + 2;
        struct iovec spans[] = { remote_span((uint64_t)frame->position, 2),
                                 remote_span(frame->addr, layout->frame.size) };

        if (remote_read_spans(&py->memory, bytes, spans, 2) != 0)
                return false;
        *ret = bytes[0];
        return (word_at(again, layout->frame.code) & ~layout->frame.tag_mask) == frame->code &&
               word_at(again, layout->frame.position) == (uint64_t)frame->position;
}

uint32_t opcode_read(struct pystack *py, const struct raw_frame *frame, struct code_entry *entry, int32_t instruction)
{
        const struct opcode *opcodes = opcodes_of(py);
        bool always_at_start = py->runtime.layout.position == POSITION_INSTR_PTR;
        uint8_t byte;

        if (instruction < 0 || !read_byte(py, frame, &byte))
                return PYSTACK_OPCODE_UNKNOWN;
        if (opcodes && !entry->counted_off)
                learn_starts(py, opcodes, entry, (uint64_t)frame->position - (uint64_t)instruction);
        if (opcodes ? !is_start(entry, instruction) : !always_at_start)
                return PYSTACK_OPCODE_UNKNOWN;
        return PYSTACK_OPCODE_FIRST + byte;
}
