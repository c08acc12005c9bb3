/* SPDX-License-Identifier: Apache-2.0 */
/* The sums, and hash tables of functions by name and file and of threads by TID. */
#include "blame.h"

#include "agent/find/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* At most this much of a name or a path is kept: more than a screen has room for. */
#define TEXT_SIZE 512

struct function_entry {
        struct blame_function row;
        UT_hash_handle hh;
        char key[]; /* the name and the file, each with its NUL */
};

struct thread_entry {
        struct blame_thread row;
        UT_hash_handle hh;
        char name[TEXT_SIZE];
};

struct blame {
        struct function_entry *functions;
        struct thread_entry *threads;
        struct blame_sums sums;
};

struct blame *blame_new(void)
{
        return calloc(1, sizeof(struct blame));
}

void blame_reset(struct blame *b)
{
        struct function_entry *function, *next_function;
        struct thread_entry *thread, *next_thread;

        b->sums = (struct blame_sums){ 0 };
        HASH_ITER(hh, b->functions, function, next_function) {
                HASH_DEL(b->functions, function);
                free(function);
        }
        HASH_ITER(hh, b->threads, thread, next_thread) {
                HASH_DEL(b->threads, thread);
                free(thread);
        }
}

void blame_free(struct blame *b)
{
        if (b)
                blame_reset(b);
        free(b);
}

void blame_turn(struct blame *b)
{
        for (struct function_entry *function = b->functions; function; function = function->hh.next)
                function->row.recent_ns = 0;
        for (struct thread_entry *thread = b->threads; thread; thread = thread->hh.next)
                memset(thread->row.recent_ns, 0, sizeof thread->row.recent_ns);
}

const struct blame_sums *blame_sums(const struct blame *b)
{
        return &b->sums;
}

/* ---- rows -------------------------------------------------------------------------------- */

static struct function_entry *insert_function(struct blame *b, const char *key, size_t size)
{
        struct function_entry *entry = calloc(1, sizeof *entry + size);

        if (!entry)
                return NULL;
        memcpy(entry->key, key, size);
        entry->row.name = entry->key;
        entry->row.file = entry->key + strlen(entry->key) + 1;
        HASH_ADD_KEYPTR(hh, b->functions, entry->key, size, entry);
        if (entry->hh.tbl)
                return entry;
        free(entry);
        return NULL;
}

static struct blame_function *row_of_function(struct blame *b, const char *name, const char *file)
{
        static const char others[] = BLAME_OTHERS "\0";
        char key[2 * TEXT_SIZE];
        struct function_entry *entry;

        find_clean(name, strlen(name), key, TEXT_SIZE);
        size_t size = strlen(key) + 1;
        find_clean(file, strlen(file), key + size, TEXT_SIZE);
        size += strlen(key + size) + 1;
        HASH_FIND(hh, b->functions, key, size, entry);
        if (!entry && HASH_COUNT(b->functions) < BLAME_MAX)
                entry = insert_function(b, key, size);
        else if (!entry)
                HASH_FIND(hh, b->functions, others, sizeof others, entry);
        if (!entry)
                entry = insert_function(b, others, sizeof others);
        return entry ? &entry->row : NULL;
}

static struct thread_entry *insert_thread(struct blame *b, uint64_t tid)
{
        struct thread_entry *entry = calloc(1, sizeof *entry);

        if (!entry)
                return NULL;
        entry->row.tid = tid;
        entry->row.name = entry->name;
        HASH_ADD(hh, b->threads, row.tid, sizeof entry->row.tid, entry);
        if (entry->hh.tbl)
                return entry;
        free(entry);
        return NULL;
}

/* A thread has the name that it was last known by. */
static struct blame_thread *row_of_thread(struct blame *b, uint64_t tid, const char *name)
{
        const uint64_t others = 0;
        struct thread_entry *entry;

        HASH_FIND(hh, b->threads, &tid, sizeof tid, entry);
        if (!entry && HASH_COUNT(b->threads) >= BLAME_MAX) {
                tid = others;
                HASH_FIND(hh, b->threads, &others, sizeof others, entry);
        }
        if (!entry && !(entry = insert_thread(b, tid)))
                return NULL;
        name = tid == others ? BLAME_OTHERS : name;
        find_clean(name, strlen(name), entry->name, sizeof entry->name);
        return &entry->row;
}

/* ---- counting ---------------------------------------------------------------------------- */

struct reading {
        enum profile_gil gil;
        uint64_t waiters;
        bool unsure;                             /* it is not known how many wait */
        const struct profile_function *function; /* what the thread does that holds the GIL; NULL: no Python */
};

static const struct profile_function *function_of(const struct profile *p, profile_id frame)
{
        return profile_function(p, profile_frame(p, frame)->function);
}

static struct reading read_gil_sample(const struct profile *p, const struct profile_sample *sample)
{
        struct reading ret = { 0 };
        size_t n;
        const profile_id *frames = profile_stack(p, sample->stack, &n);

        if (n > 0)
                ret.gil = profile_gil_read(function_of(p, frames[0]), &ret.waiters);
        if (n > 1)
                ret.function = function_of(p, frames[1]);
        if ((ret.unsure = ret.waiters == PROFILE_GIL_WAITERS_UNKNOWN))
                ret.waiters = 0;
        return ret;
}

static int count_holder(struct blame *b, const struct reading *reading, uint64_t ns)
{
        const struct profile_function *f = reading->function;
        struct blame_function *row = row_of_function(b, f ? f->name : "(no Python)", f ? f->file : "");

        if (!row)
                return -ENOMEM;
        row->held_ns += ns;
        row->waited_ns += ns * reading->waiters;
        row->recent_ns += ns * reading->waiters;
        row->wanted_ns += reading->waiters > 0 ? ns : 0;
        return 0;
}

static void count_gil(struct blame_sums *sums, const struct reading *reading, uint64_t ns)
{
        uint64_t waited_ns = ns * reading->waiters;

        if (reading->gil == PROFILE_GIL_MISSING) {
                sums->missing_ns += ns;
                return;
        }
        sums->gil_ns += ns;
        sums->waited_ns += waited_ns;
        sums->wanted_ns += reading->waiters > 0 ? ns : 0;
        sums->unsure_ns += reading->unsure ? ns : 0;
        sums->held_ns += reading->gil == PROFILE_GIL_HELD ? ns : 0;
        sums->untold_ns += reading->gil == PROFILE_GIL_UNTOLD ? waited_ns : 0;
        sums->free_ns += reading->gil == PROFILE_GIL_FREE ? waited_ns : 0;
}

static enum blame_doing doing_of(const struct profile *p, const struct profile_sample *sample,
                                 const struct reading *reading)
{
        const char *reason = profile_sample_reason(p, sample);

        if (reading->gil == PROFILE_GIL_HELD)
                return BLAME_HOLDING;
        if (sample->state == PROFILE_RUNNING)
                return BLAME_RUNNING;
        if (!reason)
                return BLAME_IDLE;
        return strcmp(reason, "gil") == 0 ? BLAME_WAITING : BLAME_UNKNOWN;
}

static int count_thread(struct blame *b, const struct profile *p, const struct profile_sample *sample,
                        const struct reading *reading)
{
        enum blame_doing doing = doing_of(p, sample, reading);
        uint64_t tid;
        const char *name;

        profile_thread(p, sample->thread, &tid, &name);
        struct blame_thread *row = row_of_thread(b, tid, name);
        if (!row)
                return -ENOMEM;
        row->ns[doing] += sample->nanoseconds;
        row->recent_ns[doing] += sample->nanoseconds;
        b->sums.threads_ns += sample->nanoseconds;
        b->sums.unknown_ns += doing == BLAME_UNKNOWN ? sample->nanoseconds : 0;
        return 0;
}

int blame_add(struct blame *b, const struct profile *p)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < profile_samples(p); i++) {
                const struct profile_sample *sample = profile_sample(p, i);
                struct reading reading = read_gil_sample(p, sample);
                if (reading.gil != PROFILE_GIL_NONE)
                        count_gil(&b->sums, &reading, sample->nanoseconds);
                if (reading.gil == PROFILE_GIL_HELD)
                        e = count_holder(b, &reading, sample->nanoseconds);
                if (e == 0 && sample->thread)
                        e = count_thread(b, p, sample, &reading);
        }
        return e;
}

/* ---- sorting ------------------------------------------------------------------------------ */

static int order_greater_first(uint64_t a, uint64_t b)
{
        return (a < b) - (a > b);
}

static int order_functions(const void *a, const void *b)
{
        const struct blame_function *x = a, *y = b;
        int r = order_greater_first(x->recent_ns, y->recent_ns);

        if (r == 0)
                r = order_greater_first(x->waited_ns, y->waited_ns);
        if (r == 0)
                r = order_greater_first(x->held_ns, y->held_ns);
        if (r == 0)
                r = strcmp(x->name, y->name);
        return r ? r : strcmp(x->file, y->file);
}

static int order_threads(const void *a, const void *b)
{
        static const enum blame_doing ties[] = { BLAME_WAITING, BLAME_HOLDING, BLAME_RUNNING };
        const struct blame_thread *x = a, *y = b;
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof ties / sizeof *ties; i++)
                r = order_greater_first(x->recent_ns[ties[i]], y->recent_ns[ties[i]]);
        return r ? r : -order_greater_first(x->tid, y->tid);
}

size_t blame_functions(const struct blame *b, size_t max, struct blame_function *ret)
{
        size_t n = 0;
        struct blame_function *rows = malloc((HASH_COUNT(b->functions) + 1) * sizeof *rows);

        if (!rows)
                return 0;
        for (const struct function_entry *entry = b->functions; entry; entry = entry->hh.next)
                rows[n++] = entry->row;
        qsort(rows, n, sizeof *rows, order_functions);
        n = n < max ? n : max;
        memcpy(ret, rows, n * sizeof *rows);
        free(rows);
        return n;
}

size_t blame_threads(const struct blame *b, size_t max, struct blame_thread *ret)
{
        size_t n = 0;
        struct blame_thread *rows = malloc((HASH_COUNT(b->threads) + 1) * sizeof *rows);

        if (!rows)
                return 0;
        for (const struct thread_entry *entry = b->threads; entry; entry = entry->hh.next)
                rows[n++] = entry->row;
        qsort(rows, n, sizeof *rows, order_threads);
        n = n < max ? n : max;
        memcpy(ret, rows, n * sizeof *rows);
        free(rows);
        return n;
}
