/* SPDX-License-Identifier: Apache-2.0 */
/* The greenlets that threads run, with their parents; and which thread has which ThreadState. */
#include "collect.h"

#include "pystack/threads/interpreter.h"

#include <errno.h>
#include <stdlib.h>

/* How often a thread's greenlets are read that change meanwhile. */
#define TRIES 3

#define PARENTS_MAX 32

struct collecting {
        struct greenlet_reader *reader;
        struct greenlet_addresses *found;
};

int greenlet_addresses_add(struct greenlet_addresses *a, uint64_t addr)
{
        bool again;
        int e = 0;

        if (!addr || a->n == PYSTACK_GREENLETS_MAX) {
                a->cut = a->cut || addr;
                return 0;
        }
        if ((e = address_set_add(&a->known, addr, &again)) != 0 || again)
                return e;
        if (a->n == a->cap) {
                size_t cap = a->cap ? 2 * a->cap : 256;
                uint64_t *grown = realloc(a->items, cap * sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                a->items = grown;
                a->cap = cap;
        }
        a->items[a->n++] = addr;
        return 0;
}

static int note_thread(struct greenlet_addresses *a, uint64_t tstate, uint64_t state)
{
        if (a->n_threads == GREENLET_THREADS_MAX)
                return 0;
        if (!a->threads && !(a->threads = calloc(GREENLET_THREADS_MAX, sizeof *a->threads)))
                return -ENOMEM;
        a->threads[a->n_threads++] = (struct greenlet_thread){ .state = state, .tstate = tstate };
        return 0;
}

static int read_thread(struct collecting *c, uint64_t pthread, uint64_t *ret_state, uint64_t *ret, size_t *ret_n)
{
        struct greenlet_reader *r = c->reader;
        struct greenlet_object g;

        *ret_n = 0;
        trail_begin(&r->trail, &r->py->memory);
        int e = greenlet_thread_state(&r->trail, r->places, pthread, ret_state);
        if (e == 0)
                e = greenlet_read_current(r, pthread, &g);
        while (e == 0 && g.address && *ret_n < PARENTS_MAX) {
                ret[(*ret_n)++] = g.address;
                if (g.main || !g.parent)
                        break;
                e = greenlet_read(r, g.parent, &g);
        }
        return e == 0 ? trail_confirm(&r->trail) : e;
}

/* A thread whose greenlets cannot be read has ended, or has just begun. */
static int note_greenlets(void *ctx, uint64_t tstate, uint64_t interp, const uint8_t *bytes)
{
        struct collecting *c = ctx;
        uint64_t state = 0, found[PARENTS_MAX];
        uint64_t pthread = word_at(bytes, c->reader->py->runtime.layout.tstate.thread_id);
        size_t n = 0;
        int e = PYSTACK_E_TORN;

        (void)interp;
        for (unsigned i = 0; pthread && e != 0 && i < TRIES; i++)
                e = read_thread(c, pthread, &state, found, &n);
        if (e != 0 || !state)
                return 0;
        e = note_thread(c->found, tstate, state);
        for (size_t i = 0; e == 0 && i < n; i++)
                e = greenlet_addresses_add(c->found, found[i]);
        return e;
}

int greenlet_addresses_of_threads(struct greenlet_reader *r, struct greenlet_addresses *ret)
{
        struct collecting c = { .reader = r, .found = ret };

        return interpreter_walk(r->py, note_greenlets, &c);
}

void greenlet_addresses_deinit(struct greenlet_addresses *a)
{
        address_set_deinit(&a->known);
        free(a->items);
        free(a->threads);
        *a = (struct greenlet_addresses){ 0 };
}
