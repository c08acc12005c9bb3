/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves code objects, at once or later. From 3.12 on co_version is unique in the process. If the proofs of a code
 * object hold at two moments, it has been there all the time between: another one in its place would have another
 * co_version, and a freed one does not come back. So proofs that hold later prove all the stacks before, and one
 * system call serves many samples. Up to 3.11 equal bytes may belong to another code object that was made of the same
 * text. So no proof is deferred.
 */
#include "proof.h"

#include "pystack/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The proofs of a code object are deferred only after they have held this many times in a row. A code object that is
 * freed takes with it the stacks that wait for its proof. Most programs free only the code objects of modules that have
 * been run. Each time that another one is freed, the number is doubled, up to DEFER_AFTER_MAX.
 */
#define DEFER_AFTER_FIRST 16u
#define DEFER_AFTER_MAX 8192u

/* The pages of a batch that is being planned. Each knows which of its bytes are wanted, and then where these go. */
struct pages {
        uint64_t batch;
        struct proof_page *first;
};

/* The count of references is read with the type. */
static void want_pages_of_entry(struct pages *pages, const struct code_entry *entry)
{
        for (uint32_t i = 0; i < entry->n_proofs; i++) {
                struct proof_page *page = entry->proofs[i].page;
                uint32_t from = (uint32_t)(entry->proofs[i].addr - page->addr), to = from + entry->proofs[i].len;
                from -= i == 0 && entry->counts_references ? CODE_REFERENCES : 0;
                if (page->batch != pages->batch) {
                        page->batch = pages->batch;
                        page->from = from;
                        page->to = to;
                        page->next = pages->first;
                        pages->first = page;
                }
                page->from = from < page->from ? from : page->from;
                page->to = to > page->to ? to : page->to;
        }
}

static void add_pages(const struct pages *pages, struct remote_batch *batch)
{
        for (struct proof_page *page = pages->first; page; page = page->next)
                page->at = remote_add(batch, page->addr + page->from, page->to - page->from);
}

/* The bytes that were read in the proof's place, if they are among the first @got bytes of the buffer; else NULL. */
static const uint8_t *locate_read_bytes(const struct pystack *py, const struct code_proof *proof, size_t got)
{
        const struct proof_page *page = proof->page;
        uint64_t from = proof->addr - page->addr;

        if (from < page->from || from + proof->len > page->to || page->at + (page->to - page->from) > got)
                return NULL;
        return py->scratch.room.buf + page->at + (from - page->from);
}

/*
 * Whether all proofs of the code object hold. @got: bytes in the buffer. @ret_alive: whether there are references to it.
 * Then nobody has begun to free it.
 */
static bool proofs_hold(const struct pystack *py, const struct code_entry *entry, size_t got, bool *ret_alive)
{
        *ret_alive = false;
        for (uint32_t i = 0; i < entry->n_proofs; i++) {
                const struct code_proof *proof = &entry->proofs[i];
                const uint8_t *read = locate_read_bytes(py, proof, got);
                if (!read || memcmp(read, proof->bytes, proof->len) != 0)
                        return false;
                if (i == 0 && entry->counts_references)
                        *ret_alive = code_is_alive(word_at(read - CODE_REFERENCES, 0));
        }
        return true;
}

static bool may_be_deferred(const struct pystack *py, const struct code_entry *entry)
{
        return py->deferral.allowed && entry->unique && !entry->run_once && entry->times_proved >= py->deferral.after;
}

static bool is_wanted(const struct pystack_thread *t, const struct code_entry *entry)
{
        uint64_t number = t->py->numbers.snapshot;

        if (entry->planned == number || entry->proved == number)
                return false;
        if (t->generation == 0)
                return !may_be_deferred(t->py, entry);
        return entry->interp != t->interp || entry->generation != t->generation || t->generation_changes > 0;
}

void proof_plan(const struct pystack_thread *t, struct remote_batch *batch)
{
        struct pystack *py = t->py;
        struct pages pages = { .batch = ++py->numbers.batch };
        bool hold = t->named_changes == py->codes.changes;

        for (uint32_t i = 0; i < t->n_codes; i++) {
                struct code_entry *entry = hold ? t->codes[i].entry : code_cache_find(&py->codes, t->codes[i].addr);
                if (!entry || !is_wanted(t, entry))
                        continue;
                entry->planned = py->numbers.snapshot;
                want_pages_of_entry(&pages, entry);
        }
        add_pages(&pages, batch);
}

static void note_proof(struct code_entry *entry, uint64_t number, bool holds, bool alive)
{
        if (holds) {
                entry->proved = number;
                entry->alive = alive ? number : 0;
                entry->times_proved += entry->times_proved < DEFER_AFTER_MAX;
        } else {
                entry->rejected = number;
                entry->times_proved = 0;
        }
}

void proof_accept(const struct pystack *py, struct code_entry *entry)
{
        note_proof(entry, py->numbers.snapshot, true, entry->counts_references && entry->read_alive);
}

int proof_read(struct trail *trail, const struct code_entry *entry, bool *ret_holds)
{
        struct iovec spans[CODE_PROOFS_MAX];
        const uint8_t *now[CODE_PROOFS_MAX];

        *ret_holds = false;
        for (uint32_t i = 0; i < entry->n_proofs; i++)
                spans[i] = remote_span(entry->proofs[i].addr, entry->proofs[i].len);
        int e = entry->n_proofs > 0 ? trail_read_all(trail, spans, entry->n_proofs, now) : 0;
        if (e != 0 || entry->n_proofs == 0)
                return e == PYSTACK_E_CORRUPT ? 0 : e; /* no memory there any more */
        for (uint32_t i = 0; i < entry->n_proofs; i++)
                if (memcmp(now[i], entry->proofs[i].bytes, entry->proofs[i].len) != 0)
                        return 0;
        *ret_holds = true;
        return 0;
}

/* ---- deferring --------------------------------------------------------------------- */

static int defer_proof(struct pystack *py, struct code_entry *entry)
{
        py->sample.provisional = true;
        if (entry->deferred)
                return 0;
        if (py->deferral.n == py->deferral.cap) {
                size_t cap = py->deferral.cap ? 2 * py->deferral.cap : 16;
                struct deferred *deferred = realloc(py->deferral.items, cap * sizeof *deferred);
                if (!deferred)
                        return -ENOMEM;
                py->deferral.items = deferred;
                py->deferral.cap = cap;
        }
        if (py->deferral.n == 0)
                py->deferral.changes = py->codes.changes;
        py->deferral.items[py->deferral.n++] = (struct deferred){ .code = { entry->addr, entry },
                                                                  .serial = entry->code.serial };
        entry->deferred = true;
        return 0;
}

/*
 * Whether the entry, which is certain, will stay so while the generation does. A generation that is counted outside (frees.c)
 * may have grown already if the code object is just being freed: 3.11 frees that of a frame that still is the running one.
 */
static bool is_known_from_now_on(const struct pystack *py, const struct code_entry *entry)
{
        return !py->frees.by.count || entry->proved != py->numbers.snapshot || entry->alive == entry->proved;
}

int proof_check(const struct pystack_thread *t, uint64_t generation, struct code_entry *entry, bool *ret_certain)
{
        uint64_t number = t->py->numbers.snapshot;
        bool planned = entry->planned == number;

        *ret_certain = false;
        if (planned && entry->proved != number && entry->rejected != number) {
                bool alive, holds = proofs_hold(t->py, entry, t->py->scratch.room.size, &alive);
                note_proof(entry, number, holds, alive);
        }
        if (entry->rejected == number)
                return REFUSE(&t->py->memory, 0, .field = "proof of a code object", .address = entry->addr,
                              .expected = "the bytes that were there when it was read", .wanted = entry->code.serial);
        if (entry->proved != number && generation == 0) {
                *ret_certain = may_be_deferred(t->py, entry);
                return *ret_certain ? defer_proof(t->py, entry) : 0;
        }
        if (entry->proved != number && (entry->generation != generation || entry->interp != t->interp))
                return 0;
        entry->generation = is_known_from_now_on(t->py, entry) ? generation : 0;
        entry->interp = t->interp;
        *ret_certain = true;
        return 0;
}

void pystack_defer(struct pystack *py, bool allowed)
{
        if (py->deferral.after == 0)
                py->deferral.after = DEFER_AFTER_FIRST;
        py->deferral.allowed = allowed;
}

/* The entry whose proof is deferred; NULL if it has been dropped. */
static struct code_entry *get_deferred_entry(const struct pystack *py, const struct deferred *deferred)
{
        if (py->deferral.changes == py->codes.changes)
                return deferred->code.entry;
        struct code_entry *entry = code_cache_find(&py->codes, deferred->code.addr);

        return entry && entry->code.serial == deferred->serial ? entry : NULL;
}

/* Plans the reading of all deferred proofs. False if an entry has been dropped. */
static bool plan_deferred(struct pystack *py, struct remote_batch *batch)
{
        struct pages pages = { .batch = ++py->numbers.batch };
        bool all = true;

        for (size_t i = 0; i < py->deferral.n; i++) {
                const struct code_entry *entry = get_deferred_entry(py, &py->deferral.items[i]);
                if (entry)
                        want_pages_of_entry(&pages, entry);
                all = all && entry;
        }
        add_pages(&pages, batch);
        return all;
}

/* Whether all deferred proofs hold, by the @got bytes that were read. A proof that was not read does not hold. */
static bool check_deferred_proofs(struct pystack *py, size_t got)
{
        bool all = true;

        for (size_t i = 0; i < py->deferral.n; i++) {
                struct code_entry *entry = get_deferred_entry(py, &py->deferral.items[i]);
                if (!entry)
                        continue;
                bool alive, holds = proofs_hold(py, entry, got, &alive);
                if (!holds)
                        TRACE(&py->memory, .field = "deferred proof of a code object", .address = entry->addr,
                              .expected = "the bytes that were there when it was read", .wanted = entry->code.serial);
                note_proof(entry, py->numbers.snapshot, holds, alive);
                entry->deferred = false;
                all = all && holds;
        }
        return all;
}

int pystack_validate(struct pystack *py)
{
        ssize_t got;

        if (py->deferral.n == 0)
                return 0;
        int e = remote_reserve(&py->scratch.room, py->deferral.n * CODE_PROOFS_MAX, 0);
        if (e != 0)
                return e;
        struct remote_batch batch = { .iov = py->scratch.room.iov };
        bool all = plan_deferred(py, &batch);
        if ((e = remote_reserve(&py->scratch.room, 0, batch.end)) != 0)
                return e;
        py->numbers.snapshot++;
        got = batch.n == 0 ? 0 : py->memory.read(py->memory.ctx, py->scratch.room.buf, py->scratch.room.iov, batch.n);
        all = check_deferred_proofs(py, got < 0 ? 0 : (size_t)got) && all;
        py->deferral.n = 0;
        if (got < 0 && got != -EFAULT)
                return remote_error(got);
        if (!all && py->deferral.after < DEFER_AFTER_MAX)
                py->deferral.after *= 2;
        return all ? 0 : PYSTACK_E_TORN;
}
