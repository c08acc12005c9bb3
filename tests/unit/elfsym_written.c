/* SPDX-License-Identifier: Apache-2.0 */
/* Files written for the tests, in all kinds, as files and as images in memory. */
#include "elfsym/elfsym.h"
#include "tests/unit/support/elfwriter.h"
#include "tests/unit/support/suite.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

SUITE(elfsym_written);

#define BASE 0x400000

static const struct elfwriter_symbol dynsym[] = {
        { .name = "malloc", .undefined = true },
        { .name = "_PyRuntime", .value = 0x1234, .size = 99 },
        { .name = "Py_Version", .value = 0x2000, .size = 8 },
        { .name = "free", .undefined = true },
        { .name = "PyEval_EvalFrameDefault", .value = 0x3000 },
        { .name = "a_name_that_is_longer_than_the_sixty_four_bytes_which_are_compared_at_once", .value = 7 },
        { .name = "both", .value = 1 },
        { 0 },
};

static const struct elfwriter_symbol symtab[] = {
        { .name = "interp_head", .value = 0x5000, .size = 8 },
        { .name = "both", .value = 2 },
        { 0 },
};

static const struct kind {
        const char *what;
        struct elfwriter spec;
} kinds[] = {
        { "library, GNU hash", { .type = ET_DYN, .hash = ELFWRITER_GNU_HASH, .sections = true } },
        { "library, SysV hash", { .type = ET_DYN, .hash = ELFWRITER_SYSV_HASH, .sections = true } },
        { "library, no hash", { .type = ET_DYN, .hash = ELFWRITER_NO_HASH, .sections = true } },
        { "program, GNU hash", { .type = ET_EXEC, .base = BASE, .hash = ELFWRITER_GNU_HASH, .sections = true } },
        { "program, SysV hash", { .type = ET_EXEC, .base = BASE, .hash = ELFWRITER_SYSV_HASH, .sections = true } },
        { "library, GNU hash, no sections", { .type = ET_DYN, .hash = ELFWRITER_GNU_HASH } },
        { "library, SysV hash, no sections", { .type = ET_DYN, .hash = ELFWRITER_SYSV_HASH } },
        { "library, no hash, no sections", { .type = ET_DYN, .hash = ELFWRITER_NO_HASH } },
        { "library with a base, GNU hash", { .type = ET_DYN, .base = BASE, .hash = ELFWRITER_GNU_HASH } },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct elfwriter complete(const struct kind *kind)
{
        struct elfwriter spec = kind->spec;

        spec.dynsym = dynsym;
        spec.symtab = symtab;
        spec.needed[0] = "libc.so.6";
        spec.needed[1] = "libpython3.11.so.1.0";
        spec.data = "initialised";
        return spec;
}

struct memory {
        char *bytes;
        size_t len;
        uint64_t start;
};

static int read_memory(void *ctx, uint64_t addr, void *buf, size_t len)
{
        const struct memory *memory = ctx;

        if (addr < memory->start || addr - memory->start > memory->len || len > memory->len - (addr - memory->start))
                return -EFAULT;
        memcpy(buf, memory->bytes + (addr - memory->start), len);
        return 0;
}

static int open_bytes(const void *bytes, size_t len, struct elfsym **ret)
{
        int fd = memfd_create("elf", MFD_CLOEXEC);
        int r;

        cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
        r = elfsym_open_fd(fd, ret);
        if (r != 0)
                close(fd);
        return r;
}

static void check_symbols(struct elfsym *elf, const struct elfwriter_symbol *symbols, bool found, const char *what)
{
        for (size_t i = 0; symbols[i].name; i++) {
                struct elfsym_symbol symbol = { 0 };
                int r = elfsym_symbol(elf, symbols[i].name, &symbol);

                if (!found || symbols[i].undefined) {
                        cr_expect_eq(r, ELFSYM_E_NOT_FOUND, "%s: %s: %d", what, symbols[i].name, r);
                        continue;
                }
                cr_expect_eq(r, 0, "%s: %s: %d", what, symbols[i].name, r);
                cr_expect_eq(symbol.value, symbols[i].value, "%s: %s", what, symbols[i].name);
                cr_expect_eq(symbol.size, symbols[i].size, "%s: %s", what, symbols[i].name);
        }
}

/* What files and images have in common. */
static void check_loaded(struct elfsym *elf, const struct elfwriter *spec, const struct elfwriter_file *file,
                         const char *what)
{
        struct elfsym_symbol symbol;
        char data[16] = "";

        check_symbols(elf, dynsym, spec->hash != ELFWRITER_NO_HASH || spec->sections, what);
        cr_expect_eq(elfsym_symbol(elf, "absent", &symbol), ELFSYM_E_NOT_FOUND);
        cr_expect_eq(elfsym_symbol(elf, "_PyRuntim", &symbol), ELFSYM_E_NOT_FOUND);
        cr_expect_eq(elfsym_symbol(elf, "_PyRuntime2", &symbol), ELFSYM_E_NOT_FOUND);
        cr_expect_eq(elfsym_read(elf, file->data_value, data, sizeof("initialised")), 0, "%s", what);
        cr_expect_str_eq(data, "initialised");
        cr_expect_eq(elfsym_read(elf, file->data_value, data, sizeof("initialised") + 1), ELFSYM_E_RANGE, "zeroes");
        cr_expect_eq(elfsym_read(elf, file->data_moved + file->data_offset - 1, data, 2), ELFSYM_E_RANGE, "the gap");
        cr_expect_eq(elfsym_read(elf, UINT64_MAX, data, 2), ELFSYM_E_RANGE);
        cr_expect_eq(elfsym_read(elf, file->data_value, data, SIZE_MAX), ELFSYM_E_RANGE);
}

Test(elfsym_written, files)
{
        for (size_t i = 0; i < KINDS; i++) {
                struct elfwriter spec = complete(&kinds[i]);
                struct elfwriter_file file;
                struct elfsym *elf;

                elfwriter_write(&spec, &file);
                cr_assert_eq(open_bytes(file.bytes, file.len, &elf), 0, "%s", kinds[i].what);
                check_loaded(elf, &spec, &file, kinds[i].what);
                cr_expect_eq(elfsym_load_bias(elf, 0x7000000), spec.type == ET_EXEC ? 0 : 0x7000000 - spec.base);
                elfsym_close(elf);
                free(file.bytes);
        }
}

Test(elfsym_written, sections_and_symtab)
{
        for (size_t i = 0; i < KINDS; i++) {
                struct elfwriter spec = complete(&kinds[i]);
                struct elfwriter_file file;
                struct elfsym *elf;
                struct elfsym_section section;
                struct elfsym_symbol symbol;

                elfwriter_write(&spec, &file);
                cr_assert_eq(open_bytes(file.bytes, file.len, &elf), 0);
                cr_expect_eq(elfsym_symbol(elf, "interp_head", &symbol), spec.sections ? 0 : ELFSYM_E_NOT_FOUND);
                cr_expect_eq(elfsym_section(elf, ".data", &section), spec.sections ? 0 : ELFSYM_E_NOT_FOUND);
                if (spec.sections) {
                        cr_expect_eq(symbol.value, 0x5000);
                        cr_expect_eq(section.addr, file.data_value);
                        cr_expect_eq(section.size, sizeof("initialised"));
                        cr_expect_eq(elfsym_symbol(elf, "both", &symbol), 0);
                        cr_expect_eq(symbol.value, 1, "of .dynsym");
                }
                cr_expect_eq(elfsym_section(elf, ".dat", &section), ELFSYM_E_NOT_FOUND);
                cr_expect_eq(elfsym_section(elf, "", &section), ELFSYM_E_NOT_FOUND);
                elfsym_close(elf);
                free(file.bytes);
        }
}

Test(elfsym_written, images)
{
        for (size_t i = 0; i < 2 * KINDS; i++) {
                const struct kind *kind = &kinds[i / 2];
                struct elfwriter spec = complete(kind);
                struct elfwriter_file file;
                struct elfsym *elf;
                struct elfsym_section section;
                uint64_t bias = spec.type == ET_EXEC ? 0 : 0x7f0000000000;
                struct memory memory = { .start = bias + spec.base };

                spec.sections = false;
                elfwriter_write(&spec, &file);
                memory.bytes = elfwriter_load(&file, bias, i % 2, &memory.len);
                cr_assert_eq(elfsym_open_image(read_memory, &memory, memory.start, &elf), 0, "%s", kind->what);
                check_loaded(elf, &spec, &file, kind->what);
                cr_expect_eq(elfsym_load_bias(elf, memory.start), bias, "%s", kind->what);
                cr_expect_eq(elfsym_section(elf, ".data", &section), ELFSYM_E_NOT_FOUND);
                elfsym_close(elf);
                free(memory.bytes);
                free(file.bytes);
        }
}

/* With every number of symbols from none on, chains of all lengths come up. */
Test(elfsym_written, any_number_of_symbols)
{
        for (size_t n = 0; n < 60; n++) {
                static char names[60][16];
                struct elfwriter_symbol symbols[61] = { { 0 } };
                struct elfwriter spec = { .type = ET_DYN, .hash = n % 2, .dynsym = symbols, .data = "x" };
                struct elfwriter_file file;
                struct elfsym *elf;

                for (size_t i = 0; i < n; i++) {
                        snprintf(names[i], sizeof(names[i]), "symbol_%zu", i * i);
                        symbols[i] = (struct elfwriter_symbol){ names[i], i, i, i % 5 == 4 };
                }
                elfwriter_write(&spec, &file);
                cr_assert_eq(open_bytes(file.bytes, file.len, &elf), 0);
                check_symbols(elf, symbols, true, "many");
                elfsym_close(elf);
                free(file.bytes);
        }
}

Test(elfsym_written, none_can_be_closed)
{
        elfsym_close(NULL);
}
