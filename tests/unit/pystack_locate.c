/* SPDX-License-Identifier: Apache-2.0 */
/* What an ELF file says of the CPython in it, in images written for the tests; and what is no CPython. */
#include "tests/unit/support/elfwriter.h"
#include "tests/unit/support/suite.h"

#include "pystack/locate/locate.h"
#include "pystack/locate/machine.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(pystack_locate);

#define BIAS 0x7f1200000000ull

struct memory {
        char *bytes;
        size_t len;
};

static ssize_t read_spans(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        const struct memory *memory = ctx;
        uint64_t at = (uint64_t)(uintptr_t)remote[0].iov_base - BIAS;

        cr_assert_eq(n, 1);
        if (at > memory->len || remote[0].iov_len > memory->len - at)
                return -EFAULT;
        memcpy(buf, memory->bytes + at, remote[0].iov_len);
        return (ssize_t)remote[0].iov_len;
}

static int read_memory(void *ctx, uint64_t addr, void *buf, size_t len)
{
        struct iovec span = { .iov_base = (void *)(uintptr_t)addr, .iov_len = len };

        return read_spans(ctx, buf, &span, 1) < 0 ? -EFAULT : 0;
}

/* Locates in a library that exports @symbols, its data being @data. */
static int locate(const struct elfwriter_symbol *symbols, const char *data, struct pystack_location *ret)
{
        struct elfwriter spec = { .type = ET_DYN, .hash = ELFWRITER_GNU_HASH, .dynsym = symbols, .data = data };
        struct elfwriter_file file;
        struct memory memory;
        struct elfsym *elf;

        elfwriter_write(&spec, &file);
        memory.bytes = elfwriter_load(&file, BIAS, true, &memory.len);
        struct pystack_memory remote = { .read = read_spans, .ctx = &memory };
        cr_assert_eq(elfsym_open_image(read_memory, &memory, BIAS, &elf), 0);
        int e = locate_in_elf(elf, elfsym_load_bias(elf, BIAS), &remote, ret);
        elfsym_close(elf);
        free(memory.bytes);
        free(file.bytes);
        return e;
}

Test(pystack_locate, a_modern_runtime_by_its_symbols)
{
        const struct elfwriter_symbol symbols[] = {
                { .name = "_PyRuntime", .value = 0x100, .size = 1520 },
                { .name = "PyCode_Type", .value = 0x200 },
                { .name = "PyType_Type", .value = 0x300 },
                { .name = "PyContext_New", .value = 0x400 },
                { .name = "PyBytes_FromString", .value = 0x500 },
                { 0 },
        };
        struct pystack_location l;

        cr_assert_eq(locate(symbols, "", &l), 0);
        cr_expect_eq(l.runtime, BIAS + 0x100);
        cr_expect_eq(l.runtime_size, 1520);
        cr_expect_eq(l.code_type, BIAS + 0x200);
        cr_expect_eq(l.type_type, BIAS + 0x300);
        cr_expect_eq(l.version_at, 0);
        cr_expect_eq(l.ladder, 0x03070000);
        cr_expect_eq(l.tstate_current, 0);
}

Test(pystack_locate, an_old_runtime_by_two_variables_of_which_one_has_no_name)
{
        /* mov 0x11223344(%rip),%rax; ret: in the data, which is where the function is said to be. No code elsewhere. */
        const char code[] = "\x48\x8b\x05\x44\x33\x22\x11\xc3________";
        struct elfwriter spec = { .type = ET_DYN, .dynsym = (const struct elfwriter_symbol[]){ { 0 } }, .data = code };
        struct elfwriter_symbol symbols[] = {
                { .name = "_PyThreadState_Current", .value = 0x100 },
                { .name = "PyString_FromString", .value = 1 },
                { .name = "PyCapsule_New", .value = 1 },
                { .name = "PyInterpreterState_Head", .value = 0 },
                { 0 },
        };
        struct elfwriter_file file;
        struct pystack_location l;

        spec.dynsym = symbols;
        elfwriter_write(&spec, &file);
        symbols[3].value = file.data_value;
        free(file.bytes);
        cr_assert_eq(locate(symbols, code, &l), 0);
        cr_expect_eq(l.runtime, 0);
        cr_expect_eq(l.tstate_current, BIAS + 0x100);
        cr_expect_eq(l.interp_head, machine_here() == MACHINE_X86_64 ? BIAS + symbols[3].value + 7 + 0x11223344 : 0);
        cr_expect_eq(l.machine, machine_here());
        cr_expect_eq(l.ladder, 0x02070000);
}

Test(pystack_locate, a_file_without_a_runtime_is_not_python)
{
        const struct elfwriter_symbol symbols[] = { { .name = "main", .value = 1 },
                                                    { .name = "_PyRuntime", .undefined = true },
                                                    { 0 } };
        struct pystack_location l;

        cr_expect_eq(locate(symbols, "", &l), PYSTACK_E_NOT_PYTHON);
}

/* ---- what is no CPython -------------------------------------------------------------- */

static int name(const char *path, const char *foreign, char detail[static PYSTACK_DETAIL_SIZE])
{
        struct nsutil_map maps[] = { { .path = "/usr/bin/something" }, { .path = path } };

        return locate_name_foreign(getpid(), &(struct nsutil_maps){ .maps = maps, .n = 2 }, foreign, detail);
}

Test(pystack_locate, names_other_pythons)
{
        static const struct {
                const char *path, *detail;
        } rows[] = {
                { "/usr/lib/libpypy3.9-c.so", "PyPy" },
                { "/opt/graalpy/bin/graalpy", "GraalPy" },
                { "/usr/bin/micropython", "MicroPython" },
        };
        char detail[PYSTACK_DETAIL_SIZE];

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                cr_expect_eq(name(rows[i].path, NULL, detail), PYSTACK_E_UNSUPPORTED);
                cr_expect(strstr(detail, rows[i].detail), "%s", detail);
        }
        cr_expect_eq(name("/home/pypy/bin/other", NULL, detail), PYSTACK_E_NOT_PYTHON, "a folder tells nothing");
        cr_expect_str_eq(detail, "it is pystack");
        cr_expect_eq(name("/usr/lib/libjvm.so", NULL, detail), PYSTACK_E_NOT_PYTHON, "Java, but not Jython");
        cr_expect_eq(name("", "a 32-bit program", detail), PYSTACK_E_NOT_PYTHON);
        cr_expect(strstr(detail, "pystack, a 32-bit program"), "%s", detail);
}

/* Ourselves: no Python, and readable without privileges. */
Test(pystack_locate, this_program_is_not_python)
{
        struct pystack_info info;
        struct pystack *py;

        cr_expect_eq(pystack_open(&(struct pystack_options){ .pid = getpid() }, &py, &info), PYSTACK_E_NOT_PYTHON);
        cr_expect_str_eq(info.detail, "it is pystack");
}

Test(pystack_locate, a_process_that_has_ended_is_gone)
{
        struct pystack_info info;
        struct pystack *py;
        pid_t pid = fork();

        siginfo_t ended;

        if (pid == 0)
                _exit(0);
        waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT);
        cr_expect_eq(pystack_open(&(struct pystack_options){ .pid = pid }, &py, &info), PYSTACK_E_GONE,
                     "ended, not waited for");
        waitpid(pid, NULL, 0);
        cr_expect_eq(pystack_open(&(struct pystack_options){ .pid = pid }, &py, &info), PYSTACK_E_GONE);
        cr_expect_eq(pystack_open(&(struct pystack_options){ .pid = -1 }, &py, &info), PYSTACK_E_GONE);
}
