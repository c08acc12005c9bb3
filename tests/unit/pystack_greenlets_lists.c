/* SPDX-License-Identifier: Apache-2.0 */
/* All greenlets, by the lists of the garbage collector. */
#include "tests/unit/pystack_greenlets_stage.h"

SUITE(pystack_greenlets_lists);

struct seen {
        size_t n, frames, states[4];
        uint64_t last;
};

static bool note_greenlet(void *ctx, const struct pystack_greenlet *g)
{
        struct seen *seen = ctx;

        seen->n++;
        seen->states[g->state]++;
        seen->frames += g->n;
        seen->last = g->address;
        return true;
}

/* Makes lists of the collector, all empty. Returns the first head. */
static uint64_t add_lists(struct world *w)
{
        const struct layout *l = &w->forge.layout;
        uint64_t runtime = w->forge.runtime;
        uint64_t collecting = (l->version <= 0x0308 ? runtime : w->forge.interp) + l->gc.collecting;
        uint32_t before = l->version >= 0x030f ? 104 : l->version >= 0x030e ? 168 : 176;
        uint64_t first = collecting - before;

        for (uint64_t head = first; head < first + 72; head += 24) {
                forge_word(&w->forge, head, head);
                forge_word(&w->forge, head + 8, head);
        }
        uint64_t permanent = first + (l->version >= 0x030e ? 72 : 80);
        forge_word(&w->forge, permanent, permanent);
        forge_word(&w->forge, permanent + 8, permanent);
        return first;
}

static void link_object(struct world *w, uint64_t head, uint64_t object)
{
        uint64_t last = word_at(forge_at(&w->forge, head), 8);

        forge_word(&w->forge, object - 16, head);
        forge_word(&w->forge, object - 8, last | 1); /* a flag */
        forge_word(&w->forge, last, object - 16);
        forge_word(&w->forge, head + 8, object - 16);
}

Test(pystack_greenlets_lists, all_greenlets_are_found_by_the_collectors_lists)
{
        EACH_KIND(k)
        {
                struct world w;
                struct seen seen = { 0 };
                struct pystack_greenlets_seen told;
                world_begin(&w, k);
                uint64_t head = add_lists(&w), fresh = world_add_greenlet(&w, w.main),
                         ended = world_add_greenlet(&w, w.main);
                world_set_field(&w, fresh, w.offsets.stop, 0);
                world_set_field(&w, fresh, w.offsets.start, 0);
                world_set_field(&w, fresh, w.offsets.main, 0);
                world_set_field(&w, ended, w.offsets.start, 0);
                for (unsigned i = 0; i < 10; i++) {
                        uint64_t waits = world_add_greenlet(&w, w.main);
                        world_suspend(&w, waits, world_aside(&w, "inner", world_aside(&w, "outer", 0)));
                        link_object(&w, head + 24 * (i % 3), waits);
                }
                link_object(&w, head, fresh);
                link_object(&w, head, ended);
                link_object(&w, head, w.main);
                cr_assert_eq(pystack_greenlets(w.py, 0, note_greenlet, &seen, &told), 0, "%s", k->python);
                cr_expect_eq(told.told, 13);
                cr_expect_eq(told.objects, 13);
                cr_expect_eq(told.unread, 0);
                cr_expect(!told.cut);
                cr_expect_eq(seen.states[PYSTACK_GREENLET_NEW], 1);
                cr_expect_eq(seen.states[PYSTACK_GREENLET_ENDED], 1);
                cr_expect_eq(seen.states[PYSTACK_GREENLET_RUNS], 1);
                cr_expect_eq(seen.states[PYSTACK_GREENLET_SUSPENDED], 10);
                cr_expect_eq(seen.frames, 20);
                world_end(&w);
        }
}

Test(pystack_greenlets_lists, lists_without_end_are_bounded, .timeout = 60)
{
        struct world w;
        struct seen seen = { 0 };
        struct pystack_greenlets_seen told;

        world_begin(&w, &world_kinds[4]);
        uint64_t head = add_lists(&w), one = world_add_greenlet(&w, w.main), other = world_add_greenlet(&w, w.main);
        link_object(&w, head, one);
        link_object(&w, head, other);
        forge_word(&w.forge, other - 16, one - 16);
        cr_assert_eq(pystack_greenlets(w.py, 0, note_greenlet, &seen, &told), 0);
        cr_expect(told.cut);
        cr_expect_eq(told.objects, PYSTACK_GREENLET_OBJECTS_MAX);
        cr_expect_eq(seen.n, 3);
        cr_expect_eq(pystack_greenlets(w.py, 1, note_greenlet, &seen, &told), PYSTACK_E_COSTLY);
        cr_expect(told.cut);
        forge_word(&w.forge, other - 16, 8); /* leads to no memory */
        cr_assert_eq(pystack_greenlets(w.py, 0, note_greenlet, &seen, &told), 0);
        cr_expect(told.cut);
        forge_word(&w.forge, one - 8, 8); /* it does not lead back: no list */
        cr_expect_eq(pystack_greenlets(w.py, 0, note_greenlet, &seen, &told), PYSTACK_E_UNSUPPORTED);
        cr_expect_eq(told.told, 1, "the running one");
        world_end(&w);
}
