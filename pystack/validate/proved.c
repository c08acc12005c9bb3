/* SPDX-License-Identifier: Apache-2.0 */
/* From frames that lie outside of a snapshot to code objects: each is proved by reading its proofs now. */
#include "proved.h"

#include "proof.h"
#include "pystack/decode/walk.h"
#include "pystack/tasks/label.h"

/* Behind any bytecode: the frame's line is not known. */
#define NOWHERE (1 << 28)

static int read_generation(const struct proved_reading *r, uint64_t *ret)
{
        return remote_read_word(&r->py->memory, r->interp + r->py->runtime.layout.interp.code_generation, ret);
}

/* Whether no code object of the interpreter was freed since the entry was proved. */
static bool is_proved(const struct proved_reading *r, const struct code_entry *entry)
{
        return r->generation && entry->generation == r->generation && entry->interp == r->interp;
}

/* It was read just now. If the generation is still the same, it is proved for as long as that lasts. */
static void note_generation_of(const struct proved_reading *r, struct code_entry *entry)
{
        uint64_t now;

        if (r->generation && read_generation(r, &now) == 0 && now == r->generation) {
                entry->generation = now;
                entry->interp = r->interp;
        }
}

int proved_code(const struct proved_reading *r, uint64_t addr, struct code_entry **ret)
{
        struct pystack *py = r->py;
        bool holds = false;
        int e = 0;

        if (label_is(addr))
                return PYSTACK_E_CORRUPT;
        *ret = code_cache_find(&py->codes, addr);
        if (*ret && is_proved(r, *ret))
                return 0;
        if (*ret)
                e = proof_read(r->trail, *ret, &holds);
        if (e == 0 && !holds)
                e = code_read(&py->codes, &py->runtime.layout, &py->memory, py->runtime.code_type, addr, ret);
        if (e == 0)
                note_generation_of(r, *ret);
        return e;
}

/* Without the GIL a thread may have bytecode of its own, where a position leads nowhere. */
static int32_t get_instruction(const struct layout *l, const struct raw_frame *raw)
{
        bool own = l->frame.tlbc_index != LAYOUT_NONE && raw->tlbc_index != 0;

        return own ? NOWHERE : walk_instruction(l, raw, raw->code + l->code.bytecode);
}

int proved_frame(const struct proved_reading *r, const struct raw_frame *raw, struct pystack_frame *ret)
{
        struct code_entry *entry;
        int e = proved_code(r, raw->code, &entry);

        if (e == 0)
                *ret = (struct pystack_frame){ .code = &entry->code,
                                               .instruction = get_instruction(&r->py->runtime.layout, raw) };
        return e;
}
