/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads names of threads, and gives them to the members and to the profile. The lock is not held while names are read:
 * ticks go on meanwhile.
 */
#include "names.h"

#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often the namer looks at a thread: at once, after this pause, after twice the pause, and so on. */
#define LOOKS_MAX 5
#define LOOK_PAUSE_NS 100000000ull

/* Bytes of names that a target keeps. 2000 threads of honest names take 40 kB. */
#define NAMES_BYTES_MAX ((size_t)1 << 20)

/* A member whose name is wanted. */
struct wish {
        pid_t tid;
        uint64_t met_ns; /* the member's: tells whether it is still the same one */
        char *name;      /* NULL: not known */
};

struct wishes {
        struct wish *items;
        struct pystack_thread_ref *refs; /* in the same order */
        size_t n, bytes;
};

/* ---- ticks' side ------------------------------------------------------------------------ */

void names_attach(struct target *t, struct member *m)
{
        if (m->python)
                profile_name_thread(t->profile, m->id, m->python);
        if (t->naming.namer && m->thread && m->looks < LOOKS_MAX && !atomic_exchange(&t->naming.asked, true))
                sem_post(&t->naming.namer->asked);
}

static void forget_name(struct target *t, struct member *m)
{
        if (m->python)
                t->naming.bytes -= strlen(m->python) + 1;
        free(m->python);
        m->python = NULL;
}

void names_detach(struct target *t, struct member *m)
{
        if (m->python && m->id)
                profile_end_thread(t->profile, m->id);
        forget_name(t, m);
}

/* ---- what to read ------------------------------------------------------------------------ */

static bool wants_name(const struct member *m, bool all, uint64_t now)
{
        return m->id && m->thread && (all || (m->looks < LOOKS_MAX && m->look_at_ns <= now));
}

static void note_look(struct member *m, uint64_t now)
{
        m->look_at_ns = now + (LOOK_PAUSE_NS << m->looks);
        m->looks++;
}

static int gather_wishes(struct target *t, bool all, struct wishes *ret)
{
        size_t max = HASH_COUNT(t->members) + 1;
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        *ret = (struct wishes){ .items = calloc(max, sizeof *ret->items), .refs = calloc(max, sizeof *ret->refs) };
        if (!ret->items || !ret->refs)
                return -ENOMEM;
        for (struct member *m = t->members; m; m = m->hh.next) {
                if (!wants_name(m, all, now))
                        continue;
                if (m->looks < LOOKS_MAX)
                        note_look(m, now);
                ret->refs[ret->n] = pystack_thread_get(m->thread);
                ret->items[ret->n++] = (struct wish){ .tid = m->tid, .met_ns = m->met_ns };
        }
        return 0;
}

static void free_wishes(struct wishes *w)
{
        for (size_t i = 0; i < w->n; i++)
                free(w->items[i].name);
        free(w->items);
        free(w->refs);
}

static void keep_name(void *ctx, size_t i, const char *name)
{
        struct wishes *w = ctx;
        size_t bytes = strlen(name) + 1;

        if (w->items[i].name || bytes > NAMES_BYTES_MAX - w->bytes)
                return;
        w->items[i].name = strdup(name);
        w->bytes += bytes;
}

/* ---- what was read ----------------------------------------------------------------------- */

static void give_name(struct target *t, struct member *m, char **name)
{
        size_t bytes = strlen(*name) + 1;

        forget_name(t, m);
        if (bytes > NAMES_BYTES_MAX - t->naming.bytes || !memory_has_room(t, bytes))
                return;
        m->python = *name;
        *name = NULL;
        t->naming.bytes += bytes;
        if (m->id)
                profile_name_thread(t->profile, m->id, m->python);
}

static void grant_wishes(struct target *t, const struct sampler *s, struct wishes *w)
{
        memory_prepare(t);
        memory_bound_profile(t, s->config.profile_bytes);
        for (size_t i = 0; i < w->n; i++) {
                struct member *m;
                HASH_FIND_INT(t->members, &w->items[i].tid, m);
                if (m && m->met_ns == w->items[i].met_ns && w->items[i].name)
                        give_name(t, m, &w->items[i].name);
        }
        memory_return(t);
}

/* Whether the namer is to look at some thread again. */
static bool wants_more(const struct target *t)
{
        for (const struct member *m = t->members; m; m = m->hh.next)
                if (m->id && m->thread && m->looks < LOOKS_MAX)
                        return true;
        return false;
}

int names_read(struct target *t, bool all)
{
        struct wishes wishes;

        if (!t->naming.namer)
                return 0;
        if (target_lock(t) == TARGET_SILENT)
                return SAMPLE_E_SILENT;
        atomic_store(&t->naming.since_ns, clock_ns(CLOCK_MONOTONIC));
        int r = gather_wishes(t, all, &wishes);
        target_unlock(t);
        if (r == 0 && wishes.n > 0)
                pystack_thread_names(t->py, wishes.refs, wishes.n, keep_name, &wishes);
        if (r == 0 && target_lock(t) == TARGET_SILENT)
                r = SAMPLE_E_SILENT;
        if (r == 0) {
                grant_wishes(t, t->naming.namer->sampler, &wishes);
                atomic_store(&t->naming.asked, wants_more(t));
                target_unlock(t);
        }
        free_wishes(&wishes);
        return r;
}
