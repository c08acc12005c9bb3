/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file may make a process a Python. It is opened: memory is what a process makes of it, the file is not. */
#include "locate.h"

#include <string.h>

static const char *const symbols[] = { "_PyRuntime", "_PyThreadState_Current" };

bool pystack_file_may_be_python(const char *path, int fd)
{
        struct elfsym *elf = NULL;
        struct elfsym_section section;
        bool may = false;
        int e;

        if (locate_is_named_python(path) || locate_is_named_foreign(path))
                return true;
        e = elfsym_open_fd(fd, &elf);
        if (e != 0)
                return e != ELFSYM_E_NOT_ELF;
        for (size_t i = 0; i < sizeof symbols / sizeof *symbols && !may; i++) {
                struct elfsym_symbol symbol;

                may = elfsym_symbol(elf, symbols[i], &symbol) != ELFSYM_E_NOT_FOUND;
        }
        may = may || elfsym_section(elf, ".PyRuntime", &section) != ELFSYM_E_NOT_FOUND;
        elfsym_close(elf);
        return may;
}
