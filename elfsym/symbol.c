/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols by name. The cheapest search comes first: the hash table of .dynsym, then .dynsym itself if the file has no
 * hash table, then .symtab. The tables of sections are copied once, at the first name that needs them.
 */
#include "internal.h"

#include <string.h>

static int scan_table(const struct symbol_table *table, const char *name, struct elfsym_symbol *ret)
{
        for (size_t i = 0; i < table->n; i++) {
                const ElfW(Sym) *symbol = &table->symbols[i];

                if (symbol->st_name >= table->names_size || strcmp(table->names + symbol->st_name, name) != 0 ||
                    !elfsym_is_defined(symbol))
                        continue;
                *ret = (struct elfsym_symbol){ .value = symbol->st_value, .size = symbol->st_size };
                return 0;
        }
        return ELFSYM_E_NOT_FOUND;
}

static int look_up_in_section(struct elfsym *elf, uint32_t type, struct symbol_table *table, const char *name,
                              struct elfsym_symbol *ret)
{
        if (!table->tried) {
                int r = elfsym_load_symbols(elf, type, table);

                if (r < 0)
                        return r;
                table->tried = true;
        }
        return scan_table(table, name, ret);
}

int elfsym_symbol(struct elfsym *elf, const char *name, struct elfsym_symbol *ret)
{
        bool hashed;
        int r = elfsym_dynamic_symbol(elf, name, ret, &hashed);

        if (r > 0 && !hashed)
                r = look_up_in_section(elf, SHT_DYNSYM, &elf->dynsym, name, ret);
        if (r > 0)
                r = look_up_in_section(elf, SHT_SYMTAB, &elf->symtab, name, ret);
        return r;
}
