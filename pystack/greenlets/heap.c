/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Greenlets among all objects that CPython's collector of garbage knows: they are in lists, one for each generation
 * (struct _gc_runtime_state in Include/internal/pycore_gc.h or pycore_interp_structs.h). Before each object stands a
 * PyGC_Head of two words: the next one and the one before, with flags in the lowest two bits.
 *
 * The program runs meanwhile, and changes the lists. What a list leads to is a greenlet only if it proves to be one, so
 * the worst that happens is that some are missed. Objects mostly lie in the order of the lists: memory is read by pages.
 */
#include "collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 16
#define POINTER_MASK (~(uint64_t)3)

/* The lists of an interpreter: each head has 24 bytes. */
#define LISTS 4
#define LIST_BYTES 24

/*
 * Where they lie: so far before `collecting`, which all versions have in the same struct. Between them lie the statistics
 * of three generations. All kinds up to a version are tried: 3.14 has gone back to the older collector.
 */
static const struct {
        uint16_t since;
        uint32_t before[LISTS];
} kinds[] = {
        { 0x0308, { 176, 152, 128, 96 } }, /* generations[3], generation0, permanent_generation */
        { 0x030d,
          { 180, 156, 132, 96 } }, /* the same, but aligned to 4 bytes: Debian's 3.13.5 has it so, 3.13.0 does not */
        { 0x030e, { 168, 144, 120, 96 } }, /* young, old[2], permanent_generation */
        { 0x030f, { 104, 80, 56, 32 } },   /* the same, and a pointer to the statistics */
};

/* Up to 3.8 the struct lies in _PyRuntime. */
#define LAST_IN_RUNTIME 0x0308

/* Pages that are kept. */
#define PAGES 256

/* Types that are kept, and classes outside of one that are followed. */
#define TYPES 1024
#define BASES_MAX 32

/* Objects between two looks at the clock. */
#define OBJECTS_PER_CLOCK 1024

/* tp_base lies so far before tp_dictoffset in all versions of 3 (Include/cpython/object.h). */
#define BASE_BEFORE_DICTOFFSET 32

struct heap {
        struct greenlet_reader *reader;
        const struct greenlet_limit *limit;
        struct greenlet_addresses *found;
        struct {
                uint64_t type;
                bool is;
        } types[TYPES];
        uint64_t pages[PAGES];
        uint8_t bytes[PAGES][REMOTE_PAGE];
};

/* ---- memory --------------------------------------------------------------------------------- */

static const uint8_t *get_page(struct heap *h, uint64_t page)
{
        size_t i = page / REMOTE_PAGE % PAGES;

        if (h->pages[i] == page)
                return h->bytes[i];
        h->pages[i] = 0;
        if (remote_read(&h->reader->py->memory, page, h->bytes[i], REMOTE_PAGE) != 0)
                return NULL;
        h->pages[i] = page;
        return h->bytes[i];
}

/* Words never lie across pages. */
static bool read_kept(struct heap *h, uint64_t addr, uint64_t *ret)
{
        const uint8_t *page = addr % 8 == 0 && addr >= REMOTE_PAGE ? get_page(h, remote_page(addr)) : NULL;

        if (page)
                *ret = word_at(page, (uint32_t)(addr - remote_page(addr)));
        return page;
}

/* ---- types ---------------------------------------------------------------------------------- */

/* Whether the type is the module's, or a class of that one. */
static bool is_greenlet_type(struct heap *h, uint64_t type)
{
        const struct layout *l = &h->reader->py->runtime.layout;
        size_t i = type / 16 % TYPES;

        if (h->types[i].type == type)
                return h->types[i].is;
        uint64_t base = type;
        for (unsigned n = 0; base && base != h->reader->places->type && n < BASES_MAX; n++)
                if (remote_read_word(&h->reader->py->memory, base + l->names.type_dict - BASE_BEFORE_DICTOFFSET,
                                     &base) != 0)
                        base = 0;
        h->types[i].type = type;
        h->types[i].is = base == h->reader->places->type;
        return h->types[i].is;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static int look_at_object(struct heap *h, uint64_t object)
{
        uint64_t type;

        h->found->objects++;
        if (!read_kept(h, object + h->reader->py->runtime.layout.object_type, &type) || !is_greenlet_type(h, type))
                return 0;
        return greenlet_addresses_add(h->found, object);
}

static int walk_list(struct heap *h, uint64_t head)
{
        uint64_t at, next;
        int e = 0;

        if (remote_read_word(&h->reader->py->memory, head, &at) != 0)
                return PYSTACK_E_CORRUPT;
        for (at &= POINTER_MASK; e == 0 && at != head; at = next & POINTER_MASK) {
                if (h->found->objects == PYSTACK_GREENLET_OBJECTS_MAX || !read_kept(h, at, &next)) {
                        h->found->cut = true;
                        return 0;
                }
                e = look_at_object(h, at + HEAD_BYTES);
                if (h->found->objects % OBJECTS_PER_CLOCK == 0 && greenlet_limit_is_reached(h->limit))
                        return PYSTACK_E_COSTLY;
        }
        return e;
}

/* A list that is no list of this version does not lead back. */
static bool is_list(const struct heap *h, uint64_t head)
{
        uint64_t next, before;

        return remote_read_word(&h->reader->py->memory, head, &next) == 0 &&
               remote_read_word(&h->reader->py->memory, (next & POINTER_MASK) + 8, &before) == 0 &&
               (before & POINTER_MASK) == head;
}

/* While a collection is in progress, or an object is being added, a list may not lead back for a moment. */
#define TRIES 3

static int walk_lists(struct heap *h, uint64_t collecting, const uint32_t before[static LISTS])
{
        int e = 0;

        for (size_t i = 0; i < LISTS; i++) {
                unsigned tries = 0;
                while (!is_list(h, collecting - before[i]))
                        if (++tries == TRIES)
                                return PYSTACK_E_UNSUPPORTED;
        }
        for (size_t i = 0; e == 0 && i < LISTS; i++)
                e = walk_list(h, collecting - before[i]);
        return e;
}

static int walk_interpreter(struct heap *h, uint64_t interp)
{
        const struct runtime *runtime = &h->reader->py->runtime;
        const struct layout *l = &runtime->layout;
        bool in_runtime = l->version <= LAST_IN_RUNTIME;
        uint64_t collecting = (in_runtime ? runtime->interpreters - l->runtime.interpreters_head : interp) +
                              l->gc.collecting;
        int e = PYSTACK_E_UNSUPPORTED;

        for (size_t i = sizeof kinds / sizeof *kinds; e == PYSTACK_E_UNSUPPORTED && i > 0; i--)
                if (l->version >= kinds[i - 1].since)
                        e = walk_lists(h, collecting, kinds[i - 1].before);
        return e;
}

int greenlet_addresses_of_heap(struct greenlet_reader *r, const struct greenlet_limit *limit,
                               struct greenlet_addresses *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        uint64_t interp;
        struct heap *h;

        if (l->gc.collecting == LAYOUT_NONE || l->version < kinds[0].since || r->py->info.free_threaded)
                return PYSTACK_E_UNSUPPORTED;
        if (!(h = calloc(1, sizeof *h)))
                return -ENOMEM;
        h->reader = r;
        h->limit = limit;
        h->found = ret;
        int e = remote_read_word(&r->py->memory, r->py->runtime.interpreters, &interp);
        for (unsigned i = 0; e == 0 && interp && i < LAYOUT_INTERPRETERS_MAX; i++) {
                e = walk_interpreter(h, interp);
                if (l->version <= LAST_IN_RUNTIME)
                        break; /* it has one collector */
                if (e == 0)
                        e = remote_read_word(&r->py->memory, interp + l->interp.next, &interp);
        }
        free(h);
        return e;
}
