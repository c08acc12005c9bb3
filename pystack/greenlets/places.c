/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the greenlets of threads. The module keeps a pointer to a ThreadState in a variable of each thread
 * (g_thread_state_global in greenlet.cpp). Its symbol is local, and distributions strip it. But it is proved by what it
 * points to: a ThreadState begins with the thread's main greenlet, and that one points back to it. So the storage of a
 * thread is searched, module by module, as its dtv tells it. The place is the same in all threads.
 */
#include "places.h"

#include "pystack/decode/value.h"
#include "pystack/memory/effort.h"
#include "pystack/threads/registry.h"
#include "pystack/trace.h"

#include <stdlib.h>
#include <string.h>

/* Readings, and ns of CPU time of the calling thread. */
#define PLACES_READS 20000
#define PLACES_CPU_NS 20000000

/* How often something is read that changes meanwhile. */
#define TRIES 3

/* Threads whose storage is searched, modules of each, and words at the beginning of a module's storage. */
#define THREADS_MAX 256
#define MODULES_MAX 512
#define WORDS_OF_STORAGE 4

/*
 * A thread's dtv lies 8 bytes behind its thread pointer on x86-64: tcbhead_t in glibc (sysdeps/x86_64/nptl/tls.h), struct
 * pthread in musl (src/internal/pthread_impl.h). glibc tells its size before it, musl in its first entry.
 */
#define DTV 8
static const uint32_t dtv_strides[] = { 16, 8 }; /* glibc, musl */

/* Where a dtv tells how many modules it has room for. */
static uint64_t address_of_count(uint64_t dtv, uint32_t stride)
{
        return stride == 16 ? dtv - stride : dtv;
}

struct search {
        struct pystack *py;
        const struct layout *layout;
        struct pystack_memory memory;
        struct effort effort;
        struct trail trail;
};

/* ---- the module -------------------------------------------------------------------------- */

static int read_version(struct search *s, const struct dict *globals, struct registry_types *types,
                        struct greenlet_places *ret)
{
        const uint8_t *data;
        struct pystr text;
        uint64_t addr;
        bool found = false;
        int e = registry_value(&s->trail, s->layout, globals, "__version__", types, &addr, &found);

        ret->version[0] = '\0';
        if (e != 0 || !found)
                return e;
        e = value_str(&s->trail, s->layout, addr, types->str, GREENLET_VERSION_BYTES / 4 - 1, &text, &data);
        if (e == 0 && text.width == 1)
                pystack_escape((const char *)data, text.chars, ret->version, sizeof ret->version);
        return e;
}

static int read_module(struct search *s, uint64_t interp, struct greenlet_places *ret, bool *ret_found)
{
        struct registry_types types = { 0 };
        struct dict globals;
        bool has_type = false;

        trail_begin(&s->trail, &s->memory);
        int e = registry_open_module(&s->trail, s->layout, interp, &types, "greenlet", &globals, ret_found);
        if (e != 0 || !*ret_found)
                return e;
        e = registry_value(&s->trail, s->layout, &globals, "greenlet", &types, &ret->type, &has_type);
        if (e == 0 && !has_type)
                return PYSTACK_E_NOT_READY; /* the module is just being imported */
        if (e == 0)
                e = read_version(s, &globals, &types, ret);
        return e == 0 ? trail_confirm(&s->trail) : e;
}

/* The type is static, so it is the same one in all interpreters. */
static int look_for_module(struct search *s, struct greenlet_places *ret)
{
        uint64_t interp;
        int e = remote_read_word(&s->memory, s->py->runtime.interpreters, &interp);

        for (unsigned i = 0; e == 0 && interp && i < LAYOUT_INTERPRETERS_MAX; i++) {
                bool found = false;
                int error = PYSTACK_E_TORN;
                for (unsigned j = 0; error == PYSTACK_E_TORN && j < TRIES; j++)
                        error = read_module(s, interp, ret, &found);
                if (error == PYSTACK_E_COSTLY || error == PYSTACK_E_GONE || error < 0)
                        return error;
                if (error == 0 && found)
                        return 0;
                e = remote_read_word(&s->memory, interp + s->layout->interp.next, &interp);
        }
        return e == 0 ? PYSTACK_E_NOT_READY : e;
}

/* ---- the threads' storage ------------------------------------------------------------------ */

/* The version as digits that can be told: 0x030506 is 3.5.6. */
static uint64_t digits_of_version(const char *text)
{
        uint64_t digits = 0;
        char *end;

        for (unsigned i = 0; i < 3; i++) {
                digits = digits << 8 | (strtoul(text, &end, 10) & 0xff);
                text = *end ? end + 1 : end;
        }
        return digits;
}

static int refuse_version(struct search *s, const struct greenlet_places *places, uint64_t main)
{
        return REFUSE(&s->memory, PYSTACK_E_UNSUPPORTED, .field = "greenlet.__version__", .address = main,
                      .expected = "a version of a layout that is known (0x030506 is 3.5.6)",
                      .found = digits_of_version(places->version));
}

/* Whether @state is a ThreadState: PYSTACK_E_CORRUPT if it is none. */
static int try_state(struct search *s, uint64_t state, struct greenlet_places *ret)
{
        uint64_t main, type, pimpl, words[GREENLET_BYTES / 8];

        if (state < REMOTE_PAGE || state % 8 != 0 || remote_read_word(&s->memory, state, &main) != 0 ||
            main < REMOTE_PAGE || main % 8 != 0 ||
            remote_read_word(&s->memory, main + s->layout->object_type, &type) != 0 || type != ret->type ||
            remote_read_word(&s->memory, main + layout_head(s->layout) + 16, &pimpl) != 0 ||
            remote_read(&s->memory, pimpl, words, sizeof words) != 0)
                return PYSTACK_E_CORRUPT;
        int e = greenlet_offsets_measure(words, main, state, s->layout->version, layout_head(s->layout), &ret->offsets);
        return e == 0 ? 0 : refuse_version(s, ret, main);
}

static int search_storage(struct search *s, uint64_t storage, struct greenlet_places *ret)
{
        uint64_t words[WORDS_OF_STORAGE];
        int e = PYSTACK_E_CORRUPT;

        for (uint32_t i = 0; i < WORDS_OF_STORAGE && e == PYSTACK_E_CORRUPT; i++) {
                if (remote_read_word(&s->memory, storage + 8 * i, &words[i]) != 0)
                        break;
                e = try_state(s, words[i], ret);
                ret->offset = 8 * i;
        }
        return e;
}

static int search_thread(struct search *s, uint64_t pthread, uint32_t stride, struct greenlet_places *ret)
{
        uint64_t dtv, modules, storage;
        int e = remote_read_word(&s->memory, pthread + DTV, &dtv);

        if (e != 0 || remote_read_word(&s->memory, address_of_count(dtv, stride), &modules) != 0)
                return PYSTACK_E_CORRUPT;
        e = PYSTACK_E_CORRUPT;
        for (uint32_t i = 1; i <= modules && i < MODULES_MAX && e == PYSTACK_E_CORRUPT; i++) {
                ret->stride = stride;
                ret->entry = i * stride;
                if (effort_is_spent(&s->effort))
                        return PYSTACK_E_COSTLY;
                if (remote_read_word(&s->memory, dtv + ret->entry, &storage) != 0)
                        break;
                if (storage >= REMOTE_PAGE && storage % 8 == 0)
                        e = search_storage(s, storage, ret);
        }
        return e;
}

static int search_threads(struct search *s, uint64_t interp, struct greenlet_places *ret)
{
        uint64_t tstate, pthread;
        int e = remote_read_word(&s->memory, interp + s->layout->interp.threads_head, &tstate);

        for (unsigned i = 0; e == 0 && tstate && i < THREADS_MAX; i++) {
                if ((e = remote_read_word(&s->memory, tstate + s->layout->tstate.thread_id, &pthread)) != 0)
                        return e;
                for (size_t j = 0; pthread && j < sizeof dtv_strides / sizeof *dtv_strides; j++)
                        if ((e = search_thread(s, pthread, dtv_strides[j], ret)) != PYSTACK_E_CORRUPT)
                                return e;
                e = remote_read_word(&s->memory, tstate + s->layout->tstate.next, &tstate);
        }
        return e == 0 ? PYSTACK_E_NOT_READY : e;
}

static int look_for_state(struct search *s, struct greenlet_places *ret)
{
        uint64_t interp;
        int e = remote_read_word(&s->memory, s->py->runtime.interpreters, &interp);

        for (unsigned i = 0; e == 0 && interp && i < LAYOUT_INTERPRETERS_MAX; i++) {
                if ((e = search_threads(s, interp, ret)) != PYSTACK_E_NOT_READY)
                        return e;
                e = remote_read_word(&s->memory, interp + s->layout->interp.next, &interp);
        }
        return e == 0 ? PYSTACK_E_NOT_READY : e;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* greenlet 1 and before have another struct, and no storage of threads. */
static bool is_old(const char *version)
{
        return (version[0] == '0' || version[0] == '1') && version[1] == '.';
}

int greenlet_places_find(struct pystack *py, struct greenlet_places *ret)
{
        struct search s = { .py = py, .layout = &py->runtime.layout };

        *ret = (struct greenlet_places){ .type = 0 };
        if (s.layout->names.modules == LAYOUT_NONE || !py->runtime.machine || !py->runtime.machine->rseq)
                return PYSTACK_E_UNSUPPORTED;
        s.memory = effort_begin_within(&s.effort, &py->memory, PLACES_READS, PLACES_CPU_NS);
        int e = look_for_module(&s, ret);
        if (e == 0 && is_old(ret->version))
                return refuse_version(&s, ret, ret->type);
        return e == 0 ? look_for_state(&s, ret) : e;
}

int greenlet_thread_state(struct trail *t, const struct greenlet_places *places, uint64_t pthread, uint64_t *ret)
{
        uint64_t dtv, modules, storage;
        int e = trail_word(t, pthread + DTV, &dtv);

        *ret = 0;
        if (e == 0)
                e = trail_word(t, address_of_count(dtv, places->stride), &modules);
        if (e != 0 || modules < places->entry / places->stride)
                return e;
        e = trail_word(t, dtv + places->entry, &storage);
        if (e != 0 || storage < REMOTE_PAGE || storage % 8 != 0)
                return e; /* the module's storage is made when the thread first uses it */
        e = trail_word(t, storage + places->offset, ret);
        if (e == 0 && (*ret < REMOTE_PAGE || *ret % 8 != 0))
                *ret = 0; /* 1 at first (TThreadStateCreator.hpp) */
        return e;
}
