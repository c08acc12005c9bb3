/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows coroutines that are suspended: each has a frame, and on top of its value stack is what it awaits (_PyGen_yf() in
 * Objects/genobject.c).
 */
#include "reader.h"

#include "pystack/decode/walk.h"

#include <string.h>

/* A coroutine or a generator as it was read. */
struct suspended {
        uint64_t frame;    /* the frame's address */
        const uint8_t *of; /* its bytes */
        enum { IS_NEW, IS_SUSPENDED, IS_AWAITING, IS_RUNNING, IS_DONE } state;
};

/* Bytes of a frame that are read. */
static uint32_t frame_bytes(const struct layout *l)
{
        uint32_t stack = l->coroutine.stack + 8, slots = l->coroutine.slots + 8;
        uint32_t end = l->coroutine.await == AWAIT_DEPTH && slots > stack ? slots : stack;

        return end > l->frame.size ? end : l->frame.size;
}

/* Up to 3.10: the frame is an object of its own. Its value stack tells whether it runs. */
static int read_frame_object(struct task_reader *r, uint64_t addr, struct suspended *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        int e = trail_word(&r->trail, addr + l->coroutine.frame, &ret->frame);

        ret->state = IS_DONE;
        if (e != 0 || !ret->frame)
                return e;
        e = trail_read(&r->trail, ret->frame, frame_bytes(l), &ret->of);
        if (e != 0)
                return e;
        bool runs = l->coroutine.await == AWAIT_TOP ? word_at(ret->of, l->coroutine.stack) == 0
                                                    : (int32_t)half_at(ret->of, l->coroutine.stack) < 0;
        bool begun = (int32_t)half_at(ret->of, l->frame.position) >= 0;
        ret->state = runs ? IS_RUNNING : begun ? IS_AWAITING : IS_NEW;
        return 0;
}

#define FRAME_COMPLETED_UP_TO_3_14 1

/* From 3.11 on: the frame lies in the generator, and the generator tells its state. */
static int read_inline_frame(struct task_reader *r, uint64_t addr, struct suspended *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        const uint8_t *bytes;
        uint32_t from = l->coroutine.state, to = l->coroutine.frame + frame_bytes(l);
        int e = trail_read(&r->trail, addr + from, to - from, &bytes);

        if (e != 0)
                return e;
        int8_t state = (int8_t)bytes[0];
        bool suspended = state == l->coroutine.created + 1 || state == l->coroutine.awaits;
        ret->frame = addr + l->coroutine.frame;
        ret->of = bytes + (l->coroutine.frame - from);
        ret->state = state == l->coroutine.awaits    ? IS_AWAITING
                     : suspended                     ? IS_SUSPENDED
                     : state == l->coroutine.created ? IS_NEW
                                                     : IS_RUNNING;
        if (ret->state == IS_RUNNING && ret->of[l->frame.owner] != LAYOUT_OWNER_GENERATOR)
                ret->state = IS_DONE; /* the frame of one that has ended is cleared */
        if (l->version < 0x030f && state >= FRAME_COMPLETED_UP_TO_3_14)
                ret->state = IS_DONE;
        return ret->state != IS_DONE && ret->of[l->frame.owner] != LAYOUT_OWNER_GENERATOR ? PYSTACK_E_CORRUPT : 0;
}

static int read_suspended(struct task_reader *r, uint64_t addr, struct suspended *ret)
{
        *ret = (struct suspended){ .state = IS_DONE };
        return r->py->runtime.layout.coroutine.state == LAYOUT_NONE ? read_frame_object(r, addr, ret)
                                                                    : read_inline_frame(r, addr, ret);
}

int coroutine_frame(struct task_reader *r, uint64_t addr, uint64_t *ret)
{
        const struct layout *l = &r->py->runtime.layout;

        *ret = addr + l->coroutine.frame;
        return l->coroutine.state == LAYOUT_NONE ? trail_word(&r->trail, *ret, ret) : 0;
}

/* ---- what it awaits -------------------------------------------------------------------------- */

/* Slots of a value stack that are believed. */
#define SLOTS_MAX (1 << 20)

/* The bits of a reference that are no address, from 3.14 on (Include/internal/pycore_stackref.h). */
static uint64_t strip_tag(const struct layout *l, uint64_t value)
{
        return value & ~l->frame.tag_mask;
}

/* The address behind the topmost slot; 0: the stack is empty, or is none. */
static uint64_t top_of_stack(const struct layout *l, const struct suspended *s)
{
        uint64_t slots = s->frame + l->coroutine.slots, n;

        switch (l->coroutine.await) {
        case AWAIT_TOP:
                return word_at(s->of, l->coroutine.stack);
        case AWAIT_DEPTH:
                slots = word_at(s->of, l->coroutine.slots);
                break;
        case AWAIT_INDEX:
                break;
        default:
                return 0;
        }
        n = half_at(s->of, l->coroutine.stack);
        return n > 0 && n <= SLOTS_MAX ? slots + 8 * n : 0;
}

/* From 3.15 on an empty slot is above it. */
static int read_awaited(struct task_reader *r, const struct suspended *s, uint64_t *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        uint64_t top = top_of_stack(l, s);
        int e = top ? 0 : PYSTACK_E_CORRUPT;

        *ret = 0;
        for (unsigned i = 1; e == 0 && !*ret && i <= (l->version >= 0x030f ? 2 : 1); i++) {
                e = trail_word(&r->trail, top - 8 * i, ret);
                *ret = strip_tag(l, *ret);
        }
        return e;
}

/* ---- following -------------------------------------------------------------------------------- */

static struct raw_frame make_frame(const struct layout *l, const struct suspended *s)
{
        bool units = l->position <= POSITION_LASTI_UNITS;

        return (struct raw_frame){
                .code = word_at(s->of, l->frame.code) & ~l->frame.tag_mask,
                .position = units ? (int64_t)(int32_t)half_at(s->of, l->frame.position)
                                  : (int64_t)word_at(s->of, l->frame.position),
                .tlbc_index = l->frame.tlbc_index == LAYOUT_NONE ? 0 : half_at(s->of, l->frame.tlbc_index),
                .addr = s->frame,
        };
}

/* Up to 3.12 a generator does not tell whether it awaits or yields. A coroutine always awaits. */
static bool may_be_followed(const struct layout *l, enum task_kind kind)
{
        return kind != KIND_GENERATOR || l->version >= 0x030d;
}

static bool has_frame(enum task_kind kind)
{
        return kind >= KIND_COROUTINE && kind <= KIND_ASYNC_GENERATOR;
}

/* A coroutine cannot await itself, so memory that says so is none of coroutines. */
static bool is_in_chain(const struct coroutine_chain *chain, uint64_t frame)
{
        for (size_t i = 0; i < chain->n; i++)
                if (chain->frames[i].addr == frame)
                        return true;
        return false;
}

/* Adds the frame of one of them. @addr becomes what it awaits; 0: nothing more can be followed. */
static int follow_one(struct task_reader *r, enum task_kind kind, uint64_t *addr)
{
        const struct layout *l = &r->py->runtime.layout;
        struct suspended s;
        int e = read_suspended(r, *addr, &s);

        *addr = 0;
        if (e != 0 || s.state == IS_DONE)
                return e;
        if (is_in_chain(&r->chain, s.frame))
                return PYSTACK_E_CORRUPT;
        r->chain.runs = s.state == IS_RUNNING;
        r->chain.begun = r->chain.begun || s.state != IS_NEW;
        r->chain.frames[r->chain.n++] = make_frame(l, &s);
        if (s.state != IS_AWAITING || !may_be_followed(l, kind))
                return 0;
        return read_awaited(r, &s, addr);
}

/* Coroutines and awaitables between them. */
#define STEPS_MAX (2 * PYSTACK_TASK_FRAMES_MAX)

int coroutine_follow(struct task_reader *r, uint64_t addr)
{
        uint32_t head = layout_head(&r->py->runtime.layout);
        struct coroutine_chain *chain = &r->chain;
        int e = 0;

        chain->n = 0;
        chain->truncated = chain->begun = chain->runs = false;
        chain->awaited = 0;
        for (unsigned i = 0; e == 0 && addr; i++) {
                enum task_kind kind;
                if (i == STEPS_MAX) {
                        chain->truncated = true;
                        break;
                }
                e = task_kind_at(r, addr, &kind);
                if (e == 0 && has_frame(kind) && chain->n == PYSTACK_TASK_FRAMES_MAX) {
                        chain->truncated = true;
                        return 0;
                } else if (e == 0 && has_frame(kind)) {
                        e = follow_one(r, kind, &addr);
                } else if (e == 0 && kind == KIND_STEP) {
                        e = trail_word(&r->trail, addr + head, &addr);
                } else if (e == 0) {
                        if (kind == KIND_WAITING && (e = trail_word(&r->trail, addr + head, &addr)) == 0)
                                e = task_kind_at(r, addr, &kind);
                        chain->awaited = addr;
                        chain->awaited_kind = kind;
                        break;
                }
        }
        return e == 0 && chain->n == 0 ? PYSTACK_E_CORRUPT : e;
}
