/* SPDX-License-Identifier: Apache-2.0 */
/* Which files may make a process a Python, by their names and by what is in them. */
#include "tests/unit/support/elfwriter.h"
#include "tests/unit/support/suite.h"

#include "pystack/pystack.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

SUITE(pystack_file);

static const struct elfwriter_symbol other[] = { { .name = "main", .value = 1 }, { 0 } };

static bool may_be_python(const char *path, const char *bytes, size_t len)
{
        int fd = memfd_create("file", MFD_CLOEXEC);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
        bool may = pystack_file_may_be_python(path, fd);
        close(fd);
        return may;
}

/* A file with one symbol, in .symtab or in .dynsym. */
static bool may_be_python_with(struct elfwriter_symbol symbol, bool in_symtab)
{
        const struct elfwriter_symbol found[] = { symbol, { 0 } };
        struct elfwriter spec = { .type = ET_DYN,
                                  .hash = ELFWRITER_GNU_HASH,
                                  .sections = in_symtab,
                                  .dynsym = in_symtab ? other : found,
                                  .symtab = in_symtab ? found : NULL,
                                  .data = "data" };
        struct elfwriter_file file;

        elfwriter_write(&spec, &file);
        bool may = may_be_python("/opt/app/server", file.bytes, file.len);
        free(file.bytes);
        return may;
}

Test(pystack_file, the_runtime_makes_a_python_whatever_the_name)
{
        for (int in_symtab = 0; in_symtab < 2; in_symtab++) {
                struct elfwriter_symbol runtime = { .name = "_PyRuntime", .value = 0x100, .size = 8 };
                struct elfwriter_symbol old = { .name = "_PyThreadState_Current", .value = 0x100, .size = 8 };

                cr_expect(may_be_python_with(runtime, in_symtab));
                cr_expect(may_be_python_with(old, in_symtab), "up to 3.6");
                cr_expect_not(
                        may_be_python_with((struct elfwriter_symbol){ .name = "Py_Main", .value = 1 }, in_symtab));
        }
}

/* An extension module refers to the runtime. The interpreter that loads it is another file. */
Test(pystack_file, a_reference_to_the_runtime_makes_none)
{
        cr_expect_not(may_be_python_with((struct elfwriter_symbol){ .name = "_PyRuntime", .undefined = true }, false));
}

Test(pystack_file, names_of_interpreters_suffice)
{
        static const struct {
                const char *path;
                bool may;
        } rows[] = {
                { "/usr/bin/python3.11", true },         { "/usr/lib/libpython3.9.so.1.0", true },
                { "/opt/pypy/lib/libpypy3-c.so", true }, { "/usr/bin/gcc", false },
                { "/home/python3/bin/gcc", false },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                cr_expect_eq(may_be_python(rows[i].path, "#!", 2), rows[i].may, "%s", rows[i].path);
}

/* Its symbols are another machine's: qemu runs it, and the process may be a Python to somebody. */
Test(pystack_file, a_foreign_file_may_be_one)
{
        struct elfwriter spec = { .type = ET_DYN, .hash = ELFWRITER_GNU_HASH, .dynsym = other, .data = "data" };
        struct elfwriter_file file;

        elfwriter_write(&spec, &file);
        cr_expect_not(may_be_python("/opt/app/server", file.bytes, file.len));
        ((Elf64_Ehdr *)(void *)file.bytes)->e_machine = EM_S390;
        cr_expect(may_be_python("/opt/app/server", file.bytes, file.len));
        free(file.bytes);
}

Test(pystack_file, what_is_no_elf_is_none)
{
        cr_expect_not(may_be_python("/opt/app/run", "", 0));
        cr_expect_not(may_be_python("/opt/app/run", "#!/bin/sh\n", 10));
        cr_expect_not(may_be_python("/opt/app/run",
                                    "\x7f"
                                    "ELF",
                                    4));
}
