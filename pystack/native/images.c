/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads which code is mapped. Files are looked at where they lie in the memory of the process, as in locate/locate.c. Only
 * the interpreter's file is opened, for the parts of the evaluation loop that no exported symbol names.
 */
#include "images.h"

#include "nsutil/nsutil.h"
#include "pystack/memory/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The reading that is in progress. */
struct images_reading {
        const struct pystack *py;
        const struct nsutil_maps *maps;
        struct images *images;
};

static ssize_t read_for_elfsym(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        const struct pystack_memory *memory = ctx;

        return memory->read(memory->ctx, buf, remote, n);
}

struct elfsym_memory images_for_elfsym(struct pystack_memory *memory)
{
        return (struct elfsym_memory){ read_for_elfsym, memory };
}

static bool is_same_file(const struct nsutil_map *a, const struct nsutil_map *b)
{
        return a->inode == b->inode && a->dev == b->dev && strcmp(a->path, b->path) == 0;
}

/* The first and the last mapping of the file of map @i that lie around it. Others may lie between a file's own. */
static void get_extent(const struct nsutil_maps *maps, size_t i, size_t *ret_first, size_t *ret_last)
{
        size_t first = i, last = i;

        while (maps->maps[i].inode && first > 0 && maps->maps[first].offset > 0 &&
               is_same_file(&maps->maps[first - 1], &maps->maps[i]))
                first--;
        while (maps->maps[i].inode && last + 1 < maps->n && maps->maps[last + 1].offset > maps->maps[last].offset &&
               is_same_file(&maps->maps[last + 1], &maps->maps[i]))
                last++;
        *ret_first = first;
        *ret_last = last;
}

static bool is_same_image(const struct image *image, const struct nsutil_map *first, uint64_t end)
{
        return image->told.map.start == first->start && image->told.map.end == end &&
               is_same_file(&image->told.map, first);
}

static uint32_t look_up_known(const struct images *images, const struct nsutil_map *first, uint64_t end)
{
        for (uint32_t i = images->n; i > 0; i--)
                if (is_same_image(images->items[i - 1], first, end))
                        return i;
        return 0;
}

/* Whether an ELF image may begin at @map: a file's first bytes, or the vDSO. */
static bool may_begin_elf(const struct nsutil_map *map)
{
        return (map->inode && map->offset == 0) || strcmp(map->path, "[vdso]") == 0;
}

/* The number of the image that begins at @first and ends at @end. 0: there is no room for another one. */
static uint32_t add_image(struct images_reading *r, const struct nsutil_map *first, uint64_t end)
{
        struct pystack_memory memory = r->py->memory;
        const struct elfsym_memory for_elfsym = images_for_elfsym(&memory);
        size_t len = strlen(first->path) + 1;
        uint32_t known = look_up_known(r->images, first, end);

        if (known || r->images->n == NATIVE_IMAGES_MAX)
                return known;
        struct image *image = calloc(1, sizeof *image + len);
        if (!image)
                return 0;
        memcpy(image->path, first->path, len);
        image->told.map = *first;
        image->told.map.end = end;
        image->told.map.path = image->path;
        if (may_begin_elf(first) && elfsym_frames_open(&for_elfsym, first->start, &image->frames) == 0) {
                image->has_frames = true;
                image->told.bias = image->frames.bias;
                memcpy(image->told.build_id, image->frames.build_id, sizeof image->told.build_id);
        } else if (first->inode) {
                image->told.bias = first->start - first->offset;
        }
        r->images->items[r->images->n++] = image;
        return r->images->n;
}

static int read_ranges(struct images_reading *r)
{
        struct images *images = r->images;
        size_t n = 0;

        for (size_t i = 0; i < r->maps->n; i++)
                n += (r->maps->maps[i].prot & PROT_EXEC) != 0;
        images->ranges = calloc(n + 1, sizeof *images->ranges);
        if (!images->ranges)
                return -ENOMEM;
        for (size_t i = 0; i < r->maps->n; i++) {
                const struct nsutil_map *map = &r->maps->maps[i];
                size_t first, last;
                if (!(map->prot & PROT_EXEC))
                        continue;
                get_extent(r->maps, i, &first, &last);
                uint32_t image = add_image(r, &r->maps->maps[first], r->maps->maps[last].end);
                images->ranges[images->n_ranges++] = (struct code_range){ map->start, map->end, image };
        }
        return 0;
}

/* ---- the evaluation loop -------------------------------------------------------------- */

static const char *const loop_names[] = { "_PyEval_EvalFrameDefault", "PyEval_EvalFrameEx" };
static const char *const loop_part_names[] = { "_PyEval_EvalFrameDefault.cold", "_PyEval_EvalFrameDefault.part.0",
                                               "PyEval_EvalFrameEx.cold" };

static void add_loop(struct images *images, const struct elfsym_symbol *symbol, uint64_t bias)
{
        if (symbol->size > 0 && images->n_loops < NATIVE_LOOPS_MAX)
                images->loops[images->n_loops++] = (struct code_range){ .start = symbol->value + bias,
                                                                        .end = symbol->value + bias + symbol->size };
}

/* The function that runs bytecode: _PyEval_EvalFrameDefault since 3.6. Before, PyEval_EvalFrameEx did so itself. */
static bool look_for_loop(struct elfsym *elf, uint64_t bias, struct images *images)
{
        struct elfsym_symbol symbol;

        for (size_t i = 0; i < sizeof loop_names / sizeof *loop_names; i++)
                if (elfsym_symbol(elf, loop_names[i], &symbol) == 0) {
                        add_loop(images, &symbol, bias);
                        return true;
                }
        return false;
}

static void look_for_parts(struct elfsym *elf, uint64_t bias, struct images *images)
{
        struct elfsym_symbol symbol;

        for (size_t i = 0; i < sizeof loop_part_names / sizeof *loop_part_names; i++)
                if (elfsym_symbol(elf, loop_part_names[i], &symbol) == 0)
                        add_loop(images, &symbol, bias);
}

/* .symtab has the loop's other parts, and the loop itself in a program that exports nothing. */
static void look_for_loops_in_file(const struct images_reading *r, const struct nsutil_map *map)
{
        struct elfsym *elf = NULL;
        int fd = -1;

        if (nsutil_open_map(r->py->process.pid, map, &fd) != 0)
                return;
        if (elfsym_open_fd(fd, &elf) == 0) {
                uint64_t bias = elfsym_load_bias(elf, map->start);
                if (r->images->n_loops > 0 || look_for_loop(elf, bias, r->images))
                        look_for_parts(elf, bias, r->images);
        }
        elfsym_close(elf);
        close(fd);
}

static void look_for_loops(const struct images_reading *r)
{
        struct pystack_memory memory = r->py->memory;
        uint64_t runtime = r->py->info.runtime;
        struct elfsym *elf = NULL;
        size_t i = 0, first, last;

        while (i < r->maps->n && runtime >= r->maps->maps[i].end)
                i++;
        /* The runtime lies in the part that starts as zeros: behind its file, or in its last mapping. */
        while (i > 0 && (i == r->maps->n || !r->maps->maps[i].inode))
                i--;
        if (i >= r->maps->n)
                return;
        get_extent(r->maps, i, &first, &last);
        const struct nsutil_map *map = &r->maps->maps[first];
        if (elfsym_open_image(remote_read_image, &memory, map->start, &elf) == 0)
                look_for_loop(elf, elfsym_load_bias(elf, map->start), r->images);
        elfsym_close(elf);
        look_for_loops_in_file(r, map);
}

/* ---- all of it ------------------------------------------------------------------------- */

int images_read(const struct pystack *py, const struct images *before, struct images *ret)
{
        struct nsutil_maps maps = { 0 };
        struct images_reading r = { .py = py, .maps = &maps };

        *ret = (struct images){ 0 };
        r.images = ret;
        if (before) {
                memcpy(ret->items, before->items, before->n * sizeof *before->items);
                ret->n = before->n;
        }
        int e = nsutil_maps_read(py->process.pid, &maps);
        if (e != 0)
                return e == NSUTIL_E_GONE ? PYSTACK_E_GONE : e == NSUTIL_E_DENIED ? PYSTACK_E_DENIED : e;
        e = read_ranges(&r);
        if (e == 0)
                look_for_loops(&r);
        nsutil_maps_deinit(&maps);
        return e;
}

void images_deinit(struct images *images, const struct images *kept)
{
        for (uint32_t i = kept ? kept->n : 0; i < images->n; i++)
                free(images->items[i]);
        free(images->ranges);
        images->ranges = NULL;
        images->n_ranges = images->n = 0;
}

const struct code_range *images_find(const struct images *images, uint64_t address)
{
        size_t low = 0, high = images->n_ranges;

        while (low < high) {
                size_t middle = (low + high) / 2;
                if (address >= images->ranges[middle].end)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < images->n_ranges && address >= images->ranges[low].start ? &images->ranges[low] : NULL;
}
