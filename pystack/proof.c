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
 * Proofs of a code object wait only after they have held so often: one that is soon
 * freed would take with it the stacks that wait for its proof.
 */
#define STEADY_MIN 64

static bool proofs_hold(const struct code_entry *entry, const uint8_t *proofs)
{
        for (uint32_t i = 0; i < entry->n_proofs; i++) {
                if (memcmp(proofs, entry->proofs[i].bytes, entry->proofs[i].len) != 0)
                        return false;
                proofs += entry->proofs[i].len;
        }
        return true;
}

static bool may_wait(const struct pystack *py, const struct code_entry *entry)
{
        return py->put_off && entry->unique && entry->steady >= STEADY_MIN;
}

bool proof_wanted(const struct pystack_thread *t, const struct code_entry *entry)
{
        if (t->generation == 0)
                return !may_wait(t->py, entry);
        return entry->interp != t->interp || entry->generation != t->generation || t->generation_changes > 0;
}

static void note(struct code_entry *entry, uint64_t number, bool holds)
{
        if (holds) {
                entry->proved = number;
                entry->steady += entry->steady < STEADY_MIN;
        } else {
                entry->rejected = number;
                entry->steady = 0;
        }
}

/* ---- putting off ------------------------------------------------------------------- */

static int owe(struct pystack *py, struct code_entry *entry)
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
        py->owed[py->n_owed++] = (struct owed){ .addr = entry->addr, .serial = entry->code.serial };
        entry->owed = true;
        return 0;
}

int proof_check(const struct pystack_thread *t, const struct snapshot *s, struct code_entry *entry, bool *ret_certain)
{
        uint64_t number = t->py->snapshots;
        bool planned = entry->planned == number;

        *ret_certain = false;
        if (planned && entry->proved != number && entry->rejected != number)
                note(entry, number, proofs_hold(entry, s->proofs + entry->proof_at));
        if (entry->rejected == number)
                return 0;
        if (entry->proved != number && s->generation == 0) {
                *ret_certain = may_wait(t->py, entry);
                return *ret_certain ? owe(t->py, entry) : 0;
        }
        if (entry->proved != number && (entry->generation != s->generation || entry->interp != t->interp))
                return 0;
        entry->generation = s->generation;
        entry->interp = t->interp;
        *ret_certain = true;
        return 0;
}

void pystack_put_off(struct pystack *py, bool allowed)
{
        py->put_off = allowed;
}

/* The entry that is meant, NULL if it is not known any more. */
static struct code_entry *find_owed(const struct pystack *py, const struct owed *owed)
{
        struct code_entry *entry = code_cache_find(&py->codes, owed->addr);

        return entry && entry->code.serial == owed->serial ? entry : NULL;
}

/* Plans the reading of all that is owed. False if something is not known any more. */
static bool plan_owed(const struct pystack *py, struct iovec *iov, size_t *ret_n, size_t *ret_size)
{
        bool all = true;

        *ret_n = *ret_size = 0;
        for (size_t i = 0; i < py->n_owed; i++) {
                const struct code_entry *entry = find_owed(py, &py->owed[i]);
                for (uint32_t j = 0; entry && j < entry->n_proofs; j++) {
                        iov[(*ret_n)++] = remote_span(entry->proofs[j].addr, entry->proofs[j].len);
                        *ret_size += entry->proofs[j].len;
                }
                all = all && entry;
        }
        return all;
}

/* @got bytes were read: what is not among them does not hold. */
static bool owed_hold(struct pystack *py, size_t got)
{
        bool all = true;
        size_t at = 0;

        for (size_t i = 0; i < py->n_owed; i++) {
                struct code_entry *entry = find_owed(py, &py->owed[i]);
                if (!entry)
                        continue;
                size_t len = 0;
                for (uint32_t j = 0; j < entry->n_proofs; j++)
                        len += entry->proofs[j].len;
                bool holds = at + len <= got && proofs_hold(entry, py->buf + at);
                note(entry, py->snapshots, holds);
                entry->owed = false;
                all = all && holds;
                at += len;
        }
        return all;
}

int pystack_settle(struct pystack *py)
{
        size_t n, size;
        ssize_t got;

        if (py->n_owed == 0)
                return 0;
        int e = snapshot_reserve(py, py->n_owed * CODE_PROOFS_MAX, 0);
        if (e != 0)
                return e;
        bool all = plan_owed(py, py->iov, &n, &size);
        if ((e = snapshot_reserve(py, 0, size)) != 0)
                return e;
        py->snapshots++;
        got = n == 0 ? 0 : py->reader.read(py->reader.ctx, py->buf, py->iov, n);
        all = owed_hold(py, got < 0 ? 0 : (size_t)got) && all;
        py->n_owed = 0;
        if (got < 0 && got != -EFAULT)
                return remote_error(got);
        return all ? 0 : PYSTACK_E_TORN;
}
