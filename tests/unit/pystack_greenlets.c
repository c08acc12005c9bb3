/* SPDX-License-Identifier: Apache-2.0 */
/* Greenlets: whose stack a thread has, and what stands outside of it. Forged ones lead nowhere. */
#include "tests/unit/pystack_greenlets_stage.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/pystack_threading.h"

#include <stdlib.h>
#include <string.h>

SUITE(pystack_greenlets);

/* ---- offsets -------------------------------------------------------------------------------------- */

Test(pystack_greenlets, a_greenlet_of_an_unknown_layout_is_refused)
{
        struct greenlet_offsets offsets;
        uint64_t words[GREENLET_BYTES / 8] = { [1] = 0x1000 };

        cr_expect_eq(greenlet_offsets_measure(words, 0x1000, 0x2000, 0x030d, 16, &offsets), PYSTACK_E_UNSUPPORTED,
                     "none");
        words[19] = 0x1000;
        words[20] = 0x2000;
        cr_expect_eq(greenlet_offsets_measure(words, 0x1000, 0x2000, 0x030d, 16, &offsets), PYSTACK_E_UNSUPPORTED,
                     "152");
        cr_expect_eq(greenlet_offsets_measure(words, 0x1000, 0x2000, 0x030a, 16, &offsets), 0, "3.10");
        cr_expect_eq(offsets.parent, 168);
        cr_expect_eq(offsets.top, 120);
        words[22] = 0x1000;
        words[23] = 0x2000;
        cr_expect_eq(greenlet_offsets_measure(words, 0x1000, 0x2000, 0x030a, 16, &offsets), PYSTACK_E_UNSUPPORTED,
                     "two");
}

/* A process that has imported greenlet of that version, and used it in its first thread. */
static void import(struct world *w, struct threading *t, const struct kind *k, const char *version)
{
        const struct layout *l = &t->forge.layout;

        *w = (struct world){ .kind = k };
        threading_init(t, forge_version(k->python));
        w->type = forge_alloc(&t->forge, 512);
        const struct forged_item globals[] = {
                { .key = threading_string(t, "greenlet"), .value = w->type },
                { .key = threading_string(t, "__version__"), .value = threading_string(t, version) },
        };
        uint64_t module = forge_alloc(&t->forge, 64);
        forge_word(&t->forge, module + l->object_type, t->types.module);
        forge_word(&t->forge, module + l->object_type + 8, threading_dict(t, globals, 2, true));
        const struct forged_item modules[] = { { .key = threading_string(t, "greenlet"), .value = module } };
        forge_word(&t->forge, t->forge.interp + l->names.modules, threading_dict(t, modules, 1, true));
        w->forge = t->forge;
        world_measure(w, k);
        world_add_storage(w);
        w->py = forge_open(&w->forge);
}

Test(pystack_greenlets, threads_keep_them_where_a_main_greenlet_points_back)
{
        EACH_KIND(k)
        {
                struct threading t;
                struct greenlet_places places;
                struct world w;
                import(&w, &t, k, "3.1.1");
                cr_assert_eq(greenlet_places_find(w.py, &places), 0, "%s", k->python);
                cr_expect_str_eq(places.version, "3.1.1");
                cr_expect_eq(places.type, w.type);
                cr_expect_eq(places.stride, 16);
                cr_expect_eq(places.entry, ENTRY);
                cr_expect_eq(places.offset, 8);
                cr_expect_eq(places.offsets.parent, w.offsets.parent);
                pystack_close(w.py);
                threading_deinit(&t);
        }
}

Test(pystack_greenlets, an_old_module_is_refused_by_its_version)
{
        struct threading t;
        struct world w;

        import(&w, &t, &world_kinds[1], "1.1.3");
        cr_expect_eq(pystack_greenlets_read(w.py, NULL, NULL, NULL), PYSTACK_E_UNSUPPORTED);
        cr_expect_str_eq(pystack_greenlets_version(w.py), "1.1.3");
        pystack_close(w.py);
        threading_deinit(&t);
}

/* Threads without end, and a dtv of 2^60 modules, each of which is the storage of nothing. */
Test(pystack_greenlets, a_search_that_finds_nothing_ends)
{
        struct threading t;
        struct greenlet_places places;
        struct world w;

        import(&w, &t, &world_kinds[4], "3.1.1");
        const struct layout *l = &w.forge.layout;
        uint64_t dtv = forge_alloc(&w.forge, 16 * 4096), nothing = forge_alloc(&w.forge, 64);
        uint64_t pthread = word_at(forge_at(&w.forge, w.forge.tstate), l->tstate.thread_id);
        forge_word(&w.forge, nothing, nothing);
        forge_word(&w.forge, nothing + 8, nothing);
        for (uint64_t at = dtv; at < dtv + (uint64_t)16 * 4096; at += 16)
                forge_word(&w.forge, at, nothing);
        forge_word(&w.forge, dtv, (uint64_t)1 << 60);
        forge_word(&w.forge, pthread + 8, dtv + 16);
        forge_word(&w.forge, w.forge.tstate + l->tstate.next, w.forge.tstate);
        w.forge.reads = 0;
        cr_expect_eq(greenlet_places_find(w.py, &places), PYSTACK_E_COSTLY);
        cr_expect_leq(w.forge.reads, 20000);
        pystack_close(w.py);
        threading_deinit(&t);
}

/* ---- running -------------------------------------------------------------------------------------- */

Test(pystack_greenlets, a_stack_goes_on_into_the_parents)
{
        EACH_KIND(k)
        {
                struct world w;
                world_begin(&w, k);
                uint64_t hub = world_add_greenlet(&w, w.main);
                world_suspend(&w, w.main, world_aside(&w, "join", world_aside(&w, "module", 0)));
                world_suspend(&w, hub, world_aside(&w, "loop", 0));
                world_set_current(&w, world_add_greenlet(&w, hub));
                world_run(&w, "work");
                cr_expect_str_eq(world_sampled(&w), "work (greenlet) loop (greenlet) join module", "%s", k->python);
                world_set_field(&w, hub, w.offsets.start, 0); /* it has ended: what it would get goes to its parent */
                cr_expect_str_eq(world_sampled(&w), "work (greenlet) join module", "%s", k->python);
                world_set_current(&w, w.main);
                world_set_field(&w, w.main, w.offsets.top, 0);
                cr_expect_str_eq(world_sampled(&w), "work", "%s", k->python);
                world_end(&w);
        }
}

Test(pystack_greenlets, stacks_end_at_the_greenlet_if_parents_are_not_wanted)
{
        struct world w;

        world_begin(&w, &world_kinds[4]);
        world_suspend(&w, w.main, world_aside(&w, "module", 0));
        world_set_current(&w, world_add_greenlet(&w, w.main));
        world_run(&w, "work");
        pystack_greenlets_want(w.py, false);
        cr_expect_str_eq(world_sampled(&w), "work");
        world_end(&w);
}

/* The thread state is half of one greenlet and half of the other. */
Test(pystack_greenlets, a_thread_that_switches_has_the_stack_of_the_one_it_leaves)
{
        EACH_KIND(k)
        {
                struct world w;
                world_begin(&w, k);
                uint64_t left = world_add_greenlet(&w, w.main);
                world_suspend(&w, w.main, world_aside(&w, "module", 0));
                world_suspend(&w, left, world_aside(&w, "inner", world_aside(&w, "outer", 0)));
                world_set_current(&w, left);
                world_run(&w, "other");
                cr_expect_str_eq(world_sampled(&w), "inner outer (greenlet) module", "%s", k->python);
                forge_run(&w.forge, FORGE_BASE + FORGE_SIZE + 4096);
                cr_expect_str_eq(world_sampled(&w), "inner outer (greenlet) module", "%s torn", k->python);
                cr_expect_eq(pystack_greenlets_switching(w.py), 2);
                cr_expect_eq(pystack_greenlets_unread(w.py), 0);
                world_end(&w);
        }
}

/* The module says so last of all. */
Test(pystack_greenlets, a_parent_that_runs_already_has_its_own_stack)
{
        EACH_KIND(k)
        {
                struct world w;
                world_begin(&w, k);
                uint64_t hub = world_add_greenlet(&w, w.main), left = world_add_greenlet(&w, hub);
                world_suspend(&w, w.main, world_aside(&w, "module", 0));
                world_suspend(&w, left, world_aside(&w, "inner", 0));
                world_set_current(&w, left);
                world_run(&w, "loop");
                cr_expect_str_eq(world_sampled(&w), "loop (greenlet) module", "%s", k->python);
                world_set_field(&w, left, w.offsets.top, 0);
                world_set_field(&w, left, w.offsets.start, 0);
                cr_expect_str_eq(world_sampled(&w), "loop (greenlet) module", "%s, ended", k->python);
                world_end(&w);
        }
}

Test(pystack_greenlets, a_thread_without_greenlets_is_left_alone)
{
        struct world w;

        world_begin(&w, &world_kinds[4]);
        world_run(&w, "work");
        uint64_t dtv = word_at(forge_at(&w.forge, w.thread->pthread), 8);
        forge_word(&w.forge, dtv - 16, 2); /* its dtv is shorter */
        cr_expect_str_eq(world_sampled(&w), "work");
        forge_word(&w.forge, dtv - 16, 5);
        forge_word(&w.forge, word_at(forge_at(&w.forge, dtv), ENTRY) + 8, 1); /* not used yet */
        cr_expect_str_eq(world_sampled(&w), "work");
        forge_word(&w.forge, dtv + ENTRY, UINT64_MAX); /* not made yet */
        cr_expect_str_eq(world_sampled(&w), "work");
        cr_expect_eq(pystack_greenlets_unread(w.py), 0);
        world_end(&w);
}

/* ---- forged --------------------------------------------------------------------------------------- */

static void expect_unread(struct world *w, const char *what)
{
        uint64_t before = pystack_greenlets_unread(w->py);

        cr_expect_str_eq(world_sampled(w), "work", "%s", what);
        cr_expect_eq(pystack_greenlets_unread(w->py), before + 1, "%s", what);
}

Test(pystack_greenlets, forged_parents_are_counted_and_lead_nowhere)
{
        EACH_KIND(k)
        {
                struct world w;
                world_begin(&w, k);
                uint64_t one = world_add_greenlet(&w, 0), other = world_add_greenlet(&w, one);
                uint64_t circle = world_aside(&w, "circle", 0);
                world_run(&w, "work");
                world_set_current(&w, one);
                expect_unread(&w, "no parent");
                world_set_field(&w, one, w.offsets.parent, one);
                expect_unread(&w, "its own parent");
                world_set_field(&w, one, w.offsets.parent, other);
                world_suspend(&w, other, circle);
                expect_unread(&w, "a circle of two");
                world_set_field(&w, one, w.offsets.parent, w.main);
                expect_unread(&w, "a parent that runs, too");
                forge_word(&w.forge, circle + w.forge.layout.frame.previous, circle);
                world_suspend(&w, w.main, circle);
                expect_unread(&w, "a circle of frames");
                world_suspend(&w, w.main, world_aside(&w, "module", 0));
                cr_expect_str_eq(world_sampled(&w), "work (greenlet) module");
                world_set_field(&w, one, w.offsets.self, 8);
                expect_unread(&w, "what is no greenlet");
                world_set_field(&w, one, w.offsets.self, one);
                world_set_field(&w, w.main, w.offsets.thread_state, 8);
                expect_unread(&w, "another thread's");
                world_end(&w);
        }
}

Test(pystack_greenlets, parents_are_followed_up_to_a_bound)
{
        struct world w;
        uint64_t outer;

        world_begin(&w, &world_kinds[8]);
        world_suspend(&w, w.main, world_aside(&w, "module", 0));
        world_run(&w, "work");
        outer = w.main;
        for (unsigned i = 0; i < 31; i++) {
                outer = world_add_greenlet(&w, outer);
                world_suspend(&w, outer, world_aside(&w, "x", 0));
        }
        world_set_current(&w, world_add_greenlet(&w, outer));
        cr_expect_neq(strstr(world_sampled(&w), "module"), NULL);
        world_suspend(&w, outer = world_add_greenlet(&w, outer), world_aside(&w, "x", 0));
        world_set_current(&w, world_add_greenlet(&w, outer));
        expect_unread(&w, "33 parents");
        world_end(&w);
}
