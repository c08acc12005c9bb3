/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proving code objects, and putting proofs off. Where co_version is unique in the
 * process (3.12 on), a code object whose proofs held at two moments has been there
 * all the time between: nothing else can have lain in its place, since it could
 * not have come back. So a proof that holds later proves all the stacks before it,
 * and one system call serves many samples. Before 3.12 equal bytes may be another
 * code object's, made of the same text after one of other text: no proof waits.
 */
#include "proof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The proofs of a code object are deferred only after they have held this many times in a row. A code object that is
 * freed takes with it the stacks that wait for its proof. Most programs free only the code objects of modules that have
 * been run. Each time that another one is freed, the number is doubled, up to STEADY_MAX.
 */
#define STEADY_FIRST 16u
#define STEADY_MAX 8192u

/* The pages of a batch that is being planned: what of each is wanted, then where it goes. */
struct pages {
        uint64_t batch;
        struct proof_page *first;
};

static void want_pages_of_entry(struct pages *pages, const struct code_entry *entry)
{
        for (uint32_t i = 0; i < entry->n_proofs; i++) {
                struct proof_page *page = entry->proofs[i].page;
                uint32_t from = (uint32_t)(entry->proofs[i].addr - page->addr), to = from + entry->proofs[i].len;
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

/* What the newest reading of its page, among the first @got bytes of the buffer, has in its place; NULL: nothing. */
static const uint8_t *locate_read_bytes(const struct pystack *py, const struct code_proof *proof, size_t got)
{
        const struct proof_page *page = proof->page;
        uint64_t from = proof->addr - page->addr;

        if (from < page->from || from + proof->len > page->to || page->at + (page->to - page->from) > got)
                return NULL;
        return py->room.buf + page->at + (from - page->from);
}

/* @got: bytes in the buffer. */
static bool proofs_hold(const struct pystack *py, const struct code_entry *entry, size_t got)
{
        for (uint32_t i = 0; i < entry->n_proofs; i++) {
                const struct code_proof *proof = &entry->proofs[i];
                const uint8_t *read = locate_read_bytes(py, proof, got);
                if (!read || memcmp(read, proof->bytes, proof->len) != 0)
                        return false;
        }
        return true;
}

static bool may_wait(const struct pystack *py, const struct code_entry *entry)
{
        return py->put_off && entry->unique && !entry->run_once && entry->steady >= py->steady_min;
}

static bool is_wanted(const struct pystack_thread *t, const struct code_entry *entry)
{
        uint64_t number = t->py->snapshots;

        if (entry->planned == number || entry->proved == number)
                return false;
        if (t->generation == 0)
                return !may_wait(t->py, entry);
        return entry->interp != t->interp || entry->generation != t->generation || t->generation_changes > 0;
}

void proof_plan(const struct pystack_thread *t, struct remote_batch *batch)
{
        struct pystack *py = t->py;
        struct pages pages = { .batch = ++py->batches };
        bool hold = t->named_changes == py->codes.changes;

        for (uint32_t i = 0; i < t->n_codes; i++) {
                struct code_entry *entry = hold ? t->codes[i].entry : code_cache_find(&py->codes, t->codes[i].addr);
                if (!entry || !is_wanted(t, entry))
                        continue;
                entry->planned = py->snapshots;
                want_pages_of_entry(&pages, entry);
        }
        add_pages(&pages, batch);
}

static void note_proof(struct code_entry *entry, uint64_t number, bool holds)
{
        if (holds) {
                entry->proved = number;
                entry->steady += entry->steady < STEADY_MAX;
        } else {
                entry->rejected = number;
                entry->steady = 0;
        }
}

void proof_grant(const struct pystack *py, struct code_entry *entry)
{
        note_proof(entry, py->snapshots, true);
}

/* ---- putting off ------------------------------------------------------------------- */

static int owe_proof(struct pystack *py, struct code_entry *entry)
{
        py->provisional = true;
        if (entry->owed)
                return 0;
        if (py->n_owed == py->cap_owed) {
                size_t cap = py->cap_owed ? 2 * py->cap_owed : 16;
                struct owed *owed = realloc(py->owed, cap * sizeof *owed);
                if (!owed)
                        return -ENOMEM;
                py->owed = owed;
                py->cap_owed = cap;
        }
        if (py->n_owed == 0)
                py->owed_changes = py->codes.changes;
        py->owed[py->n_owed++] = (struct owed){ .code = { entry->addr, entry }, .serial = entry->code.serial };
        entry->owed = true;
        return 0;
}

int proof_check(const struct pystack_thread *t, uint64_t generation, struct code_entry *entry, bool *ret_certain)
{
        uint64_t number = t->py->snapshots;
        bool planned = entry->planned == number;

        *ret_certain = false;
        if (planned && entry->proved != number && entry->rejected != number)
                note_proof(entry, number, proofs_hold(t->py, entry, t->py->room.size));
        if (entry->rejected == number)
                return 0;
        if (entry->proved != number && generation == 0) {
                *ret_certain = may_wait(t->py, entry);
                return *ret_certain ? owe_proof(t->py, entry) : 0;
        }
        if (entry->proved != number && (entry->generation != generation || entry->interp != t->interp))
                return 0;
        entry->generation = generation;
        entry->interp = t->interp;
        *ret_certain = true;
        return 0;
}

void pystack_put_off(struct pystack *py, bool allowed)
{
        if (py->steady_min == 0)
                py->steady_min = STEADY_FIRST;
        py->put_off = allowed;
}

/* The entry that is meant, NULL if it is not known any more. */
static struct code_entry *get_owed_entry(const struct pystack *py, const struct owed *owed)
{
        if (py->owed_changes == py->codes.changes)
                return owed->code.entry;
        struct code_entry *entry = code_cache_find(&py->codes, owed->code.addr);

        return entry && entry->code.serial == owed->serial ? entry : NULL;
}

/* Plans the reading of all that is owed. False if something is not known any more. */
static bool plan_owed(struct pystack *py, struct remote_batch *batch)
{
        struct pages pages = { .batch = ++py->batches };
        bool all = true;

        for (size_t i = 0; i < py->n_owed; i++) {
                const struct code_entry *entry = get_owed_entry(py, &py->owed[i]);
                if (entry)
                        want_pages_of_entry(&pages, entry);
                all = all && entry;
        }
        add_pages(&pages, batch);
        return all;
}

/* @got bytes were read: what is not among them does not hold. */
static bool check_owed_proofs(struct pystack *py, size_t got)
{
        bool all = true;

        for (size_t i = 0; i < py->n_owed; i++) {
                struct code_entry *entry = get_owed_entry(py, &py->owed[i]);
                if (!entry)
                        continue;
                bool holds = proofs_hold(py, entry, got);
                note_proof(entry, py->snapshots, holds);
                entry->owed = false;
                all = all && holds;
        }
        return all;
}

int pystack_settle(struct pystack *py)
{
        ssize_t got;

        if (py->n_owed == 0)
                return 0;
        int e = remote_reserve(&py->room, py->n_owed * CODE_PROOFS_MAX, 0);
        if (e != 0)
                return e;
        struct remote_batch batch = { .iov = py->room.iov };
        bool all = plan_owed(py, &batch);
        if ((e = remote_reserve(&py->room, 0, batch.end)) != 0)
                return e;
        py->snapshots++;
        got = batch.n == 0 ? 0 : py->reader.read(py->reader.ctx, py->room.buf, py->room.iov, batch.n);
        all = check_owed_proofs(py, got < 0 ? 0 : (size_t)got) && all;
        py->n_owed = 0;
        if (got < 0 && got != -EFAULT)
                return remote_error(got);
        if (!all && py->steady_min < STEADY_MAX)
                py->steady_min *= 2;
        return all ? 0 : PYSTACK_E_TORN;
}
