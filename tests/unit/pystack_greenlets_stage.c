/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pystack_greenlets_stage.h"
#include "tests/unit/pystack_names.h"

#include <stdlib.h>
#include <string.h>

const struct kind world_kinds[WORLD_KINDS] = {
        { "3.8", false, 136 },  { "3.9", true, 136 },   { "3.10", false, 152 }, { "3.11", true, 168 },
        { "3.11", false, 168 }, { "3.12", true, 168 },  { "3.12", false, 168 }, { "3.13", false, 160 },
        { "3.13", false, 168 }, { "3.14", false, 168 }, { "3.14", false, 184 }, { "3.15", false, 184 },
};

uint64_t world_impl_of(struct world *w, uint64_t greenlet)
{
        return word_at(forge_at(&w->forge, greenlet), w->offsets.pimpl);
}

void world_set_field(struct world *w, uint64_t greenlet, uint32_t field, uint64_t value)
{
        forge_word(&w->forge, world_impl_of(w, greenlet) + field, value);
}

uint64_t world_add_greenlet(struct world *w, uint64_t parent)
{
        uint64_t object = forge_alloc(&w->forge, 96) + 16, impl = forge_alloc(&w->forge, GREENLET_BYTES + 16);

        forge_word(&w->forge, object + w->forge.layout.object_type, w->type);
        forge_word(&w->forge, object + layout_head(&w->forge.layout) + 16, impl);
        forge_word(&w->forge, impl + w->offsets.self, object);
        forge_word(&w->forge, impl + w->offsets.start, 0x7ffd0000);
        forge_word(&w->forge, impl + w->offsets.stop, 0x7ffd8000);
        forge_word(&w->forge, impl + w->offsets.main, w->main);
        forge_word(&w->forge, impl + w->offsets.parent, parent);
        return object;
}

void world_set_current(struct world *w, uint64_t greenlet)
{
        forge_word(&w->forge, w->state + GREENLET_STATE_CURRENT, greenlet);
}

void world_suspend(struct world *w, uint64_t greenlet, uint64_t frame)
{
        uint64_t object = frame;

        if (w->forge.layout.frame.owner != LAYOUT_NONE) {
                object = forge_alloc(&w->forge, 64);
                forge_word(&w->forge, object + layout_head(&w->forge.layout) + 8, frame);
        }
        world_set_field(w, greenlet, w->offsets.top, object);
}

uint64_t world_aside(struct world *w, const char *name, uint64_t previous)
{
        uint64_t frame = forge_frame_elsewhere(&w->forge, forge_code(&w->forge, name, "x.py", 1), previous, 0);

        forge_word(&w->forge, frame + w->forge.layout.frame.previous, previous);
        return frame;
}

void world_run(struct world *w, const char *name)
{
        forge_run(&w->forge, forge_frame(&w->forge, forge_code(&w->forge, name, "x.py", 1), 0));
}

void world_measure(struct world *w, const struct kind *k)
{
        uint64_t words[GREENLET_BYTES / 8] = { [1] = k->old ? 0 : 0x1000 };
        uint32_t base = k->size - (k->old ? 8 : 0);

        words[base / 8] = 0x1000;
        words[base / 8 + 1] = 0x2000;
        cr_assert_eq(greenlet_offsets_measure(words, 0x1000, 0x2000, w->forge.layout.version,
                                              layout_head(&w->forge.layout), &w->offsets),
                     0, "%s %u", k->python, k->size);
}

uint64_t world_add_storage(struct world *w)
{
        uint64_t pthread = forge_alloc(&w->forge, 64), dtv = forge_alloc(&w->forge, 128) + 16,
                 storage = forge_alloc(&w->forge, 16);

        w->type = w->type ? w->type : forge_alloc(&w->forge, 512);
        w->state = forge_alloc(&w->forge, 64);
        forge_word(&w->forge, w->forge.tstate + w->forge.layout.tstate.thread_id, pthread);
        forge_word(&w->forge, pthread + 8, dtv);
        forge_word(&w->forge, dtv - 16, 5);
        forge_word(&w->forge, dtv + ENTRY, storage);
        forge_word(&w->forge, storage + 8, w->state);
        w->main = world_add_greenlet(w, 0);
        world_set_field(w, w->main, w->offsets.stop, UINT64_MAX);
        world_set_field(w, w->main, w->offsets.base, w->main);
        world_set_field(w, w->main, w->offsets.thread_state, w->state);
        forge_word(&w->forge, w->state + GREENLET_STATE_MAIN, w->main);
        world_set_current(w, w->main);
        return pthread;
}

void world_begin(struct world *w, const struct kind *k)
{
        *w = (struct world){ .kind = k };
        forge_init(&w->forge, forge_version(k->python));
        world_measure(w, k);
        uint64_t pthread = world_add_storage(w);
        w->py = forge_open(&w->forge);
        struct pystack_greenlets_state *state = calloc(1, sizeof *state);
        state->places = (struct greenlet_places){
                .type = w->type, .offsets = w->offsets, .stride = 16, .entry = ENTRY, .offset = 8
        };
        w->py->greenlets.state = state;
        pystack_greenlets_want(w->py, true);
        const struct pystack_thread_ref ref = { .tstate = w->forge.tstate,
                                                .interp = w->forge.interp,
                                                .pthread = pthread };
        cr_assert_eq(pystack_thread_open(w->py, &ref, &w->thread), 0);
}

void world_end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

const char *world_sampled(struct world *w)
{
        static char text[512];

        text[0] = '\0';
        if (pystack_sample(w->py, w->thread, 4, &w->stack) != 0)
                return "none";
        for (size_t i = 0; i < w->stack.n; i++) {
                strcat(text, i ? " " : "");
                strcat(text, frame_name(&w->stack.frames[i]));
        }
        return text;
}
