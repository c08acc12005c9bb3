/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From frames to code objects. The outer frames of a stack are mostly where they were in the stack before it. So their
 * entries are remembered by position, and are rarely searched for.
 */
#include "name.h"

#include "bytecode.h"
#include "pystack/memory/effort.h"
#include "pystack/tasks/label.h"
#include "pystack/trace.h"
#include "pystack/validate/proof.h"
#include "walk.h"

#include <errno.h>
#include <stdlib.h>

static int reserve_names(struct pystack_thread *t, size_t n)
{
        if (n <= t->cap_named)
                return 0;
        struct named *named = realloc(t->named, 2 * n * sizeof *named);
        if (!named)
                return -ENOMEM;
        t->named = named;
        struct named *codes = realloc(t->codes, 2 * n * sizeof *codes);
        if (!codes)
                return -ENOMEM;
        t->codes = codes;
        t->cap_named = (uint32_t)(2 * n);
        return 0;
}

/* Notes that this code object is on the stack: the next snapshot reads its proofs. */
static void note_code_on_stack(struct pystack_thread *t, struct code_entry *entry)
{
        if (entry->listed == t->py->numbers.list)
                return;
        entry->listed = t->py->numbers.list;
        t->codes[t->n_codes++] = (struct named){ entry->addr, entry };
}

/* Code objects that are read between two looks at the clock. Both are system calls. */
#define READ_PER_CLOCK 8

/* Whether another code object may be read for this sample: 0 or PYSTACK_E_COSTLY. */
static int check_limit(struct pystack *py)
{
        if (py->sample.cpu_ns_max == 0 || py->sample.codes_read++ % READ_PER_CLOCK != 0)
                return 0;
        uint64_t ns = effort_cpu_ns();
        if (py->sample.codes_read == 1)
                py->sample.begin_ns = ns;
        if (ns - py->sample.begin_ns <= py->sample.cpu_ns_max)
                return 0;
        return REFUSE(&py->memory, PYSTACK_E_COSTLY, .field = "new code objects of a sample",
                      .expected = "CPU time in ns of at most", .wanted = py->sample.cpu_ns_max,
                      .found = ns - py->sample.begin_ns);
}

/*
 * @known: the entry of @addr if it is known without a search, else NULL. @ret_fresh is set if the code object was
 * read.
 */
static int look_up_or_read(struct pystack *py, const struct snapshot *s, uint64_t addr, struct code_entry *known,
                           struct code_entry **ret, bool *ret_fresh)
{
        struct code_entry *entry = known ? known : code_cache_find(&py->codes, addr);

        if (entry && entry->rejected != py->numbers.snapshot) {
                *ret = entry;
                return 0;
        }
        int e = check_limit(py);
        if (e == 0)
                e = code_read(&py->codes, &py->runtime.layout, &py->memory, py->runtime.code_type, addr, ret);
        if (e != 0)
                return e;
        if (snapshot_is_open(s))
                proof_accept(py, *ret);
        *ret_fresh = true;
        return 0;
}

/*
 * The entry of the code object at @addr, put on the list. @ret_certain: whether it is proved that this one is on the
 * stack.
 */
static int name_code(struct pystack_thread *t, const struct snapshot *s, uint64_t addr, struct code_entry *known,
                     struct code_entry **ret, bool *ret_certain)
{
        struct pystack *py = t->py;
        bool fresh = false;
        if (label_is(addr))
                return PYSTACK_E_CORRUPT;
        int e = look_up_or_read(py, s, addr, known, ret, &fresh);

        if (e == 0)
                e = proof_check(t, s->lives, *ret, ret_certain);
        if (e == 0 && !*ret_certain && (*ret)->rejected == py->numbers.snapshot)
                e = look_up_or_read(py, s, addr, NULL, ret, &fresh);
        *ret_certain = *ret_certain && !fresh;
        if (e == 0)
                note_code_on_stack(t, *ret);
        return e;
}

/* The entry of the code object at @addr, if it stood at this place in the last stack; else NULL. */
static struct code_entry *remembered_entry(const struct pystack_thread *t, size_t place, uint64_t addr)
{
        bool holds = place < t->n_named && t->named_changes == t->py->codes.changes && t->named[place].addr == addr;

        return holds ? t->named[place].entry : NULL;
}

int name_frames(struct pystack_thread *t, const struct snapshot *s, size_t n, bool *ret_proved)
{
        struct pystack *py = t->py;
        struct code_entry *entry = NULL;
        bool all = true, certain = false, shared = py->runtime.layout.code.tlbc == LAYOUT_NONE;
        uint64_t changes = py->codes.changes;
        int e = reserve_names(t, n);

        t->n_codes = 0;
        py->numbers.list++;
        for (size_t i = 0; e == 0 && i < n; i++) {
                const struct raw_frame *raw = &py->scratch.raw[i];
                size_t place = n - 1 - i;
                bool found = true;
                if (!entry || entry->addr != raw->code)
                        e = name_code(t, s, raw->code, remembered_entry(t, place, raw->code), &entry, &certain);
                uint64_t bytecode = raw->code + py->runtime.layout.code.bytecode;
                if (e == 0 && !shared)
                        e = bytecode_find(py, s, entry, raw, &bytecode, &found);
                if (e != 0)
                        break;
                all = all && certain && found;
                t->named[place] = (struct named){ raw->code, entry };
                py->scratch.frames[i] = (struct pystack_frame){
                        .code = &entry->code, .instruction = walk_instruction(&py->runtime.layout, raw, bytecode)
                };
        }
        t->n_named = e == 0 ? (uint32_t)n : 0;
        t->named_changes = changes;
        *ret_proved = all;
        return e;
}
