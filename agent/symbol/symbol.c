/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol.h"

#include "binding.h"
#include "perf_map.h"
#include "pystack/pystack.h"

#include <stdlib.h>
#include <string.h>

struct symbols {
        struct bindings bindings;
        struct perf_maps perf_maps;
};

/* The part of all bytes that is for perf maps. */
#define PERF_MAPS_PART 4

struct symbols *symbols_new(size_t bytes_max)
{
        struct symbols *symbols = calloc(1, sizeof(*symbols));

        if (!symbols)
                return NULL;
        bytes_max = bytes_max < SYMBOLS_BYTES_MIN ? SYMBOLS_BYTES_MIN : bytes_max;
        symbols->perf_maps.bytes_max = bytes_max / PERF_MAPS_PART;
        bindings_init(&symbols->bindings, bytes_max - symbols->perf_maps.bytes_max);
        return symbols;
}

void symbols_free(struct symbols *symbols)
{
        if (!symbols)
                return;
        bindings_deinit(&symbols->bindings);
        perf_maps_deinit(&symbols->perf_maps);
        free(symbols);
}

size_t symbols_bytes(const struct symbols *symbols)
{
        return symbols->bindings.cache.bytes + symbols->perf_maps.bytes;
}

static int look_up_in_file(const struct cache_file *file, uint64_t value, struct symbol *ret)
{
        struct elfsym_function function;

        if (!file->table || elfsym_function_at(file->table->functions, value, &function) != 0)
                return SYMBOL_E_UNKNOWN;
        ret->language = symbol_demangle(function.name, ret->name, sizeof(ret->name));
        ret->start = function.start;
        ret->size = function.size;
        ret->exact = file->source == ELFSYM_SYMTAB;
        return 0;
}

static int look_up_in_perf_map(struct symbols *symbols, const struct symbol_place *place, struct symbol *ret)
{
        struct perf_map_function function;
        int r = perf_maps_look_up(&symbols->perf_maps, place->pid, place->start_time, place->address, &function);

        if (r != 0)
                return r;
        pystack_escape(function.name, strlen(function.name), ret->name, sizeof(ret->name));
        ret->language = SYMBOL_JIT;
        ret->start = function.start;
        ret->size = function.size;
        ret->exact = true;
        return 0;
}

int symbols_look_up(struct symbols *symbols, const struct symbol_place *place, struct symbol *ret)
{
        struct cache_file *file;
        int r;

        if (!place->map || place->map->inode == 0)
                return look_up_in_perf_map(symbols, place, ret);
        r = bindings_get(&symbols->bindings, place, &file);
        return r != 0 ? r : look_up_in_file(file, place->value, ret);
}
