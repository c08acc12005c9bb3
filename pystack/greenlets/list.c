/* SPDX-License-Identifier: Apache-2.0 */
/* Lists the greenlets of a process: first where they are, then each by itself. */
#include "collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often a greenlet is read that changes meanwhile. */
#define TRIES 3

/* Bytes of the name of a type that are told, NUL included. */
#define TYPE_NAME_BYTES 64

/* Greenlets that are read between two looks at the clock. */
#define GREENLETS_PER_CLOCK 64

struct listing {
        struct greenlet_reader *reader;
        const struct greenlet_addresses *addresses;
        struct pystack_greenlet told;
        struct raw_frame raw[PYSTACK_GREENLET_FRAMES_MAX];
        struct pystack_frame frames[PYSTACK_GREENLET_FRAMES_MAX];
        char type[4 * TYPE_NAME_BYTES];
};

/* The last part of a type's name: tp_name has the module before it if the type is of C. */
static void read_type_name(struct listing *l, uint64_t type)
{
        const struct pystack_memory *memory = &l->reader->py->memory;
        char name[TYPE_NAME_BYTES] = "";
        uint64_t at;

        l->type[0] = '\0';
        if (remote_read_word(memory, type + l->reader->py->runtime.layout.names.type_name, &at) != 0 ||
            remote_read(memory, at, name, sizeof name - 1) != 0)
                return;
        const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
        pystack_escape(last, strlen(last), l->type, sizeof l->type);
}

/* Reads the thread to which the main greenlet at @home belongs. */
static int read_home(struct listing *l, uint64_t home, uint64_t *ret)
{
        struct greenlet_object main;
        int e = home ? greenlet_read(l->reader, home, &main) : 0;

        *ret = 0;
        for (size_t i = 0; e == 0 && home && i < l->addresses->n_threads; i++)
                if (main.state && l->addresses->threads[i].state == main.state)
                        *ret = l->addresses->threads[i].tstate;
        return e;
}

static int read_stack(struct listing *l, uint64_t top)
{
        int e = greenlet_read_frames(l->reader, top, l->raw, PYSTACK_GREENLET_FRAMES_MAX, &l->told.n,
                                     &l->told.truncated);

        for (size_t i = 0; e == 0 && i < l->told.n; i++)
                e = proved_frame(&l->reader->reading, &l->raw[i], &l->frames[i]);
        return e;
}

static int read_greenlet_once(struct listing *l, uint64_t addr)
{
        struct greenlet_object g;

        trail_begin(&l->reader->trail, &l->reader->py->memory);
        int e = greenlet_read(l->reader, addr, &g);
        if (e != 0)
                return e;
        l->told = (struct pystack_greenlet){
                .address = addr,
                .parent = g.parent,
                .main = g.main,
                .type = l->type,
                .frames = l->frames,
                .state = !g.begun    ? PYSTACK_GREENLET_NEW
                         : !g.active ? PYSTACK_GREENLET_ENDED
                         : g.top     ? PYSTACK_GREENLET_SUSPENDED
                                     : PYSTACK_GREENLET_RUNS,
        };
        e = read_home(l, g.home, &l->told.tstate);
        if (e == 0 && g.top)
                e = read_stack(l, g.top);
        if (e == 0)
                e = trail_confirm(&l->reader->trail);
        if (e == 0)
                read_type_name(l, g.type);
        return e;
}

static bool may_be_tried_again(int e)
{
        return e == PYSTACK_E_TORN || e == PYSTACK_E_CORRUPT || e == PYSTACK_E_COSTLY;
}

static int list_greenlets(struct listing *l, const struct greenlet_limit *limit, pystack_greenlet_fn each, void *ctx,
                          struct pystack_greenlets_seen *seen)
{
        bool more = true;

        for (size_t i = 0; more && i < l->addresses->n; i++) {
                int e = PYSTACK_E_TORN;
                if (i % GREENLETS_PER_CLOCK == 0 && greenlet_limit_is_reached(limit))
                        return PYSTACK_E_COSTLY;
                code_cache_sweep(&l->reader->py->codes);
                for (unsigned j = 0; may_be_tried_again(e) && j < TRIES; j++)
                        e = read_greenlet_once(l, l->addresses->items[i]);
                if (e != 0 && !may_be_tried_again(e))
                        return e;
                seen->unread += e != 0;
                seen->told += e == 0;
                more = e != 0 || each(ctx, &l->told);
        }
        return 0;
}

int pystack_greenlets(struct pystack *py, uint64_t cpu_ns, pystack_greenlet_fn each, void *ctx,
                      struct pystack_greenlets_seen *ret)
{
        struct greenlet_limit limit = { .end_ns = cpu_ns ? effort_cpu_ns() + cpu_ns : 0 };
        struct greenlet_addresses addresses = { 0 };
        struct listing *l;

        *ret = (struct pystack_greenlets_seen){ 0 };
        if (!py->greenlets.state)
                return PYSTACK_E_NOT_READY;
        l = calloc(1, sizeof *l);
        if (!l || !(l->reader = greenlets_reader(py))) {
                free(l);
                return -ENOMEM;
        }
        l->addresses = &addresses;
        int e = greenlet_addresses_of_threads(l->reader, &addresses);
        int heap = e == 0 ? greenlet_addresses_of_heap(l->reader, &limit, &addresses) : e;
        ret->objects = addresses.objects;
        ret->cut = addresses.cut || heap != 0;
        if (e == 0 && (heap == 0 || heap == PYSTACK_E_UNSUPPORTED))
                e = list_greenlets(l, &limit, each, ctx, ret);
        greenlet_addresses_deinit(&addresses);
        free(l);
        return e != 0 ? e : heap;
}
