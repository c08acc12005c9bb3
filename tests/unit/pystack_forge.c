/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pystack_forge.h"

#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (1u << 20)

/* Of each frame on the data stack. */
#define FRAME_WORDS 13

#define FIXTURES "tests/fixtures/debug-offsets/"

const struct forge_version forge_versions[] = {
        { "2.6", 0x020609f0, NULL, 0 },         { "2.7", 0x020712f0, NULL, 0 },
        { "2.7 debug", 0x020712f0, NULL, 16 },  { "3.4", 0x03040af0, NULL, 0 },
        { "3.5", 0x030509f0, NULL, 0 },         { "3.6", 0x03060ff0, NULL, 0 },
        { "3.6 debug", 0x03060ff0, NULL, 16 },  { "3.7.3", 0x030703f0, NULL, 0 },
        { "3.7.16", 0x030710f0, NULL, 0 },      { "3.7 debug", 0x030710f0, NULL, 16 },
        { "3.8", 0x030812f0, NULL, 0 },         { "3.9", 0x030912f0, NULL, 0 },
        { "3.10", 0x030a0df0, NULL, 0 },        { "3.11", 0x030b07f0, NULL, 0 },
        { "3.12", 0x030c01f0, NULL, 0 },        { "3.13", 0x030d12f0, "3.13.18", 0 },
        { "3.13t", 0x030d0ff0, "3.13.15t", 0 }, { "3.14", 0x030e0af0, "3.14.10", 0 },
        { "3.14t", 0x030e07f0, "3.14.7t", 0 },  { "3.15", 0x030f02f0, "3.15.2", 0 },
        { "3.15t", 0x030f02f0, "3.15.2t", 0 },  { NULL, 0, NULL, 0 },
};

const struct forge_version *forge_version(const char *name)
{
        EACH_VERSION(v)
        if (strcmp(v->name, name) == 0)
                return v;
        cr_assert_fail("no version %s", name);
        return NULL;
}

size_t forge_read_table(const char *name, uint64_t words[static 128])
{
        char path[256], line[256];
        size_t len = 8;

        snprintf(path, sizeof path, FIXTURES "%s.txt", name);
        FILE *file = fopen(path, "r");
        cr_assert(file, "%s", path);
        memcpy(words, "xdebugpy", 8);
        while (fgets(line, sizeof line, file)) {
                unsigned offset;
                char value[64];
                if (sscanf(line, "%u %*s %63s", &offset, value) == 2 && offset >= 8 && offset < 1024) {
                        words[offset / 8] = strtoull(value, NULL, 0);
                        len = offset + 8;
                }
        }
        fclose(file);
        return len;
}

static void make_layout(struct forge *forge)
{
        uint64_t words[128] = { 0 };

        if (forge->version->table) {
                forge_read_table(forge->version->table, words);
                memcpy(forge_at(forge, forge->runtime), words, sizeof words);
                struct layout_fault fault;
                int e = layout_from_debug_offsets(words, sizeof words, forge->version->version, &forge->layout, &fault);
                cr_assert_eq(e, 0, "%s", forge->version->name);
        } else {
                forge->layout = *layout_find(forge->version->version);
                layout_widen_objects(&forge->layout, forge->version->widened);
        }
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

void forge_half(struct forge *forge, uint64_t addr, uint32_t value)
{
        memcpy(forge_at(forge, addr), &value, sizeof value);
}

/* Two type objects, of types and of code objects. */
static void forge_types(struct forge *forge)
{
        forge->type_type = forge_alloc(forge, 512);
        forge->code_type = forge_alloc(forge, 512);
        forge_word(forge, forge->type_type + forge->layout.object_type, forge->type_type);
        forge_word(forge, forge->code_type + forge->layout.object_type, forge->type_type);
}

struct runtime forge_runtime(const struct forge *forge)
{
        const struct layout *l = &forge->layout;
        bool modern = l->runtime.interpreters_head != LAYOUT_NONE;
        uint32_t current = modern ? l->runtime.tstate_current : 0;

        return (struct runtime){
                .layout = *l,
                .interpreters = forge->runtime + (modern ? l->runtime.interpreters_head : 8),
                .tstate_current = current == LAYOUT_NONE ? 0 : forge->runtime + current,
                .code_type = forge->code_type,
                .machine = machine_get(MACHINE_X86_64),
        };
}

struct pystack_location forge_location(const struct forge *forge)
{
        struct pystack_location location = {
                .code_type = forge->code_type,
                .type_type = forge->type_type,
                .ladder = forge->version->version & 0xffff0000,
                .file = "/forged/libpython.so",
        };

        if (forge->layout.runtime.interpreters_head == LAYOUT_NONE) {
                location.tstate_current = forge->runtime;
                location.interp_head = forge->runtime + 8;
        } else {
                location.runtime = forge->runtime;
                location.runtime_size = forge->version->version < 0x03070400 ? 1424 : 0;
        }
        return location;
}

void forge_init(struct forge *forge, const struct forge_version *version)
{
        *forge = (struct forge){ .version = version, .memory = calloc(1, FORGE_SIZE) };
        const struct layout *l = &forge->layout;

        forge->runtime = forge_alloc(forge, 4096);
        make_layout(forge);
        forge_types(forge);
        forge->interp = forge_alloc(forge, 32768);
        forge_word(forge, forge_runtime(forge).interpreters, forge->interp);
        forge->tstate = forge_add_thread(forge, FORGE_PTHREAD);
        if (l->interp.code_generation != LAYOUT_NONE)
                forge_word(forge, forge->interp + l->interp.code_generation, 1);
        if (l->frame.entry == LAYOUT_NONE && l->frame.owner != LAYOUT_NONE)
                forge->root = forge_frame_elsewhere(forge, 0, 0, LAYOUT_OWNER_SHIM);
        if (l->frame.entry != LAYOUT_NONE)
                forge->cframe = forge_alloc(forge, 64);
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

uint64_t forge_add_thread(struct forge *forge, uint64_t id)
{
        const struct layout *l = &forge->layout;
        uint64_t head = forge->interp + l->interp.threads_head, newest;
        uint64_t tstate = forge_alloc(forge, LAYOUT_MAX_TSTATE);

        memcpy(&newest, forge_at(forge, head), sizeof newest);
        forge_word(forge, tstate + l->tstate.next, newest);
        forge_word(forge, tstate + l->tstate.interp, forge->interp);
        forge_word(forge, tstate + l->tstate.thread_id, id);
        if (l->tstate.native_thread_id != LAYOUT_NONE)
                forge_word(forge, tstate + l->tstate.native_thread_id, id);
        if (l->tstate.status != LAYOUT_NONE)
                forge_half(forge, tstate + l->tstate.status, FORGE_ENTERED);
        forge_word(forge, head, tstate);
        return tstate;
}

struct pystack_memory forge_remote(struct forge *forge)
{
        return (struct pystack_memory){ .read = read_forged, .ctx = forge };
}

struct pystack *forge_open(struct forge *forge)
{
        struct pystack_memory remote = forge_remote(forge);
        struct pystack_info info = { .runtime = forge->runtime };
        struct runtime runtime = forge_runtime(forge);
        struct pystack *py;

        cr_assert_eq(pystack_new(&remote, &info, &runtime, &py), 0);
        py->process.inner_pid = FORGE_PTHREAD;
        return py;
}

struct pystack_thread *forge_thread(struct forge *forge, struct pystack *py)
{
        struct pystack_thread_ref ref = { .tstate = forge->tstate, .interp = forge->interp, .pthread = FORGE_PTHREAD };
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

        forge_word(forge, addr + l->string.length, len);
        if (l->text == TEXT_FLEXIBLE)
                forge_half(forge, addr + l->string.state,
                           1u << l->string.kind_shift | l->string.compact_bit | l->string.ascii_bit);
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

void forge_lines(struct forge *forge, uint64_t code, const void *table, size_t len)
{
        forge_word(forge, code + forge->layout.code.lines, forge_bytes(forge, table, len));
}

void forge_recode(struct forge *forge, uint64_t code, const char *name, const char *file, uint32_t first_line)
{
        const struct layout *l = &forge->layout;
        static uint32_t version;

        forge_word(forge, code + l->code.name, forge_string(forge, name));
        forge_word(forge, code + l->code.file, forge_string(forge, file));
        forge_lines(forge, code, "", 0);
        memcpy(forge_at(forge, code + l->code.first_line), &first_line, sizeof first_line);
        version++;
        if (l->code.version != LAYOUT_NONE)
                memcpy(forge_at(forge, code + l->code.version), &version, sizeof version);
}

uint64_t forge_code(struct forge *forge, const char *name, const char *file, uint32_t first_line)
{
        uint64_t code = forge_alloc(forge, LAYOUT_MAX_CODE);
        const uint32_t *words = forge->layout.code.words;

        for (size_t i = 0; i < 2 && words[i] != LAYOUT_NONE; i++)
                forge_half(forge, code + words[i], i == 0 ? FRAME_WORDS - forge->layout.code.extra_words : 0);
        forge_word(forge, code + forge->layout.object_type, forge->code_type);
        forge_recode(forge, code, name, file, first_line);
        return code;
}

/* ---- frames ------------------------------------------------------------------ */

/* A loop's cframe, of 3.12, lies so far behind its shim. */
#define CFRAME_AFTER_SHIM LAYOUT_MAX_FRAME

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
        if (l->frame.entry != LAYOUT_NONE)
                *forge_at(forge, frame + l->frame.entry) = previous == 0;
        if (l->frame.stack_top != LAYOUT_NONE)
                forge_half(forge, frame + l->frame.stack_top, UINT32_MAX);
}

uint64_t forge_frame_elsewhere(struct forge *forge, uint64_t code, uint64_t previous, int owner)
{
        uint64_t frame = forge_alloc(forge, CFRAME_AFTER_SHIM + 16);

        if (previous == 0)
                previous = forge->root;
        fill_frame(forge, frame, code, previous, owner);
        return frame;
}

uint64_t forge_frame(struct forge *forge, uint64_t code, uint64_t previous)
{
        uint64_t frame = forge->chunk_top;

        if (!forge->chunk)
                return forge_frame_elsewhere(forge, code, previous, 0);
        forge->chunk_top += 8 * FRAME_WORDS;
        fill_frame(forge, frame, code, previous ? previous : forge->root, 0);
        return frame;
}

/* Whether @frame can be followed: tests forge wild ones as well. */
static bool is_forged(uint64_t frame)
{
        return frame >= FORGE_BASE && frame < FORGE_BASE + FORGE_SIZE - LAYOUT_MAX_FRAME;
}

/* More frames in a chain, and it is a circle. */
#define FOLLOWED_MAX 20000

/* The innermost frame, from @frame on, of that owner; 0: none. */
static uint64_t find_owned_by(const struct forge *forge, uint64_t frame, int owner)
{
        const struct layout *l = &forge->layout;

        for (unsigned i = 0; i < FOLLOWED_MAX && is_forged(frame); i++) {
                const uint8_t *bytes = forge->memory + (frame - FORGE_BASE);
                if (bytes[l->frame.owner] == owner)
                        return frame;
                frame = word_at(bytes, l->frame.previous);
        }
        return 0;
}

/*
 * The cframes of the loops in which the frames from @frame on run, of 3.12: each beside its
 * shim. In 3.11 there is one loop. Returns the innermost one's.
 */
static uint64_t forge_loops(struct forge *forge, uint64_t tstate, uint64_t frame)
{
        const struct layout *l = &forge->layout;
        uint64_t shim = forge->cframe ? 0 : find_owned_by(forge, frame, LAYOUT_OWNER_SHIM);
        uint64_t outer = shim ? word_at(forge_at(forge, shim), l->frame.previous) : 0;
        uint64_t cframe = shim ? shim + CFRAME_AFTER_SHIM : forge->cframe ? forge->cframe : forge_alloc(forge, 64);

        if (frame == 0)
                return tstate + l->tstate.cframe_root;
        forge_word(forge, cframe + l->tstate.cframe_frame, frame);
        forge_word(forge, cframe + l->tstate.cframe_previous, forge_loops(forge, tstate, outer));
        return cframe;
}

/* Where the state of exceptions of the innermost generator from @frame on is kept, or the thread's own. */
static uint64_t forge_exc_state(struct forge *forge, uint64_t tstate, uint64_t frame)
{
        uint64_t generator = find_owned_by(forge, frame, LAYOUT_OWNER_GENERATOR);

        return generator ? generator - LAYOUT_EXC_STATE_BEFORE : tstate + forge->layout.tstate.exc_state;
}

/* The data stack's top is where the innermost frame on it ends. */
static uint64_t forge_top(struct forge *forge, uint64_t frame)
{
        uint64_t innermost = forge->layout.frame.owner == LAYOUT_NONE ? 0 : find_owned_by(forge, frame, 0);

        return innermost ? innermost + 8 * FRAME_WORDS : forge->chunk_top;
}

void forge_run_in(struct forge *forge, uint64_t tstate, uint64_t frame)
{
        const struct layout *l = &forge->layout;

        if (l->tstate.chunk != LAYOUT_NONE)
                forge_word(forge, tstate + l->tstate.chunk_top, forge_top(forge, frame));
        if (l->tstate.exc_info != LAYOUT_NONE)
                forge_word(forge, tstate + l->tstate.exc_info, forge_exc_state(forge, tstate, frame));
        if (l->tstate.cframe != LAYOUT_NONE)
                forge_word(forge, tstate + l->tstate.cframe, forge_loops(forge, tstate, frame));
        else
                forge_word(forge, tstate + l->tstate.frame, frame);
}

void forge_run(struct forge *forge, uint64_t frame)
{
        forge_run_in(forge, forge->tstate, frame);
}
