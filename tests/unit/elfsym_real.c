/* SPDX-License-Identifier: Apache-2.0 */
/* Real files: this program, its C library, the vDSO, and interpreters where there are any. */
#include "elfsym/elfsym.h"
#include "tests/unit/support/suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/uio.h>
#include <unistd.h>

SUITE(elfsym_real);

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Found by its name through .symtab, as interp_head is. */
static const char hidden_constant[] = "read from the file";

static int read_self(void *ctx, uint64_t addr, void *buf, size_t len)
{
        struct iovec to = { buf, len };
        struct iovec from = { (void *)(uintptr_t)addr, len };

        (void)ctx;
        return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static struct elfsym *open_path(const char *path, int *ret_fd)
{
        struct elfsym *elf;

        *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
        cr_assert_geq(*ret_fd, 0, "%s", path);
        cr_assert_eq(elfsym_open_fd(*ret_fd, &elf), 0, "%s", path);
        return elf;
}

static bool names_libpython(int fd)
{
        static char bytes[16 << 20];
        ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

        return n > 0 && memmem(bytes, (size_t)n, "libpython", strlen("libpython"));
}

Test(elfsym_real, this_program)
{
        struct elfsym_symbol symbol;
        struct elfsym_section section;
        char buf[sizeof(hidden_constant)];
        int fd;
        struct elfsym *elf = open_path("/proc/self/exe", &fd);
        uint64_t bias = elfsym_load_bias(elf, (uintptr_t)&__ehdr_start);

        cr_assert_eq(elfsym_symbol(elf, "hidden_constant", &symbol), 0);
        cr_expect_eq(bias + symbol.value, (uintptr_t)hidden_constant);
        cr_expect_geq(symbol.size, sizeof(hidden_constant)); /* clang's sanitizer puts a guard behind it */
        cr_assert_eq(elfsym_read(elf, symbol.value, buf, sizeof(buf)), 0);
        cr_expect_str_eq(buf, hidden_constant);
        cr_assert_eq(elfsym_section(elf, ".rodata", &section), 0);
        cr_expect(symbol.value >= section.addr && symbol.value - section.addr < section.size);
        elfsym_close(elf);
        close(fd);
}

/* The C library in memory, its dynamic table relocated by whichever libc this is. */
Test(elfsym_real, a_library_in_memory)
{
        static const char *const names[] = { "puts", "malloc", "getpid", "strtoul" };
        void *getpid_at = dlsym(RTLD_DEFAULT, "getpid"); /* sanitizers have a puts of their own */
        struct elfsym *elf;
        Dl_info info;

        cr_assert_neq(dladdr(getpid_at, &info), 0);
        cr_assert_eq(elfsym_open_image(read_self, NULL, (uintptr_t)info.dli_fbase, &elf), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct elfsym_symbol symbol;
                void *at = dlsym(RTLD_DEFAULT, names[i]);
                Dl_info where;

                if (dladdr(at, &where) == 0 || where.dli_fbase != info.dli_fbase)
                        continue; /* interposed, as malloc is by sanitizers */
                cr_assert_eq(elfsym_symbol(elf, names[i], &symbol), 0, "%s", names[i]);
                cr_expect_eq(elfsym_load_bias(elf, (uintptr_t)info.dli_fbase) + symbol.value, (uintptr_t)at, "%s",
                             names[i]);
        }
        elfsym_close(elf);
}

Test(elfsym_real, the_vdso)
{
        static const char *const names[] = { "__vdso_clock_gettime", "__kernel_clock_gettime" };
        uint64_t base = getauxval(AT_SYSINFO_EHDR);
        unsigned found = 0;
        struct elfsym *elf;

        if (base == 0)
                cr_skip_test("no vDSO here");
        cr_assert_eq(elfsym_open_image(read_self, NULL, base, &elf), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct elfsym_symbol symbol;

                found += elfsym_symbol(elf, names[i], &symbol) == 0 && symbol.size > 0;
        }
        cr_expect_eq(found, 1);
        elfsym_close(elf);
}

/* ---- against libelf's own reading of the tables -------------------------- */

static bool is_one_of(Elf_Data *data, size_t n, size_t strings, Elf *elf, const char *name, uint64_t value)
{
        for (size_t i = 1; i < n; i++) {
                GElf_Sym symbol;

                gelf_getsym(data, (int)i, &symbol);
                if (symbol.st_value == value && strcmp(elf_strptr(elf, strings, symbol.st_name), name) == 0)
                        return true;
        }
        return false;
}

static void check_table(Elf *elf, Elf_Scn *scn, const GElf_Shdr *header, struct elfsym *ours)
{
        Elf_Data *data = elf_getdata(scn, NULL);
        size_t n = header->sh_size / header->sh_entsize;
        size_t checked = 0;

        for (size_t i = 1; i < n; i++) {
                GElf_Sym symbol;
                struct elfsym_symbol got;

                gelf_getsym(data, (int)i, &symbol);

                const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);

                if (symbol.st_shndx == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) == STT_TLS || *name == '\0')
                        continue;
                cr_assert_eq(elfsym_symbol(ours, name, &got), 0, "%s", name);
                cr_assert(got.value == symbol.st_value || is_one_of(data, n, header->sh_link, elf, name, got.value),
                          "%s", name);
                checked++;
        }
        cr_expect_gt(checked, 100);
}

Test(elfsym_real, every_dynamic_symbol_of_the_c_library)
{
        void *getpid_at = dlsym(RTLD_DEFAULT, "getpid"); /* sanitizers have a puts of their own */
        Dl_info info;
        int fd;

        cr_assert_neq(dladdr(getpid_at, &info), 0);

        struct elfsym *ours = open_path(info.dli_fname, &fd);
        Elf *elf;
        Elf_Scn *scn = NULL;
        unsigned tables = 0;

        elf_version(EV_CURRENT);
        elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
        while ((scn = elf_nextscn(elf, scn))) {
                GElf_Shdr header;

                gelf_getshdr(scn, &header);
                if (header.sh_type != SHT_DYNSYM)
                        continue;
                check_table(elf, scn, &header, ours);
                tables++;
        }
        cr_expect_eq(tables, 1);
        elf_end(elf);
        elfsym_close(ours);
        close(fd);
}

/* ---- interpreters -------------------------------------------------------- */

/* Every interpreter's file exports this; since 3.11 one also says its version. */
static void check_interpreter(const char *path)
{
        struct elfsym_symbol symbol;
        int fd;
        struct elfsym *elf = open_path(path, &fd);
        int r = elfsym_symbol(elf, "Py_GetVersion", &symbol);

        if (r == ELFSYM_E_NOT_FOUND) {
                cr_expect(names_libpython(fd), "%s: neither an interpreter nor linked with one", path);
                goto out;
        }
        cr_expect_eq(r, 0, "%s", path);
        cr_expect_gt(symbol.size, 0, "%s", path);
        if (elfsym_symbol(elf, "Py_Version", &symbol) == 0) {
                unsigned long version = 0;

                cr_expect_eq(elfsym_read(elf, symbol.value, &version, sizeof(version)), 0, "%s", path);
                cr_expect_eq(version >> 24, 3, "%s: %lx", path, version);
                cr_expect_geq(version >> 16, 0x30b, "%s: %lx", path, version);
        }
out:
        elfsym_close(elf);
        close(fd);
}

Test(elfsym_real, interpreters_of_this_host)
{
        static const char *const patterns[] = {
                "/usr/bin/python[23]",
                "/usr/local/lib/libpython3.*.so.1.0",
                "/usr/lib/*/libpython[23].*.so.1.0",
                "~/.pyenv/versions/*/lib/libpython[23].*.so.1.0",
                "~/.pyenv/versions/*/bin/python3",
        };
        size_t found = 0;

        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                glob_t paths;

                if (glob(patterns[i], GLOB_TILDE, NULL, &paths) != 0)
                        continue;
                for (size_t k = 0; k < paths.gl_pathc; k++)
                        check_interpreter(paths.gl_pathv[k]);
                found += paths.gl_pathc;
                globfree(&paths);
        }
        if (found == 0)
                cr_skip_test("no interpreters here");
}
