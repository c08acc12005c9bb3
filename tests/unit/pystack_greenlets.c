/* SPDX-License-Identifier: Apache-2.0 */
/* Greenlets: whose stack a thread has, what stands outside of it, and all of them. Forged ones lead nowhere. */
#include "pystack/greenlets/reader.h"
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/pystack_threading.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(pystack_greenlets);

/* As measured in the real ones: see pystack/greenlets/offsets.c. */
static const struct kind {
        const char *python;
        bool old; /* up to 3.0: _self stands behind class Greenlet */
        uint32_t size;
} kinds[] = {
        { "3.8", false, 136 },  { "3.9", true, 136 },   { "3.10", false, 152 }, { "3.11", true, 168 },
        { "3.11", false, 168 }, { "3.12", true, 168 },  { "3.12", false, 168 }, { "3.13", false, 160 },
        { "3.13", false, 168 }, { "3.14", false, 168 }, { "3.14", false, 184 }, { "3.15", false, 184 },
};
#define EACH_KIND(k) for (const struct kind *k = kinds; k < kinds + sizeof kinds / sizeof *kinds; k++)

#define ENTRY 48 /* of a dtv */

struct world {
        struct forge forge;
        const struct kind *kind;
        struct pystack *py;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        struct greenlet_offsets offsets;
        uint64_t type, state, main;
};

static uint64_t impl_of(struct world *w, uint64_t greenlet)
{
        return word_at(forge_at(&w->forge, greenlet), w->offsets.pimpl);
}

static void set_field(struct world *w, uint64_t greenlet, uint32_t field, uint64_t value)
{
        forge_word(&w->forge, impl_of(w, greenlet) + field, value);
}

/* A greenlet that has begun and not ended, and runs. Objects of the collector have a head before them. */
static uint64_t add_greenlet(struct world *w, uint64_t parent)
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

static void set_current(struct world *w, uint64_t greenlet)
{
        forge_word(&w->forge, w->state + GREENLET_STATE_CURRENT, greenlet);
}

/* What the module does when it leaves a greenlet whose innermost frame is @frame. */
static void suspend(struct world *w, uint64_t greenlet, uint64_t frame)
{
        uint64_t object = frame;

        if (w->forge.layout.frame.owner != LAYOUT_NONE) {
                object = forge_alloc(&w->forge, 64);
                forge_word(&w->forge, object + layout_head(&w->forge.layout) + 8, frame);
        }
        set_field(w, greenlet, w->offsets.top, object);
}

/* A frame that is not on the running part of the data stack; the outermost one has no link. */
static uint64_t aside(struct world *w, const char *name, uint64_t previous)
{
        uint64_t frame = forge_frame_elsewhere(&w->forge, forge_code(&w->forge, name, "x.py", 1), previous, 0);

        forge_word(&w->forge, frame + w->forge.layout.frame.previous, previous);
        return frame;
}

static void run(struct world *w, const char *name)
{
        forge_run(&w->forge, forge_frame(&w->forge, forge_code(&w->forge, name, "x.py", 1), 0));
}

static void measure(struct world *w, const struct kind *k)
{
        uint64_t words[GREENLET_BYTES / 8] = { [1] = k->old ? 0 : 0x1000 };
        uint32_t base = k->size - (k->old ? 8 : 0);

        words[base / 8] = 0x1000;
        words[base / 8 + 1] = 0x2000;
        cr_assert_eq(greenlet_offsets_measure(words, 0x1000, 0x2000, w->forge.layout.version,
                                              layout_head(&w->forge.layout), &w->offsets),
                     0, "%s %u", k->python, k->size);
}

/* The storage of the first thread, as the module has it. Returns the thread's pthread_t. */
static uint64_t add_storage(struct world *w)
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
        w->main = add_greenlet(w, 0);
        set_field(w, w->main, w->offsets.stop, UINT64_MAX);
        set_field(w, w->main, w->offsets.base, w->main);
        set_field(w, w->main, w->offsets.thread_state, w->state);
        forge_word(&w->forge, w->state + GREENLET_STATE_MAIN, w->main);
        set_current(w, w->main);
        return pthread;
}

static void begin(struct world *w, const struct kind *k)
{
        *w = (struct world){ .kind = k };
        forge_init(&w->forge, forge_version(k->python));
        measure(w, k);
        uint64_t pthread = add_storage(w);
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

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

/* The stack's names, innermost first, with spaces between them. */
static const char *sampled(struct world *w)
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
        measure(w, k);
        add_storage(w);
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

        import(&w, &t, &kinds[1], "1.1.3");
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

        import(&w, &t, &kinds[4], "3.1.1");
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
                begin(&w, k);
                uint64_t hub = add_greenlet(&w, w.main);
                suspend(&w, w.main, aside(&w, "join", aside(&w, "module", 0)));
                suspend(&w, hub, aside(&w, "loop", 0));
                set_current(&w, add_greenlet(&w, hub));
                run(&w, "work");
                cr_expect_str_eq(sampled(&w), "work (greenlet) loop (greenlet) join module", "%s", k->python);
                set_field(&w, hub, w.offsets.start, 0); /* it has ended: what it would get goes to its parent */
                cr_expect_str_eq(sampled(&w), "work (greenlet) join module", "%s", k->python);
                set_current(&w, w.main);
                set_field(&w, w.main, w.offsets.top, 0);
                cr_expect_str_eq(sampled(&w), "work", "%s", k->python);
                end(&w);
        }
}

Test(pystack_greenlets, stacks_end_at_the_greenlet_if_parents_are_not_wanted)
{
        struct world w;

        begin(&w, &kinds[4]);
        suspend(&w, w.main, aside(&w, "module", 0));
        set_current(&w, add_greenlet(&w, w.main));
        run(&w, "work");
        pystack_greenlets_want(w.py, false);
        cr_expect_str_eq(sampled(&w), "work");
        end(&w);
}

/* The thread state is half of one greenlet and half of the other. */
Test(pystack_greenlets, a_thread_that_switches_has_the_stack_of_the_one_it_leaves)
{
        EACH_KIND(k)
        {
                struct world w;
                begin(&w, k);
                uint64_t left = add_greenlet(&w, w.main);
                suspend(&w, w.main, aside(&w, "module", 0));
                suspend(&w, left, aside(&w, "inner", aside(&w, "outer", 0)));
                set_current(&w, left);
                run(&w, "other");
                cr_expect_str_eq(sampled(&w), "inner outer (greenlet) module", "%s", k->python);
                forge_run(&w.forge, FORGE_BASE + FORGE_SIZE + 4096);
                cr_expect_str_eq(sampled(&w), "inner outer (greenlet) module", "%s torn", k->python);
                cr_expect_eq(pystack_greenlets_switching(w.py), 2);
                cr_expect_eq(pystack_greenlets_unread(w.py), 0);
                end(&w);
        }
}

/* The module says so last of all. */
Test(pystack_greenlets, a_parent_that_runs_already_has_its_own_stack)
{
        EACH_KIND(k)
        {
                struct world w;
                begin(&w, k);
                uint64_t hub = add_greenlet(&w, w.main), left = add_greenlet(&w, hub);
                suspend(&w, w.main, aside(&w, "module", 0));
                suspend(&w, left, aside(&w, "inner", 0));
                set_current(&w, left);
                run(&w, "loop");
                cr_expect_str_eq(sampled(&w), "loop (greenlet) module", "%s", k->python);
                set_field(&w, left, w.offsets.top, 0);
                set_field(&w, left, w.offsets.start, 0);
                cr_expect_str_eq(sampled(&w), "loop (greenlet) module", "%s, ended", k->python);
                end(&w);
        }
}

Test(pystack_greenlets, a_thread_without_greenlets_is_left_alone)
{
        struct world w;

        begin(&w, &kinds[4]);
        run(&w, "work");
        uint64_t dtv = word_at(forge_at(&w.forge, w.thread->pthread), 8);
        forge_word(&w.forge, dtv - 16, 2); /* its dtv is shorter */
        cr_expect_str_eq(sampled(&w), "work");
        forge_word(&w.forge, dtv - 16, 5);
        forge_word(&w.forge, word_at(forge_at(&w.forge, dtv), ENTRY) + 8, 1); /* not used yet */
        cr_expect_str_eq(sampled(&w), "work");
        forge_word(&w.forge, dtv + ENTRY, UINT64_MAX); /* not made yet */
        cr_expect_str_eq(sampled(&w), "work");
        cr_expect_eq(pystack_greenlets_unread(w.py), 0);
        end(&w);
}

/* ---- forged --------------------------------------------------------------------------------------- */

static void expect_unread(struct world *w, const char *what)
{
        uint64_t before = pystack_greenlets_unread(w->py);

        cr_expect_str_eq(sampled(w), "work", "%s", what);
        cr_expect_eq(pystack_greenlets_unread(w->py), before + 1, "%s", what);
}

Test(pystack_greenlets, forged_parents_are_counted_and_lead_nowhere)
{
        EACH_KIND(k)
        {
                struct world w;
                begin(&w, k);
                uint64_t one = add_greenlet(&w, 0), other = add_greenlet(&w, one);
                uint64_t circle = aside(&w, "circle", 0);
                run(&w, "work");
                set_current(&w, one);
                expect_unread(&w, "no parent");
                set_field(&w, one, w.offsets.parent, one);
                expect_unread(&w, "its own parent");
                set_field(&w, one, w.offsets.parent, other);
                suspend(&w, other, circle);
                expect_unread(&w, "a circle of two");
                set_field(&w, one, w.offsets.parent, w.main);
                expect_unread(&w, "a parent that runs, too");
                forge_word(&w.forge, circle + w.forge.layout.frame.previous, circle);
                suspend(&w, w.main, circle);
                expect_unread(&w, "a circle of frames");
                suspend(&w, w.main, aside(&w, "module", 0));
                cr_expect_str_eq(sampled(&w), "work (greenlet) module");
                set_field(&w, one, w.offsets.self, 8);
                expect_unread(&w, "what is no greenlet");
                set_field(&w, one, w.offsets.self, one);
                set_field(&w, w.main, w.offsets.thread_state, 8);
                expect_unread(&w, "another thread's");
                end(&w);
        }
}

Test(pystack_greenlets, parents_are_followed_up_to_a_bound)
{
        struct world w;
        uint64_t outer;

        begin(&w, &kinds[8]);
        suspend(&w, w.main, aside(&w, "module", 0));
        run(&w, "work");
        outer = w.main;
        for (unsigned i = 0; i < 31; i++) {
                outer = add_greenlet(&w, outer);
                suspend(&w, outer, aside(&w, "x", 0));
        }
        set_current(&w, add_greenlet(&w, outer));
        cr_expect_neq(strstr(sampled(&w), "module"), NULL);
        suspend(&w, outer = add_greenlet(&w, outer), aside(&w, "x", 0));
        set_current(&w, add_greenlet(&w, outer));
        expect_unread(&w, "33 parents");
        end(&w);
}

/* ---- all of them ---------------------------------------------------------------------------------- */

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

Test(pystack_greenlets, all_greenlets_are_found_by_the_collectors_lists)
{
        EACH_KIND(k)
        {
                struct world w;
                struct seen seen = { 0 };
                struct pystack_greenlets_seen told;
                begin(&w, k);
                uint64_t head = add_lists(&w), fresh = add_greenlet(&w, w.main), ended = add_greenlet(&w, w.main);
                set_field(&w, fresh, w.offsets.stop, 0);
                set_field(&w, fresh, w.offsets.start, 0);
                set_field(&w, fresh, w.offsets.main, 0);
                set_field(&w, ended, w.offsets.start, 0);
                for (unsigned i = 0; i < 10; i++) {
                        uint64_t waits = add_greenlet(&w, w.main);
                        suspend(&w, waits, aside(&w, "inner", aside(&w, "outer", 0)));
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
                end(&w);
        }
}

Test(pystack_greenlets, lists_without_end_are_bounded, .timeout = 60)
{
        struct world w;
        struct seen seen = { 0 };
        struct pystack_greenlets_seen told;

        begin(&w, &kinds[4]);
        uint64_t head = add_lists(&w), one = add_greenlet(&w, w.main), other = add_greenlet(&w, w.main);
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
        end(&w);
}
