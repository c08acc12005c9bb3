/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of threads as Python knows them. The entries of threading._active are copied for all threads together.
 * Then each Thread is read by itself: its entry, its ident, its name; and all of that once more, which must agree.
 */
#include "registry.h"

#include "pystack/decode/attribute.h"
#include "pystack/decode/type.h"
#include "pystack/decode/value.h"
#include "pystack/internal.h"
#include "pystack/memory/effort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Readings, and ns of CPU time of the calling thread, for the names of a process. */
#define NAMES_READS 65536
#define NAMES_CPU_NS 100000000

/* Entries of threading._active that are looked at. There are no more threads than PYSTACK_MAX_THREADS. */
#define ACTIVE_MAX 65536

/* Entries that are copied together. */
#define BATCH 512

/* How often something is read that changes meanwhile. */
#define TRIES 3

/* A thread whose name is wanted. */
struct wanted {
        uint64_t interp, pthread;
        size_t index;   /* in the caller's array */
        bool main;      /* the process's first thread */
        uint64_t entry; /* address of its entry in threading._active; 0: there is none */
        pid_t inner_tid;
};

struct reading {
        const struct layout *layout;
        const struct machine *machine;
        struct pystack_memory memory;
        struct effort effort;
        struct registry_types types;
        struct attribute name;
        struct trail trail;
        pystack_thread_name_fn each;
        void *ctx;
};

/* ---- the entries of threading._active ---------------------------------------------------- */

static int by_interp_and_pthread(const void *a, const void *b)
{
        const struct wanted *left = a, *right = b;

        if (left->interp != right->interp)
                return left->interp < right->interp ? -1 : 1;
        return (left->pthread > right->pthread) - (left->pthread < right->pthread);
}

static void match_entry(uint64_t at, const uint8_t *entry, struct wanted *wanted, size_t n)
{
        /* An int's hash is its own value, if that is below 2**61 - 1. Its entry begins with that hash. */
        const struct wanted key = { .interp = wanted->interp, .pthread = word_at(entry, 0) };

        if (!key.pthread || !word_at(entry, 8) || !word_at(entry, 16))
                return;
        struct wanted *found = bsearch(&key, wanted, n, sizeof *wanted, by_interp_and_pthread);
        if (found)
                found->entry = at;
}

/* Finds the entries of the @n threads of one interpreter. The keys themselves are compared later. */
static int match_entries(const struct reading *r, const struct dict *d, struct wanted *wanted, size_t n)
{
        uint8_t entries[BATCH * DICT_ENTRY_MAX];
        int e = d->n > ACTIVE_MAX ? PYSTACK_E_COSTLY : 0;

        if (d->n > 0 && (d->values || d->size != DICT_ENTRY_MAX))
                return 0; /* all keys are strs */
        for (uint64_t i = 0; e == 0 && i < d->n; i += BATCH) {
                uint64_t at = d->entries + i * DICT_ENTRY_MAX, left = d->n - i < BATCH ? d->n - i : BATCH;
                e = remote_read(&r->memory, at, entries, left * DICT_ENTRY_MAX);
                for (uint64_t j = 0; e == 0 && j < left; j++)
                        match_entry(at + j * DICT_ENTRY_MAX, entries + j * DICT_ENTRY_MAX, wanted, n);
        }
        return e;
}

static int locate_entries(struct reading *r, struct wanted *wanted, size_t n, bool *ret_imported)
{
        struct dict active;

        for (size_t i = 0; i < n; i++)
                wanted[i].entry = 0;
        trail_begin(&r->trail, &r->memory);
        int e = registry_find(&r->trail, r->layout, wanted->interp, &r->types, &active, ret_imported);
        if (e == 0 && *ret_imported)
                e = match_entries(r, &active, wanted, n);
        return e == 0 ? trail_confirm(&r->trail) : e;
}

/* ---- one thread ------------------------------------------------------------------------ */

/* Whether nothing more can be read after this error. */
static bool is_final(int error)
{
        return error < 0 || error == PYSTACK_E_COSTLY || error == PYSTACK_E_DENIED;
}

/* Adds to the trail that a struct pthread has this TID at @at. PYSTACK_E_GONE if it has another one. */
static int check_tid(struct reading *r, uint64_t at, pid_t wanted)
{
        const uint8_t *kept;
        uint32_t tid;
        int e = remote_read(&r->memory, at, &tid, sizeof tid);

        if (e == 0 && (pid_t)tid != wanted)
                return PYSTACK_E_GONE;
        if (e == 0)
                e = trail_read(&r->trail, at, sizeof tid, &kept);
        if (e)
                return e;
        return half_at(kept, 0) == tid ? 0 : PYSTACK_E_GONE;
}

/*
 * Whether the pthread_t is the thread's at this moment. When a thread ends, libc gives its pthread_t to the next one,
 * and the thread state that is freed may keep all its ids. But the kernel clears the TID in libc's struct pthread.
 */
static int check_thread(struct reading *r, const struct wanted *w)
{
        for (size_t i = 0; w->inner_tid && i < MACHINE_LIBCS; i++) {
                int e = check_tid(r, w->pthread + r->machine->libcs[i].tid, w->inner_tid);
                if (e == 0 || is_final(e))
                        return e;
        }
        return PYSTACK_E_GONE;
}

/* Whether the key of an entry is the ident of the thread: an int, and that one. */
static int check_ident(struct reading *r, uint64_t key, uint64_t ident)
{
        const struct layout *l = r->layout;
        uint32_t to_size = l->names.int_size - l->object_type, digits = l->text == TEXT_BYTES ? 0 : 8;
        const uint8_t *fields;
        int e = trail_read(&r->trail, key + l->object_type, to_size + 8 + digits, &fields);

        if (e == 0)
                e = type_expect(&r->memory, l, word_at(fields, 0), "int", type_int_flag(l), &r->types.integer);
        return e == 0 && value_int(l, fields + to_size) != ident ? PYSTACK_E_CORRUPT : e;
}

static int read_str(struct reading *r, uint64_t addr, char ret[static PYSTACK_TEXT_SIZE])
{
        struct pystr text;
        const uint8_t *data;
        int e = value_str(&r->trail, r->layout, addr, r->types.str, PYSTACK_THREAD_NAME_CHARS, &text, &data);

        if (e == 0)
                pystr_encode(&text, data, ret);
        return e;
}

/* Reads the name of a thread whose entry was found. */
static int read_name(struct reading *r, const struct wanted *w, char ret[static PYSTACK_TEXT_SIZE])
{
        const uint8_t *entry;
        uint64_t name;

        trail_begin(&r->trail, &r->memory);
        int e = check_thread(r, w);
        if (e == 0)
                e = trail_read(&r->trail, w->entry, DICT_ENTRY_MAX, &entry);
        if (e == 0 && word_at(entry, 0) != w->pthread)
                e = PYSTACK_E_GONE;
        if (e == 0)
                e = check_ident(r, word_at(entry, 8), w->pthread);
        if (e == 0)
                e = attribute_read(&r->trail, r->layout, word_at(entry, 16), r->types.dict, &r->name, &name);
        if (e == 0)
                e = read_str(r, name, ret);
        return e == 0 ? trail_confirm(&r->trail) : e;
}

static int name_thread(struct reading *r, const struct wanted *w)
{
        char name[PYSTACK_TEXT_SIZE];
        int e = PYSTACK_E_TORN;

        for (unsigned i = 0; e != 0 && !is_final(e) && i < TRIES; i++)
                e = read_name(r, w, name);
        if (e == 0 && *name)
                r->each(r->ctx, w->index, name);
        /* One Thread of too many attributes does not keep the others from having names. */
        return is_final(e) && (e != PYSTACK_E_COSTLY || effort_is_spent(&r->effort)) ? e : 0;
}

/* Names the @n threads of one interpreter. */
static int name_interpreter(struct reading *r, struct wanted *wanted, size_t n)
{
        bool is_imported = true;
        int e = PYSTACK_E_TORN;

        for (unsigned i = 0; e != 0 && !is_final(e) && i < TRIES; i++)
                e = locate_entries(r, wanted, n, &is_imported);
        for (size_t i = 0; e == 0 && i < n; i++) {
                if (!is_imported && wanted[i].main)
                        r->each(r->ctx, wanted[i].index, "MainThread");
                if (wanted[i].entry)
                        e = name_thread(r, &wanted[i]);
        }
        return e;
}

/* ---- all of them ------------------------------------------------------------------------- */

static size_t count_of_interpreter(const struct wanted *wanted, size_t n)
{
        size_t i = 1;

        while (i < n && wanted[i].interp == wanted->interp)
                i++;
        return i;
}

static int name_all(const struct pystack *py, struct wanted *wanted, size_t n, pystack_thread_name_fn each, void *ctx)
{
        struct reading r = {
                .layout = &py->runtime.layout,
                .machine = py->runtime.machine,
                .name = { .name = py->runtime.layout.text == TEXT_BYTES ? "_Thread__name" : "_name" },
                .each = each,
                .ctx = ctx,
        };
        int first = 0, e = 0;

        r.memory = effort_begin_within(&r.effort, &py->memory, NAMES_READS, NAMES_CPU_NS);
        for (size_t i = 0, some; i < n && !is_final(e); i += some) {
                some = count_of_interpreter(wanted + i, n - i);
                e = name_interpreter(&r, wanted + i, some);
                first = first ? first : e;
        }
        return first;
}

int pystack_thread_names(const struct pystack *py, const struct pystack_thread_ref *refs, size_t n,
                         pystack_thread_name_fn each, void *ctx)
{
        if (py->runtime.layout.names.modules == LAYOUT_NONE)
                return PYSTACK_E_UNSUPPORTED;
        struct wanted *wanted = malloc((n + 1) * sizeof *wanted);
        if (!wanted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                wanted[i] = (struct wanted){ .interp = refs[i].interp,
                                             .pthread = refs[i].pthread,
                                             .index = i,
                                             .main = refs[i].main,
                                             .inner_tid = refs[i].inner_tid };
        qsort(wanted, n, sizeof *wanted, by_interp_and_pthread);
        int e = name_all(py, wanted, n, each, ctx);
        free(wanted);
        return e;
}
