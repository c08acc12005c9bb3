/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_FORGERY_H
#define TESTS_FUZZ_FORGERY_H

/*
 * The memory of a real interpreter, from a recording, in which words are replaced: by others, and by addresses of
 * other blocks, before it is opened and while it is read. A second interpreter can be linked behind the first one;
 * its thread says that it is one of the first one's threads.
 */

#include "pystack/internal.h"
#include "pystack/record/record.h"

#include <stdlib.h>
#include <string.h>

#define DAMAGES_MAX 64
#define ANCHORS 4

/* As it stands in an input. */
struct damage {
        uint16_t block;
        uint8_t offset;
        uint8_t how; /* bit 7: an address; 6: after the first sample; 5, 4: enum damage_place; 2 to 0: bytes less one */
        uint64_t value;
} __attribute__((packed));

enum damage_place { IN_BLOCK, IN_LOCATION, BEHIND_ANCHOR };

/* What stood there before. */
struct damaged {
        uint8_t *at;
        uint8_t bytes[8];
        size_t len;
};

struct forgery {
        struct record record;
        uint64_t anchors[ANCHORS]; /* of the runtime, its first interpreter, that one's first thread, its code */
        uint64_t link, twin;       /* where the address of the second interpreter belongs, and which it is; 0: none */
        uint64_t code;    /* of the first thread's running frame; 0: not known. There are CODES copies of it. */
        uint64_t code_at; /* where the frame says so */
        uint64_t position_at, before_first; /* where it says how far it is, and that it has not begun; 0: otherwise */
        struct damage damages[DAMAGES_MAX];
        struct damaged undo[DAMAGES_MAX + 3];
        size_t n, n_done;
};

/* ---- damages ----------------------------------------------------------------------- */

/* NULL: it is in no block. */
static inline uint8_t *byte_at(struct record *record, uint64_t addr)
{
        const struct record_block *block = record_find(record, addr - addr % RECORD_BLOCK);

        return block ? record->blocks[block - record->blocks].bytes + addr % RECORD_BLOCK : NULL;
}

static inline void replace(struct forgery *f, uint8_t *at, const void *bytes, size_t len)
{
        struct damaged *undo = &f->undo[f->n_done++];

        *undo = (struct damaged){ .at = at, .len = len };
        memcpy(undo->bytes, at, len);
        memcpy(at, bytes, len);
}

static inline void damage(struct forgery *f, const struct damage *d)
{
        struct record *record = &f->record;
        size_t len = d->how & 0x80 ? 8 : (size_t)(d->how & 7) + 1, i = d->block % record->n;
        size_t offset = d->offset < RECORD_BLOCK - len ? d->offset : RECORD_BLOCK - len;
        uint64_t value = d->how & 0x80 ? record->blocks[d->value % record->n].addr + (d->value >> 32) % RECORD_BLOCK
                                       : d->value;
        uint8_t *at = record->blocks[i].bytes + offset;

        if ((d->how >> 4 & 3) == IN_LOCATION) {
                at = (uint8_t *)&record->location + offset % (offsetof(struct pystack_location, file) - 8);
        } else if ((d->how >> 4 & 3) == BEHIND_ANCHOR) {
                uint64_t addr = f->anchors[d->block % ANCHORS] + 4u * d->offset;
                at = addr % RECORD_BLOCK <= RECORD_BLOCK - len ? byte_at(record, addr) : NULL;
        }
        if (at)
                replace(f, at, &value, len);
}

static inline void damage_all(struct forgery *f, bool late)
{
        for (size_t i = 0; i < f->n; i++)
                if (((f->damages[i].how & 0x40) != 0) == late)
                        damage(f, &f->damages[i]);
}

/* Takes up the damages in an input, and does those that come before the opening. */
static inline void forgery_begin(struct forgery *f, const uint8_t *data, size_t len, bool twin)
{
        f->n = len / sizeof(struct damage);
        f->n = f->n < DAMAGES_MAX ? f->n : DAMAGES_MAX;
        memcpy(f->damages, data, f->n * sizeof(struct damage));
        f->n_done = 0;
        if (twin && f->twin)
                replace(f, byte_at(&f->record, f->link), &f->twin, sizeof f->twin);
        damage_all(f, false);
}

/* Undoes all damages but the first @n. */
static inline void forgery_restore(struct forgery *f, size_t n)
{
        for (; f->n_done > n; f->n_done--)
                memcpy(f->undo[f->n_done - 1].at, f->undo[f->n_done - 1].bytes, f->undo[f->n_done - 1].len);
}

/* ---- the second interpreter -------------------------------------------------------- */

#define TWIN_AT ((uint64_t)0x10 << 40)
#define TWIN_THREAD_AT (TWIN_AT + ((uint64_t)1 << 30))

static inline void copy_block(struct record *record, uint64_t from, uint64_t to)
{
        struct record_block copy = { .addr = to - to % RECORD_BLOCK };
        const struct record_block *block = record_find(record, from - from % RECORD_BLOCK);

        if (block)
                memcpy(copy.bytes, block->bytes, RECORD_BLOCK);
        (void)record_add(record, &copy); /* it may be there already */
}

static inline void set_word(struct record *record, uint64_t addr, uint64_t value)
{
        memcpy(byte_at(record, addr), &value, sizeof value);
}

static inline void make_twin(struct forgery *f, const struct layout *l, uint64_t interp, uint64_t tstate)
{
        uint64_t twin = TWIN_AT + interp % REMOTE_PAGE, thread = TWIN_THREAD_AT + tstate % REMOTE_PAGE;
        const uint32_t fields[] = { l->interp.next, l->interp.threads_head, l->interp.gil, l->interp.code_generation };

        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                if (fields[i] != LAYOUT_NONE)
                        copy_block(&f->record, interp + fields[i], twin + fields[i]);
        for (uint64_t at = 0; at < LAYOUT_MAX_TSTATE + RECORD_BLOCK; at += RECORD_BLOCK)
                copy_block(&f->record, tstate + at, thread + at);
        copy_block(&f->record, interp + l->interp.next, interp + l->interp.next);
        set_word(&f->record, twin + l->interp.next, 0);
        set_word(&f->record, twin + l->interp.threads_head, thread);
        set_word(&f->record, thread + l->tstate.interp, twin);
        set_word(&f->record, thread + l->tstate.next, 0);
        f->link = interp + l->interp.next;
        f->twin = twin;
}

/* ---- many code objects ------------------------------------------------------------- */

#define CODES 80
#define CODES_AT ((uint64_t)0x20 << 40)
#define CODE_APART 4096

static inline uint64_t code_copy(const struct forgery *f, size_t i)
{
        return CODES_AT + i % CODES * CODE_APART + f->code % CODE_APART;
}

/* Of what @py has sampled last. */
static inline void make_codes(struct forgery *f, const struct pystack *py)
{
        const struct layout *l = &py->runtime.layout;

        f->code = f->anchors[3] = py->scratch.raw[0].code;
        f->code_at = py->scratch.raw[0].addr + l->frame.code;
        if (l->position == POSITION_PREV_INSTR || l->position == POSITION_INSTR_PTR)
                f->position_at = py->scratch.raw[0].addr + l->frame.position;
        f->before_first = f->code + l->code.bytecode - (l->position == POSITION_PREV_INSTR ? 2 : 0);
        for (size_t i = 0; i < CODES; i++)
                for (uint64_t at = 0; at < LAYOUT_MAX_CODE + RECORD_BLOCK; at += RECORD_BLOCK)
                        copy_block(&f->record, f->code + at, code_copy(f, i) + at);
}

/* The first thread runs the code object's copy @i from now on. */
static inline void run_copy(struct forgery *f, size_t i)
{
        uint8_t *at = f->code ? byte_at(&f->record, f->code_at) : NULL;
        uint64_t word;

        if (!at)
                return;
        memcpy(&word, at, sizeof word);
        word = code_copy(f, i) | (word & 3);
        if (i == 0)
                replace(f, at, &word, sizeof word);
        else
                memcpy(at, &word, sizeof word);
}

/* The first thread's running frame has not begun. */
static inline void unbegin(struct forgery *f)
{
        uint8_t *at = f->position_at ? byte_at(&f->record, f->position_at) : NULL;

        if (at)
                replace(f, at, &f->before_first, sizeof f->before_first);
}

/* ---- making one -------------------------------------------------------------------- */

static inline ssize_t forgery_read(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        return record_copy(ctx, buf, remote, n, NULL, NULL);
}

static inline struct subject forgery_subject(struct forgery *f)
{
        return (struct subject){ .inner_pid = (pid_t)f->record.inner_pid,
                                 .memory = { .read = forgery_read, .ctx = &f->record },
                                 .abi = (uint32_t)f->record.abi };
}

static inline void learn(struct forgery *f, struct pystack *py)
{
        const struct pystack_thread_ref *refs;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        size_t n;

        if (pystack_threads(py, &refs, &n) != 0 || n == 0 || pystack_thread_open(py, &refs[0], &thread) != 0)
                return;
        f->anchors[1] = refs[0].interp;
        f->anchors[2] = refs[0].tstate;
        make_twin(f, &py->runtime.layout, refs[0].interp, refs[0].tstate);
        if (pystack_sample(py, thread, 2, &stack) == 0 && stack.n > 0)
                make_codes(f, py);
        pystack_thread_close(thread);
}

/* Of the recording @file. */
static inline void forgery_init(struct forgery *f, FILE *file)
{
        struct pystack_info info = { 0 };
        struct pystack *py;

        if (record_parse(file, &f->record) != 0)
                abort();
        struct subject subject = forgery_subject(f);
        f->anchors[0] = f->record.location.runtime ? f->record.location.runtime : f->record.location.interp_head;
        if (subject_open(&subject, &f->record.location, &info, &py) != 0)
                return;
        learn(f, py);
        pystack_close(py);
}

#endif
