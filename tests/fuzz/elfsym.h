/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_ELFSYM_H
#define TESTS_FUZZ_ELFSYM_H

/* Asks an elfsym everything: of a damaged file, any answer will do, but one must come. */

#include "elfsym/elfsym.h"

static inline void elfsym_exercise(struct elfsym *elf)
{
        static const char *const names[] = { "_PyRuntime", "interp_head", "Py_Version", "absent", "" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct elfsym_symbol symbol;
                struct elfsym_section section;
                char buf[64];

                if (elfsym_symbol(elf, names[i], &symbol) == 0)
                        (void)elfsym_read(elf, symbol.value, buf, sizeof(buf));
                (void)elfsym_section(elf, names[i], &section);
        }
        (void)elfsym_load_bias(elf, 0x1000);
}

#endif
