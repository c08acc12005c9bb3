/* SPDX-License-Identifier: Apache-2.0 */
#include "waits.h"

#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Reasons without details, which come after WAITS_MAX: there are fewer than this. */
#define PLAIN_MAX WAITS_MAX

#define SLOTS (2 * (WAITS_MAX + PLAIN_MAX))

struct wait_entry {
        uint64_t hash[2]; /* of what tells the reason from others */
        struct reason reason;
        bool is_nameless; /* a socket of which it was not looked yet what its address is */
};

void waits_deinit(struct waits *w)
{
        free(w->items);
        free(w->slots);
        *w = (struct waits){ 0 };
}

size_t waits_bytes(const struct waits *w)
{
        return w->cap * sizeof *w->items + (w->slots ? SLOTS * sizeof *w->slots : 0);
}

/* ---- looking ------------------------------------------------------------------------------ */

/* A thread that is older than this and sleeps has been on a CPU. The kernel would have counted that. */
#define NEW_NS 100000000u

void wait_look_begin(struct wait_look *look, struct target *t, struct member *m)
{
        struct nsutil_wait_thread *files = &m->clock.files;

        look->has_begun = true;
        if (look->is_known)
                return;
        if (files->stat < 0 && nsutil_wait_open(t->pid, m->tid, files) != 0) {
                look->reason = (struct reason){ .kind = REASON_UNKNOWN }; /* it has ended: its stack will tell */
                return;
        }
        reason_read(t->py, m->thread, files, look->freezers, &look->reason);
        if (look->reason.kind == REASON_UNKNOWN && look->reason.wait.missing & NSUTIL_MISSING_CALL)
                atomic_store(&t->calls_refused, true);
        if (look->reason.kind != REASON_RUNNING && look->reason.wait.missing & NSUTIL_MISSING_TIMES &&
            clock_ns(CLOCK_MONOTONIC) - m->met_ns > NEW_NS)
                atomic_store(&t->times_missing, true);
}

bool wait_look_end(struct wait_look *look, const struct member *m)
{
        look->has_begun = false;
        return look->is_known || reason_still_holds(&m->clock.files, &look->reason);
}

/* ---- marks -------------------------------------------------------------------------------- */

/* What is told of several descriptors does not say how many they are: that would make many reasons of one. */
static void forget_details(struct reason *reason, bool all)
{
        if (all)
                reason->has_detail = false;
        if (!reason->has_detail || reason->detail.thing == NSUTIL_THING_MANY)
                reason->detail = (struct nsutil_wait_detail){ .thing = reason->detail.thing, .fd = -1 };
}

static void hash_reason(const struct reason *reason, uint64_t ret[2])
{
        const struct nsutil_wait_detail *detail = &reason->detail;
        const uint64_t parts[] = {
                reason->kind,        reason->lock_or_gil,
                reason->wait.kind,   reason->wait.act,
                reason->wait.thing,  reason->has_detail,
                detail->thing,       detail->thing == NSUTIL_THING_SOCKET ? detail->inode : 0,
                detail->path_is_cut,
        };
        char bytes[sizeof parts + NSUTIL_WAIT_PATH_SIZE];
        size_t len = strlen(detail->path);

        memcpy(bytes, parts, sizeof parts);
        memcpy(bytes + sizeof parts, detail->path, len);
        XXH128_hash_t hash = XXH3_128bits(bytes, sizeof parts + len);
        ret[0] = hash.low64;
        ret[1] = hash.high64;
}

static uint32_t *slot_of_reason(const struct waits *w, const uint64_t hash[2])
{
        size_t i = hash[0] % SLOTS;

        while (w->slots[i] && memcmp(w->items[w->slots[i] - 1].hash, hash, sizeof w->items->hash) != 0)
                i = (i + 1) % SLOTS;
        return &w->slots[i];
}

static bool grow_entries(struct waits *w)
{
        size_t cap = w->cap ? 2 * w->cap : 8;

        if (!w->slots && !(w->slots = calloc(SLOTS, sizeof *w->slots)))
                return false;
        if (w->n < w->cap)
                return true;
        struct wait_entry *items = realloc(w->items, cap * sizeof *items);
        if (!items)
                return false;
        w->items = items;
        w->cap = cap;
        return true;
}

static bool is_nameless(const struct reason *reason)
{
        return reason->has_detail && reason->detail.thing == NSUTIL_THING_SOCKET;
}

uint32_t waits_mark(struct waits *w, const struct reason *reason)
{
        struct wait_entry entry = { .reason = *reason };

        if (w->n >= WAITS_MAX + PLAIN_MAX || !grow_entries(w))
                return 0;
        forget_details(&entry.reason, w->n >= WAITS_MAX);
        hash_reason(&entry.reason, entry.hash);
        uint32_t *slot = slot_of_reason(w, entry.hash);
        if (!*slot) {
                entry.is_nameless = is_nameless(&entry.reason);
                w->nameless += entry.is_nameless;
                w->items[w->n++] = entry;
                *slot = (uint32_t)w->n;
        }
        return *slot;
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* Sockets of one look, and the time of it. */
#define LOOK_SOCKETS 64
static const struct nsutil_wait_budget budget = { .bytes = (size_t)4 << 20, .cpu_ns = 10000000 };

/* Looking takes a twentieth of a CPU at most. */
#define PAUSE_SHARE 20
#define PAUSE_MIN_NS 20000000u

struct sockets {
        struct nsutil_wait_detail details[LOOK_SOCKETS], *list[LOOK_SOCKETS];
        uint32_t entry[LOOK_SOCKETS]; /* its index */
        size_t n;
};

static void list_nameless(const struct waits *w, struct sockets *ret)
{
        ret->n = 0;
        for (uint32_t i = 0; i < w->n && ret->n < LOOK_SOCKETS; i++) {
                if (!w->items[i].is_nameless)
                        continue;
                ret->details[ret->n] = w->items[i].reason.detail;
                ret->list[ret->n] = &ret->details[ret->n];
                ret->entry[ret->n++] = i;
        }
}

static void store_addresses(struct waits *w, const struct sockets *sockets)
{
        for (size_t i = 0; i < sockets->n; i++) {
                w->items[sockets->entry[i]].reason.detail = sockets->details[i];
                w->items[sockets->entry[i]].is_nameless = false;
        }
        w->nameless -= sockets->n;
}

/* Those that are not found stay without an address. */
static void look_up_sockets(pid_t pid, struct sockets *sockets)
{
        if (sockets->n > 0)
                nsutil_wait_addresses(pid, sockets->list, sockets->n, &budget);
}

/* Takes some sockets to look up. NULL: there is none, it is not time yet, or the target is silent. */
static struct sockets *take_sockets(struct target *t, uint64_t now)
{
        struct sockets *sockets = NULL;

        if (target_lock(t) == TARGET_SILENT)
                return NULL;
        if (t->waits.nameless > 0 && now >= t->waits.look_ns)
                sockets = malloc(sizeof *sockets);
        if (sockets)
                list_nameless(&t->waits, sockets);
        target_unlock(t);
        return sockets;
}

void waits_look_up(struct target *t)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);
        struct sockets *sockets = take_sockets(t, begin);

        if (!sockets)
                return;
        look_up_sockets(t->pid, sockets);
        if (target_lock(t) != TARGET_SILENT) {
                uint64_t end = clock_ns(CLOCK_MONOTONIC), pause = (end - begin) * PAUSE_SHARE;
                store_addresses(&t->waits, sockets);
                t->waits.look_ns = end + (pause > PAUSE_MIN_NS ? pause : PAUSE_MIN_NS);
                target_unlock(t);
        }
        free(sockets);
}

void waits_complete(struct waits *w, pid_t pid)
{
        struct sockets *sockets = w->nameless > 0 ? malloc(sizeof *sockets) : NULL;

        if (!sockets)
                return;
        list_nameless(w, sockets);
        look_up_sockets(pid, sockets);
        store_addresses(w, sockets);
        free(sockets);
}

/* ---- leaf frames ------------------------------------------------------------------------------ */

struct named_stack {
        const struct profile *profile;
        const profile_id *frames;
};

static struct reason_frame name_frame(void *ctx, size_t i)
{
        const struct named_stack *named = ctx;
        const struct profile_frame *frame = profile_frame(named->profile, named->frames[i]);
        const struct profile_function *function = profile_function(named->profile, frame->function);

        return (struct reason_frame){ function->name, function->file };
}

static struct reason_place place_of(const struct profile *p, profile_id stack, const struct reason *reason)
{
        struct named_stack named = { .profile = p };
        struct reason_stack frames = { .frame = name_frame, .ctx = &named };

        named.frames = profile_stack(p, stack, &frames.n);
        return reason_place_of(reason, &frames);
}

uint32_t waits_holder_mark(uint64_t waiters)
{
        return waiters == PROFILE_GIL_WAITERS_UNKNOWN ? 1 : (uint32_t)waiters + 2;
}

static profile_id holder_leaf(struct profile *p, uint32_t mark)
{
        char name[PROFILE_GIL_SIZE];

        profile_gil_write(PROFILE_GIL_HELD, mark > 1 ? mark - 2 : PROFILE_GIL_WAITERS_UNKNOWN, name);
        return stacks_pseudo_frame(p, name);
}

static profile_id name_opcode(struct profile *p, const struct pystack *py, uint32_t opcode)
{
        char word[PYSTACK_OPCODE_SIZE], name[PYSTACK_OPCODE_SIZE + 16];

        pystack_opcode_write(py, opcode, word);
        snprintf(name, sizeof name, "[opcode: %s]", word);
        return stacks_pseudo_frame(p, name);
}

bool waits_leaf(void *ctx, struct profile *p, profile_id stack, uint32_t mark, profile_id *ret)
{
        const struct waits_rule *rule = ctx;
        char text[REASON_SIZE], name[REASON_SIZE + 32];

        *ret = rule->blame ? holder_leaf(p, mark) : rule->opcodes_of ? name_opcode(p, rule->opcodes_of, mark) : 0;
        if (rule->blame || rule->opcodes_of || mark > rule->waits->n)
                return true;
        const struct reason *reason = &rule->waits->items[mark - 1].reason;
        const struct reason_place place = place_of(p, stack, reason);
        if (place.for_work && rule->no_idle_workers)
                return false;
        reason_text(reason, &place, rule->privacy, text, sizeof text);
        snprintf(name, sizeof name, "[%s%s]", strcmp(text, "unknown") == 0 ? "waits: " : "", text);
        *ret = stacks_pseudo_frame(p, name);
        return true;
}
