/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pystack_forge.h"

#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PTHREAD 0x5150
#define CHUNK_BYTES (1u << 20)

/* _Py_DebugOffsets of 3.14.10, the words that a layout is made of (see pystack/debug_offsets.c). */
static const struct {
        uint8_t word;
        uint64_t value;
} offsets_3_14[] = {
        { 5, 808 },  { 8, 7272 }, { 9, 7344 }, { 15, 16 },  { 16, 7784 }, { 17, 0 },   { 18, 7800 }, { 19, 7792 },
        { 20, 7992 }, { 24, 8 },  { 25, 16 },  { 26, 72 },  { 27, 152 },  { 28, 160 }, { 29, 232 },  { 31, 88 },
        { 32, 8 },   { 33, 0 },   { 34, 56 },  { 36, 74 },  { 40, 112 },  { 41, 120 }, { 42, 128 },  { 43, 136 },
        { 44, 68 },  { 48, 208 }, { 75, 16 },  { 76, 32 },  { 78, 32 },   { 79, 16 },  { 80, 40 },
};

static void make_layout(uint32_t version, struct layout *ret)
{
        uint64_t words[LAYOUT_DEBUG_OFFSETS_MAX / 8] = { 0 };
        const struct layout *layout = layout_find(version);

        if (layout) {
                *ret = *layout;
                return;
        }
        memcpy(words, "xdebugpy", 8);
        words[1] = version;
        for (size_t i = 0; i < sizeof offsets_3_14 / sizeof *offsets_3_14; i++)
                words[offsets_3_14[i].word] = offsets_3_14[i].value;
        cr_assert_eq(layout_from_debug_offsets(words, sizeof words, ret), 0);
}

static ssize_t read_forged(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct forge *forge = ctx;
        size_t done = 0;

        forge->reads++;
        for (size_t i = 0; i < n; i++) {
                uint64_t addr = (uint64_t)(uintptr_t)remote[i].iov_base;
                size_t len = remote[i].iov_len;
                if (forge->between)
                        forge->between(forge, i, n);
                if (addr < FORGE_BASE || len > FORGE_SIZE || addr - FORGE_BASE > FORGE_SIZE - len)
                        return done > 0 ? (ssize_t)done : -EFAULT;
                memcpy((char *)buf + done, forge->memory + (addr - FORGE_BASE), len);
                done += len;
        }
        return (ssize_t)done;
}

uint64_t forge_alloc(struct forge *forge, size_t size)
{
        uint64_t addr = FORGE_BASE + forge->used;

        forge->used += (size + 15) & ~(size_t)15;
        cr_assert_leq(forge->used, FORGE_SIZE);
        return addr;
}

uint8_t *forge_at(struct forge *forge, uint64_t addr)
{
        return forge->memory + (addr - FORGE_BASE);
}

void forge_word(struct forge *forge, uint64_t addr, uint64_t value)
{
        memcpy(forge_at(forge, addr), &value, sizeof value);
}

void forge_init(struct forge *forge, uint32_t version)
{
        *forge = (struct forge){ .memory = calloc(1, FORGE_SIZE) };
        make_layout(version, &forge->layout);
        const struct layout *l = &forge->layout;

        forge->runtime = forge_alloc(forge, 4096);
        forge->interp = forge_alloc(forge, 16384);
        forge->tstate = forge_alloc(forge, LAYOUT_MAX_TSTATE);
        forge_word(forge, forge->runtime + l->runtime.interpreters_head, forge->interp);
        forge_word(forge, forge->interp + l->interp.threads_head, forge->tstate);
        forge_word(forge, forge->tstate + l->tstate.interp, forge->interp);
        forge_word(forge, forge->tstate + l->tstate.thread_id, PTHREAD);
        if (l->interp.code_generation != LAYOUT_NONE)
                forge_word(forge, forge->interp + l->interp.code_generation, 1);
        if (l->tstate.cframe != LAYOUT_NONE) {
                forge->cframe = forge_alloc(forge, 64);
                forge_word(forge, forge->tstate + l->tstate.cframe, forge->cframe);
        }
        if (l->tstate.chunk != LAYOUT_NONE) {
                forge->used = (forge->used + 4095) & ~4095ull;
                forge->chunk = forge_alloc(forge, CHUNK_BYTES);
                forge->chunk_top = forge->chunk + 32;
                forge_word(forge, forge->chunk + 8, CHUNK_BYTES);
                forge_word(forge, forge->tstate + l->tstate.chunk, forge->chunk);
        }
        forge_run(forge, 0);
}

void forge_deinit(struct forge *forge)
{
        free(forge->memory);
}

struct pystack *forge_open(struct forge *forge)
{
        struct pystack_reader reader = { .read = read_forged, .ctx = forge };
        struct pystack_info info = { .runtime = forge->runtime };
        struct pystack *py;

        cr_assert_eq(pystack_open_reader(&reader, &info, &forge->layout, 0, &py), 0);
        return py;
}

struct pystack_thread *forge_thread(struct forge *forge, struct pystack *py)
{
        struct pystack_thread_ref ref = { .tstate = forge->tstate, .interp = forge->interp, .pthread = PTHREAD };
        struct pystack_thread *thread;

        cr_assert_eq(pystack_thread_open(py, &ref, &thread), 0);
        return thread;
}

/* ---- objects ----------------------------------------------------------------- */

uint64_t forge_string(struct forge *forge, const char *ascii)
{
        const struct layout *l = &forge->layout;
        size_t len = strlen(ascii);
        uint64_t addr = forge_alloc(forge, 96 + len + 1);
        uint32_t state = 1u << l->string.kind_shift | l->string.compact_bit | l->string.ascii_bit;

        forge_word(forge, addr + l->string.length, len);
        memcpy(forge_at(forge, addr + l->string.state), &state, sizeof state);
        memcpy(forge_at(forge, addr + l->string.ascii_data), ascii, len + 1);
        return addr;
}

static uint64_t forge_bytes(struct forge *forge, const void *bytes, size_t len)
{
        const struct layout *l = &forge->layout;
        uint64_t addr = forge_alloc(forge, l->bytes.data + len + 1);

        forge_word(forge, addr + l->bytes.size, len);
        memcpy(forge_at(forge, addr + l->bytes.data), bytes, len);
        return addr;
}

void forge_recode(struct forge *forge, uint64_t code, const char *name, const char *file, uint32_t first_line)
{
        const struct layout *l = &forge->layout;
        static uint32_t version;

        forge_word(forge, code + l->code.name, forge_string(forge, name));
        forge_word(forge, code + l->code.file, forge_string(forge, file));
        forge_word(forge, code + l->code.lines, forge_bytes(forge, "", 0));
        memcpy(forge_at(forge, code + l->code.first_line), &first_line, sizeof first_line);
        version++;
        if (l->code.version != LAYOUT_NONE)
                memcpy(forge_at(forge, code + l->code.version), &version, sizeof version);
}

uint64_t forge_code(struct forge *forge, const char *name, const char *file, uint32_t first_line)
{
        uint64_t code = forge_alloc(forge, LAYOUT_MAX_CODE);

        forge_recode(forge, code, name, file, first_line);
        return code;
}

/* ---- frames ------------------------------------------------------------------ */

static void fill_frame(struct forge *forge, uint64_t frame, uint64_t code, uint64_t previous, int owner)
{
        const struct layout *l = &forge->layout;
        uint32_t not_started = UINT32_MAX;

        forge_word(forge, frame + l->frame.previous, previous);
        forge_word(forge, frame + l->frame.code, code | (l->frame.tag_mask & 1));
        if (l->position <= POSITION_LASTI_UNITS)
                memcpy(forge_at(forge, frame + l->frame.position), &not_started, sizeof not_started);
        else
                forge_word(forge, frame + l->frame.position, code);
        if (l->frame.owner != LAYOUT_NONE)
                *forge_at(forge, frame + l->frame.owner) = (uint8_t)owner;
}

uint64_t forge_frame_elsewhere(struct forge *forge, uint64_t code, uint64_t previous, int owner)
{
        uint64_t frame = forge_alloc(forge, LAYOUT_MAX_FRAME);

        fill_frame(forge, frame, code, previous, owner);
        return frame;
}

uint64_t forge_frame(struct forge *forge, uint64_t code, uint64_t previous)
{
        uint64_t frame = forge->chunk_top;

        if (!forge->chunk)
                return forge_frame_elsewhere(forge, code, previous, 0);
        forge->chunk_top += 104;
        fill_frame(forge, frame, code, previous, 0);
        return frame;
}

void forge_run(struct forge *forge, uint64_t frame)
{
        const struct layout *l = &forge->layout;

        if (forge->chunk)
                forge_word(forge, forge->tstate + l->tstate.chunk_top, forge->chunk_top);
        if (forge->cframe)
                forge_word(forge, forge->cframe + l->tstate.cframe_frame, frame);
        else
                forge_word(forge, forge->tstate + l->tstate.frame, frame);
}
