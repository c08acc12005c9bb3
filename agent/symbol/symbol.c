/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol.h"

#include "binding.h"

#include <stdlib.h>

struct symbols {
        struct bindings bindings;
};

struct symbols *symbols_new(size_t bytes_max)
{
        struct symbols *symbols = malloc(sizeof(*symbols));

        if (symbols)
                bindings_init(&symbols->bindings, bytes_max < SYMBOLS_BYTES_MIN ? SYMBOLS_BYTES_MIN : bytes_max);
        return symbols;
}

void symbols_free(struct symbols *symbols)
{
        if (!symbols)
                return;
        bindings_deinit(&symbols->bindings);
        free(symbols);
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

int symbols_look_up(struct symbols *symbols, const struct symbol_place *place, struct symbol *ret)
{
        struct cache_file *file;
        int r;

        if (!place->map || place->map->inode == 0)
                return SYMBOL_E_UNKNOWN;
        r = bindings_get(&symbols->bindings, place, &file);
        return r != 0 ? r : look_up_in_file(file, place->value, ret);
}
