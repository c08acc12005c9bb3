/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a greenlet. From 3.12 on a suspended one has no shims in its chain of frames: they lie on the C stack, which
 * belongs to another greenlet meanwhile, so the module takes them out (Greenlet::expose_frames in TGreenlet.cpp) and puts
 * them back before the greenlet goes on.
 */
#include "reader.h"

#include "pystack/trace.h"

/* What PyFrameObject has behind its head: f_back, f_frame (3.11 on). */
#define FRAME_OBJECT_FRAME 8

/* Shims in a row that are passed over. While frames are being exposed, some are still there. */
#define SHIMS_MAX PYSTACK_MAX_FRAMES

/* stack_stop of a main greenlet: the end of the address space. */
#define STOP_OF_MAIN UINT64_MAX

int greenlet_read(struct greenlet_reader *r, uint64_t addr, struct greenlet_object *ret)
{
        const struct greenlet_offsets *o = &r->places->offsets;
        const struct layout *l = &r->py->runtime.layout;
        const uint8_t *object, *impl;
        int e = trail_read(&r->trail, addr, o->pimpl + 8, &object);

        *ret = (struct greenlet_object){ .address = addr };
        if (e != 0)
                return e;
        ret->type = word_at(object, l->object_type);
        if ((e = trail_read(&r->trail, word_at(object, o->pimpl), o->base + 32, &impl)) != 0)
                return e;
        uint64_t stop = word_at(impl, o->stop);
        ret->main = stop == STOP_OF_MAIN;
        if (word_at(impl, ret->main ? o->base : o->self) != addr || (ret->main && ret->type != r->places->type))
                return REFUSE(&r->py->memory, PYSTACK_E_CORRUPT, .field = "greenlet", .address = addr,
                              .expected = "a greenlet that points back to itself", .wanted = addr);
        ret->begun = stop != 0;
        ret->active = word_at(impl, o->start) != 0;
        ret->top = ret->active ? word_at(impl, o->top) : 0;
        ret->parent = ret->main ? 0 : word_at(impl, o->parent);
        ret->home = ret->main ? addr : word_at(impl, o->main);
        ret->state = ret->main ? word_at(impl, o->thread_state) : 0;
        return 0;
}

/* Whether the ThreadState at @state is that of the greenlet's thread. */
static int check_home(struct greenlet_reader *r, const struct greenlet_object *g, uint64_t state)
{
        struct greenlet_object home;
        int e = greenlet_read(r, g->home, &home);

        if (e != 0 || (home.main && home.state == state))
                return e;
        return REFUSE(&r->py->memory, PYSTACK_E_CORRUPT, .field = "greenlet.main", .address = g->home,
                      .expected = "the main greenlet of this thread", .wanted = state, .found = home.state);
}

int greenlet_read_current(struct greenlet_reader *r, uint64_t pthread, struct greenlet_object *ret)
{
        uint64_t state, current;
        int e = greenlet_thread_state(&r->trail, r->places, pthread, &state);

        *ret = (struct greenlet_object){ .address = 0 };
        if (e != 0 || !state)
                return e;
        e = trail_word(&r->trail, state + GREENLET_STATE_CURRENT, &current);
        if (e == 0)
                e = greenlet_read(r, current, ret);
        return e == 0 && ret->home ? check_home(r, ret, state) : e;
}

/* ---- its frames ------------------------------------------------------------------------------ */

static void make_raw(const struct layout *l, uint64_t addr, const uint8_t *frame, struct raw_frame *ret)
{
        bool owned = l->frame.owner != LAYOUT_NONE;

        *ret = (struct raw_frame){
                .code = word_at(frame, l->frame.code) & ~l->frame.tag_mask,
                .position = l->position <= POSITION_LASTI_UNITS ? (int64_t)half_at(frame, l->frame.position)
                                                                : (int64_t)word_at(frame, l->frame.position),
                .tlbc_index = l->frame.tlbc_index == LAYOUT_NONE ? 0 : half_at(frame, l->frame.tlbc_index),
                .addr = addr,
                .on_data_stack = owned && frame[l->frame.owner] == 0,
                .from_c = true, /* that is not known any more */
                .at_rest = true,
        };
}

int greenlet_read_frames(struct greenlet_reader *r, uint64_t top, struct raw_frame *ret, size_t max, size_t *ret_n,
                         bool *ret_more)
{
        const struct layout *l = &r->py->runtime.layout;
        bool objects = l->frame.owner == LAYOUT_NONE; /* up to 3.10 a frame object is the frame */
        uint64_t addr = top;
        const uint8_t *frame;
        size_t shims = 0;
        int e = objects ? 0 : trail_word(&r->trail, top + layout_head(l) + FRAME_OBJECT_FRAME, &addr);

        *ret_n = 0;
        *ret_more = false;
        while (e == 0 && addr && !*ret_more) {
                if (*ret_n == max || shims == SHIMS_MAX) {
                        *ret_more = true;
                        break;
                }
                if ((e = trail_read(&r->trail, addr, l->frame.size, &frame)) != 0)
                        break;
                if (objects || frame[l->frame.owner] < LAYOUT_OWNER_SHIM)
                        make_raw(l, addr, frame, &ret[(*ret_n)++]);
                else
                        shims++;
                addr = word_at(frame, l->frame.previous);
        }
        return e == 0 && *ret_n == 0 ? PYSTACK_E_CORRUPT : e;
}
