/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds where the target's threads keep their struct rseq. The kernel notes in it which CPU the thread runs on, each
 * time that the thread returns to user space on another CPU (rseq(2), Linux 4.18). glibc registers a struct rseq for
 * each thread from 2.35 on, and says in __rseq_offset where it lies, relative to the thread pointer. Other C
 * libraries do not.
 */
#include "pystack/internal.h"

#include "elfsym/elfsym.h"
#include "nsutil/nsutil.h"

#include <string.h>

/*
 * The largest distance that is believed. struct rseq lies in the thread control block, or in the static TLS before
 * it.
 */
#define OFFSET_MAX 65536

static bool is_dynamic_loader(const struct nsutil_map *map)
{
        const char *slash = strrchr(map->path, '/');

        return map->inode != 0 && map->offset == 0 && slash && strncmp(slash + 1, "ld-", 3) == 0;
}

static int read_image(void *ctx, uint64_t addr, void *buf, size_t len)
{
        return remote_read(ctx, addr, buf, len) == 0 ? 0 : -1;
}

static int64_t read_rseq_offset(struct pystack_memory *memory, uint64_t start)
{
        struct elfsym_symbol symbol;
        struct elfsym *elf = NULL;
        int64_t offset = 0;

        if (elfsym_open_image(read_image, memory, start, &elf) != 0)
                return 0;
        if (elfsym_symbol(elf, "__rseq_offset", &symbol) != 0 ||
            elfsym_read(elf, symbol.value, &offset, sizeof offset) != 0 || offset > OFFSET_MAX || offset < -OFFSET_MAX)
                offset = 0;
        elfsym_close(elf);
        return offset;
}

int64_t rseq_find(pid_t pid, const struct pystack_memory *memory)
{
        struct pystack_memory copy = *memory;
        struct nsutil_maps maps = { 0 };
        int64_t offset = 0;

        if (!machine_get(machine_here())->rseq || nsutil_maps_read(pid, &maps) != 0)
                return 0;
        for (size_t i = 0; offset == 0 && i < maps.n; i++)
                if (is_dynamic_loader(&maps.maps[i]))
                        offset = read_rseq_offset(&copy, maps.maps[i].start);
        nsutil_maps_deinit(&maps);
        return offset;
}
