/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of code objects: a hash table by address, open addressing, linear probing. */
#include "code_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Entries of a process. The largest applications known have some 100 000 code objects, of which few ever run. When
 * there are this many, all are dropped, and the cache fills anew.
 */
#define ENTRIES_MAX 65536

void code_entry_free(struct code_cache *cache, struct code_entry *entry)
{
        if (!entry)
                return;
        for (uint32_t i = 0; i < entry->n_proofs; i++) {
                proof_page_put(&cache->pages, entry->proofs[i].page);
                free(entry->proofs[i].bytes);
        }
        cache->bytes -= entry->bytes;
        free(entry->data);
        free(entry->bytecodes);
        free(entry->starts);
        free(entry);
}

static size_t slot_of(const struct code_cache *cache, uint64_t addr)
{
        return (addr >> 4) * 0x9e3779b97f4a7c15u >> 20 & cache->mask;
}

struct code_entry *code_cache_find(const struct code_cache *cache, uint64_t addr)
{
        if (!cache->slots)
                return NULL;
        for (size_t i = slot_of(cache, addr);; i = (i + 1) & cache->mask) {
                struct code_entry *entry = cache->slots[i];
                if (!entry || entry->addr == addr)
                        return entry;
        }
}

static void retire_entry(struct code_cache *cache, struct code_entry *entry)
{
        cache->changes++;
        entry->next_retired = cache->retired;
        cache->retired = entry;
}

static void retire_all(struct code_cache *cache)
{
        for (size_t i = 0; i <= cache->mask; i++) {
                if (cache->slots[i])
                        retire_entry(cache, cache->slots[i]);
                cache->slots[i] = NULL;
        }
        cache->used = 0;
}

static int grow_cache(struct code_cache *cache)
{
        struct code_cache bigger = { .mask = cache->slots ? 2 * cache->mask + 1 : 63 };

        bigger.slots = calloc(bigger.mask + 1, sizeof *bigger.slots);
        if (!bigger.slots)
                return -ENOMEM;
        for (size_t i = 0; cache->slots && i <= cache->mask; i++) {
                if (!cache->slots[i])
                        continue;
                size_t j = slot_of(&bigger, cache->slots[i]->addr);
                while (bigger.slots[j])
                        j = (j + 1) & bigger.mask;
                bigger.slots[j] = cache->slots[i];
        }
        free(cache->slots);
        cache->slots = bigger.slots;
        cache->mask = bigger.mask;
        return 0;
}

static size_t limit_of(const struct code_cache *cache)
{
        return cache->limit == 0 || cache->limit > CODE_CACHE_BYTES ? CODE_CACHE_BYTES : cache->limit;
}

int code_cache_charge(struct code_cache *cache, struct code_entry *entry, size_t bytes)
{
        size_t limit = limit_of(cache);

        if (cache->bytes > limit || bytes > limit - cache->bytes) {
                cache->refusals++;
                if (cache->slots)
                        retire_all(cache);
                return PYSTACK_E_COSTLY;
        }
        cache->bytes += bytes;
        entry->bytes += bytes;
        return 0;
}

int code_cache_put(struct code_cache *cache, struct code_entry *entry)
{
        if (cache->used >= ENTRIES_MAX)
                retire_all(cache);
        if (!cache->slots || cache->used * 2 > cache->mask) {
                int r = grow_cache(cache);
                if (r < 0)
                        return r;
        }
        size_t i = slot_of(cache, entry->addr);
        while (cache->slots[i] && cache->slots[i]->addr != entry->addr)
                i = (i + 1) & cache->mask;
        if (cache->slots[i])
                retire_entry(cache, cache->slots[i]);
        else
                cache->used++;
        cache->slots[i] = entry;
        return 0;
}

static void set_apart(struct code_cache *cache, struct code_entry *entry)
{
        entry->set_apart = true;
        entry->next_retired = cache->kept;
        entry->at_retired = &cache->kept;
        if (cache->kept)
                cache->kept->at_retired = &entry->next_retired;
        cache->kept = entry;
}

void code_cache_let_go(struct code_cache *cache, struct code_entry *entry)
{
        if (--entry->keepers > 0 || !entry->set_apart)
                return;
        *entry->at_retired = entry->next_retired;
        if (entry->next_retired)
                entry->next_retired->at_retired = entry->at_retired;
        code_entry_free(cache, entry);
}

void code_cache_sweep(struct code_cache *cache)
{
        while (cache->retired) {
                struct code_entry *entry = cache->retired;
                cache->retired = entry->next_retired;
                if (entry->keepers > 0)
                        set_apart(cache, entry);
                else
                        code_entry_free(cache, entry);
        }
}

void code_cache_deinit(struct code_cache *cache)
{
        code_cache_clear(cache);
        while (cache->kept) {
                struct code_entry *entry = cache->kept;
                cache->kept = entry->next_retired;
                code_entry_free(cache, entry);
        }
        *cache = (struct code_cache){ 0 };
}

void code_cache_clear(struct code_cache *cache)
{
        cache->changes++;
        if (cache->slots)
                retire_all(cache);
        code_cache_sweep(cache);
        free(cache->slots);
        cache->slots = NULL;
        cache->mask = 0;
}
