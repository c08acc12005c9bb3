/* SPDX-License-Identifier: Apache-2.0 */
#include "address_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t slot_of_address(const struct address_set *set, uint64_t addr)
{
        size_t i = (addr >> 4) * 0x9e3779b97f4a7c15u >> 32 & set->mask;

        while (set->slots[i] && set->slots[i] != addr)
                i = (i + 1) & set->mask;
        return i;
}

/* Keeps at least half of the slots free. */
static int grow_set(struct address_set *set)
{
        size_t before = set->slots ? set->mask + 1 : 0, size = before ? 2 * before : 64;
        uint64_t *slots = set->slots, *bigger = calloc(size, sizeof *bigger);

        if (!bigger)
                return -ENOMEM;
        set->slots = bigger;
        set->mask = size - 1;
        for (size_t i = 0; i < before; i++)
                if (slots[i])
                        bigger[slot_of_address(set, slots[i])] = slots[i];
        free(slots);
        return 0;
}

int address_set_add(struct address_set *set, uint64_t addr, bool *ret_again)
{
        int e = set->slots && 2 * set->n <= set->mask ? 0 : grow_set(set);

        if (e != 0)
                return e;
        size_t i = slot_of_address(set, addr);
        *ret_again = set->slots[i] != 0;
        set->slots[i] = addr;
        set->n += !*ret_again;
        return 0;
}

void address_set_clear(struct address_set *set)
{
        if (set->n > 0)
                memset(set->slots, 0, (set->mask + 1) * sizeof *set->slots);
        set->n = 0;
}

void address_set_deinit(struct address_set *set)
{
        free(set->slots);
        *set = (struct address_set){ 0 };
}
