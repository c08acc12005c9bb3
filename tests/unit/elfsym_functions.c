/* SPDX-License-Identifier: Apache-2.0 */
/* Which function has an address: what each kind of symbol counts for, and that no address gets another's name. */
#include "elfsym/elfsym.h"
#include "elfsym/internal.h"
#include "tests/unit/support/functionfile.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

SUITE(elfsym_functions);

#define PLENTY ((size_t)64 << 20)
#define LABEL(bind) ELF64_ST_INFO(bind, STT_NOTYPE)

static int load(const struct functionfile *spec, enum elfsym_source source, size_t max, struct elfsym_functions **ret)
{
        int fd = functionfile_open(spec);
        struct elfsym *elf;

        cr_assert_eq(elfsym_open_fd(fd, &elf), 0);

        int r = elfsym_functions_load(elf, source, max, ret);

        elfsym_close(elf);
        close(fd);
        return r;
}

/* The name of the function at @value; "-" if there is none. */
static const char *name_at(const struct elfsym_functions *functions, uint64_t value)
{
        struct elfsym_function function;

        if (elfsym_function_at(functions, value, &function) != 0)
                return "-";
        cr_expect(value >= function.start && value - function.start < function.size);
        return function.name;
}

struct answer {
        uint64_t value;
        const char *name;
};

static void expect_answers(const struct functionfile *spec, enum elfsym_source source, const struct answer *answers)
{
        struct elfsym_functions *functions;

        cr_assert_eq(load(spec, source, PLENTY, &functions), 0);
        for (; answers->name; answers++)
                cr_expect_str_eq(name_at(functions, answers->value), answers->name, "%#lx: %s", answers->value,
                                 name_at(functions, answers->value));
        cr_expect_not(elfsym_functions_are_cut(functions));
        elfsym_functions_free(functions);
}

Test(elfsym_functions, an_address_between_two_has_no_name)
{
        static const struct functionfile_symbol symbols[] = {
                { .name = "second", .value = 0x200, .size = 0x10 },
                { .name = "first", .value = 0x100, .size = 0x20 },
                { .name = "data", .value = 0x120, .size = 0x40, .info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT) },
                { .name = "elsewhere", .value = 0x180, .size = 8, .section = SHN_ABS },
                { .name = "last", .value = UINT64_MAX - 3, .size = 4 },
                { 0 },
        };
        static const struct answer answers[] = {
                { 0, "-" },     { 0xff, "-" },          { 0x100, "first" },      { 0x11f, "first" },
                { 0x120, "-" }, { 0x184, "-" },         { 0x1ff, "-" },          { 0x20f, "second" },
                { 0x210, "-" }, { UINT64_MAX, "last" }, { UINT64_MAX - 4, "-" }, { 0, NULL },
        };

        expect_answers(&(struct functionfile){ .symtab = symbols }, ELFSYM_SYMTAB, answers);
        expect_answers(&(struct functionfile){ .dynsym = symbols }, ELFSYM_EXPORTED, answers);
}

Test(elfsym_functions, of_several_names_the_best_is_taken)
{
        static const struct functionfile_symbol symbols[] = {
                { .name = "aaa_local", .value = 0x100, .size = 8, .info = FUNCTIONFILE_LOCAL },
                { .name = "aa_weak", .value = 0x100, .size = 8, .info = FUNCTIONFILE_WEAK },
                { .name = "__read", .value = 0x100, .size = 8 },
                { .name = "read_all", .value = 0x100, .size = 8 },
                { .name = "read", .value = 0x100, .size = 8 },
                { .name = "reap", .value = 0x100, .size = 8 },
                { .name = "", .value = 0x100, .size = 8 },
                { .name = "sizeless", .value = 0x200 },
                { .name = "_sized", .value = 0x200, .size = 8, .info = FUNCTIONFILE_LOCAL },
                { .name = "clone@@GLIBC_2.2.5", .value = 0x300, .size = 8 },
                { .name = "@odd", .value = 0x400, .size = 8 },
                { .name = "resolver", .value = 0x500, .size = 8, .info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC) },
                { 0 },
        };
        static const struct answer answers[] = {
                { 0x103, "read" }, { 0x203, "_sized" },   { 0x208, "-" }, { 0x300, "clone" },
                { 0x400, "@odd" }, { 0x507, "resolver" }, { 0, NULL },
        };

        expect_answers(&(struct functionfile){ .symtab = symbols }, ELFSYM_SYMTAB, answers);
}

/* Behind _init, which has no size, stands the PLT, of which no symbol knows. */
Test(elfsym_functions, of_no_size_end_with_their_section)
{
        struct elfsym_functions *functions = NULL;
        struct elfsym_section init, plt;
        struct elfsym_function found;
        struct elfsym *elf = NULL;
        int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

        cr_assert_eq(elfsym_open_fd(fd, &elf), 0);
        cr_assert_eq(elfsym_section(elf, ".init", &init), 0);
        cr_assert_eq(elfsym_section(elf, ".plt", &plt), 0);
        cr_assert_eq(elfsym_functions_load(elf, ELFSYM_SYMTAB, 16 << 20, &functions), 0);
        cr_assert_eq(elfsym_function_at(functions, init.addr, &found), 0);
        cr_expect_str_eq(found.name, "_init");
        for (uint64_t at = plt.addr; at < plt.addr + plt.size; at++)
                cr_assert_neq(elfsym_function_at(functions, at, &found), 0, "%s", found.name);
        elfsym_functions_free(functions);
        elfsym_close(elf);
        close(fd);
}

Test(elfsym_functions, without_a_size)
{
        static const struct functionfile_symbol symbols[] = {
                { .name = "outer", .value = 0x1000, .size = 0x100 },
                { .name = "label_inside", .value = 0x1010, .info = LABEL(STB_GLOBAL) },
                { .name = "assembly", .value = 0x1100, .info = LABEL(STB_GLOBAL) },
                { .name = "jump_target", .value = 0x1108, .local_label = true },
                { .name = "$x", .value = 0x110c, .local_label = true },
                { .name = "_init", .value = 0x1110 },
                { .name = "sized_label", .value = 0x2000, .size = 8, .local_label = true },
                { .name = "_edata", .value = 0x3000, .info = LABEL(STB_GLOBAL), .section = FUNCTIONFILE_NOTE },
                { 0 },
        };
        static const struct answer of_symtab[] = {
                { 0x1010, "outer" },
                { 0x1020, "outer" },
                { 0x110f, "assembly" },
                { 0x1110, "_init" },
                { 0x1110 + 0xff, "_init" },
                { 0x1110 + ELFSYM_SIZELESS_MAX, "-" },
                { 0x2007, "sized_label" },
                { 0x2008, "-" },
                { 0x3000, "-" },
                { 0, NULL },
        };
        static const struct answer of_dynsym[] = {
                { 0x1020, "outer" }, { 0x1100, "-" }, { 0x1110, "-" }, { 0x2000, "sized_label" }, { 0, NULL },
        };

        expect_answers(&(struct functionfile){ .symtab = symbols }, ELFSYM_SYMTAB, of_symtab);
        expect_answers(&(struct functionfile){ .dynsym = symbols }, ELFSYM_EXPORTED, of_dynsym);
}

Test(elfsym_functions, that_overlap)
{
        static const struct functionfile_symbol symbols[] = {
                { .name = "outer", .value = 0x1000, .size = 0x1000 },
                { .name = "inner", .value = 0x1100, .size = 0x10 },
                { .name = "innermost", .value = 0x1108, .size = 4 },
                { 0 },
        };
        static const struct answer answers[] = {
                { 0x1000, "outer" }, { 0x1107, "inner" }, { 0x1108, "innermost" }, { 0x110c, "inner" },
                { 0x1110, "outer" }, { 0x1fff, "outer" }, { 0x2000, "-" },         { 0, NULL },
        };

        expect_answers(&(struct functionfile){ .symtab = symbols }, ELFSYM_SYMTAB, answers);
}

/* ---- .gnu_debugdata ------------------------------------------------------------- */

static const struct functionfile_symbol exported[] = { { .name = "PyExported", .value = 0x100, .size = 0x10 }, { 0 } };
static const struct functionfile_symbol hidden[] = {
        { .name = "static_function", .value = 0x200, .size = 0x10, .info = FUNCTIONFILE_LOCAL },
        { .name = "without_size", .value = 0x300 },
        { 0 },
};

/* A file that has been stripped of all but what is in @ret_packed, which is to be freed. */
static struct functionfile mini(char **ret_packed)
{
        struct functionfile spec = { .dynsym = exported, .build_id = "abc" };
        size_t len;
        char *bytes = functionfile_write(&(struct functionfile){ .symtab = hidden }, &len);

        *ret_packed = functionfile_pack(bytes, len, &spec.debugdata_len);
        spec.debugdata = *ret_packed;
        free(bytes);
        return spec;
}

Test(elfsym_functions, of_debugdata)
{
        static const struct answer answers[] = {
                { 0x10f, "PyExported" }, { 0x20f, "static_function" }, { 0x210, "-" }, { 0x300, "-" }, { 0, NULL },
        };
        char *packed;
        struct functionfile spec = mini(&packed);
        struct elfsym_functions *functions;

        expect_answers(&spec, ELFSYM_EXPORTED, answers);
        cr_expect_eq(load(&spec, ELFSYM_SYMTAB, PLENTY, &functions), ELFSYM_E_NOT_FOUND);
        spec.dynsym = NULL;
        expect_answers(&spec, ELFSYM_EXPORTED, answers + 1);
        free(packed);
}

/* What cannot be unpacked is as good as absent, wherever it is damaged or cut. */
Test(elfsym_functions, of_damaged_debugdata)
{
        static const struct answer answers[] = { { 0x10f, "PyExported" }, { 0, NULL } };
        char *packed;
        struct functionfile spec = mini(&packed);
        size_t whole = spec.debugdata_len;

        for (size_t len = 0; len < whole; len++) {
                spec.debugdata_len = len;
                expect_answers(&spec, ELFSYM_EXPORTED, answers);
        }
        spec.debugdata_len = whole;
        for (size_t i = 0; i < whole; i++) {
                packed[i] ^= 0x55;
                expect_answers(&spec, ELFSYM_EXPORTED, answers);
                packed[i] ^= 0x55;
        }
        free(packed);
}

/* 1 GiB of zeros packs to 150 KiB. */
Test(elfsym_functions, debugdata_that_unpacks_to_too_much)
{
        static const struct answer answers[] = { { 0x10f, "PyExported" }, { 0, NULL } };
        struct functionfile spec = { .dynsym = exported };
        size_t len = (size_t)17 << 20;
        char *zeros = calloc(1, len);
        char *packed = functionfile_pack(zeros, len, &spec.debugdata_len);

        free(zeros);
        spec.debugdata = packed;
        cr_expect_lt(spec.debugdata_len, 65536);
        expect_answers(&spec, ELFSYM_EXPORTED, answers);
        free(packed);
}

/* ---- bounds ------------------------------------------------------------------------- */

enum { MANY = 1000000 };

static struct functionfile_symbol *make_many(char (**ret_names)[12])
{
        struct functionfile_symbol *symbols = calloc(MANY + 1, sizeof(*symbols));

        *ret_names = malloc(MANY * sizeof(**ret_names));
        for (unsigned i = 0; i < MANY; i++) {
                unsigned k = (unsigned)(i * 7919ul % MANY); /* in no order */

                snprintf((*ret_names)[i], sizeof((*ret_names)[i]), "f%u", k);
                symbols[i] = (struct functionfile_symbol){ (*ret_names)[i], k * 64ul, k % 2 ? 8 : 32, 0, 0, false };
        }
        return symbols;
}

Test(elfsym_functions, a_million_of_them)
{
        char(*names)[12];
        struct functionfile_symbol *symbols = make_many(&names);
        struct functionfile spec = { .symtab = symbols };
        struct elfsym_functions *functions;

        cr_assert_eq(load(&spec, ELFSYM_SYMTAB, PLENTY, &functions), 0);
        cr_expect_eq(elfsym_functions_n(functions), MANY);
        cr_expect_not(elfsym_functions_are_cut(functions));
        cr_expect_str_eq(name_at(functions, 999999ul * 64 + 7), "f999999");
        cr_expect_str_eq(name_at(functions, 999999ul * 64 + 8), "-");
        elfsym_functions_free(functions);

        /* half of it: the smaller functions have no room, and nobody gets their addresses */
        size_t half = (size_t)12 << 20;

        cr_assert_eq(load(&spec, ELFSYM_SYMTAB, half, &functions), 0);
        cr_expect(elfsym_functions_are_cut(functions));
        cr_expect_leq(elfsym_functions_bytes(functions), half);
        cr_expect_eq(elfsym_functions_n(functions), MANY / 2);
        cr_expect_str_eq(name_at(functions, 4 * 64 + 31), "f4");
        cr_expect_str_eq(name_at(functions, 5 * 64), "-");
        elfsym_functions_free(functions);
        cr_expect_eq(load(&spec, ELFSYM_SYMTAB, 1000, &functions), ELFSYM_E_NOT_FOUND);
        free(symbols);
        free(names);
}

Test(elfsym_functions, long_names_are_cut)
{
        char name[3000];
        struct functionfile_symbol symbols[] = { { .name = name, .value = 0x100, .size = 8 }, { 0 } };
        struct elfsym_functions *functions;

        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        cr_assert_eq(load(&(struct functionfile){ .symtab = symbols }, ELFSYM_SYMTAB, PLENTY, &functions), 0);
        cr_expect_eq(strlen(name_at(functions, 0x100)), ELFSYM_FUNCTION_NAME_SIZE - 1);
        elfsym_functions_free(functions);
}

/* Of a section that claims 2^40 bytes of a sparse file, only so much is visited. */
Test(elfsym_functions, huge_sparse_tables_take_little)
{
        size_t len;
        char *bytes = functionfile_write(&(struct functionfile){ .symtab = exported, .dynsym = exported }, &len);
        ElfW(Ehdr) *ehdr = (ElfW(Ehdr) *)(void *)bytes;
        ElfW(Shdr) *headers = (ElfW(Shdr) *)(void *)(bytes + ehdr->e_shoff);
        int fd = functionfile_open(&(struct functionfile){ .symtab = exported });
        struct elfsym_functions *functions;
        struct elfsym *elf;
        struct rusage usage;

        for (unsigned i = FUNCTIONFILE_TABLE; i < ehdr->e_shnum; i++)
                headers[i].sh_size = i == ehdr->e_shstrndx ? headers[i].sh_size : 1ul << 39;
        cr_assert_eq(ftruncate(fd, 1l << 40), 0);
        cr_assert_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
        cr_assert_eq(elfsym_open_fd(fd, &elf), 0);
        for (unsigned source = ELFSYM_SYMTAB; source <= ELFSYM_EXPORTED; source++)
                if (elfsym_functions_load(elf, source, PLENTY, &functions) == 0) {
                        cr_expect(elfsym_functions_are_cut(functions));
                        elfsym_functions_free(functions);
                }
        elfsym_close(elf);
        cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
        cr_expect_lt(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec, 20);
        close(fd);
        free(bytes);
}

/* ---- forged files ---------------------------------------------------------------------- */

/* Of a damaged file any answer will do, but one must come. The bytes end where memory does. */
static void exercise_bytes(const char *bytes, size_t len)
{
        struct elfsym_functions *functions;
        struct elfsym_function function;
        struct elfsym *elf;
        char id[ELFSYM_BUILD_ID_SIZE];
        char *copy = malloc(len ? len : 1);

        memcpy(copy, bytes, len);
        if (elfsym_open_bytes(copy, len, &elf) != 0)
                return;
        elfsym_build_id(elf, id);
        for (unsigned source = ELFSYM_SYMTAB; source <= ELFSYM_EXPORTED; source++)
                if (elfsym_functions_load(elf, source, 65536, &functions) == 0) {
                        for (uint64_t value = 0; value < 0x400; value += 0x80)
                                if (elfsym_function_at(functions, value, &function) == 0)
                                        cr_expect_lt(strlen(function.name), ELFSYM_FUNCTION_NAME_SIZE);
                        elfsym_functions_free(functions);
                }
        elfsym_close(elf);
}

Test(elfsym_functions, files_cut_at_every_length_and_forged_at_every_word)
{
        static const uint64_t values[] = { 0, 1, 0xffffffff, INT64_MAX, UINT64_MAX, 1ul << 32 };
        char *packed;
        struct functionfile spec = mini(&packed);
        size_t len;

        spec.symtab = exported;

        char *bytes = functionfile_write(&spec, &len);

        for (size_t cut = 0; cut < len; cut++)
                exercise_bytes(bytes, cut);
        for (size_t at = 0; at + 8 <= len; at += 4)
                for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
                        size_t size = at % 8 ? 4 : 8;
                        char saved[8];

                        memcpy(saved, bytes + at, 8);
                        memcpy(bytes + at, &values[i], size);
                        exercise_bytes(bytes, len);
                        memcpy(bytes + at, saved, 8);
                }
        for (size_t at = 0; at < len; at++) {
                bytes[at] ^= 0xff;
                exercise_bytes(bytes, len);
                bytes[at] ^= 0xff;
        }
        free(bytes);
        free(packed);
}

/* ---- build-ids ---------------------------------------------------------------------------- */

Test(elfsym_functions, build_ids)
{
        char id[ELFSYM_BUILD_ID_SIZE] = "untouched";
        struct functionfile spec = { .symtab = exported, .build_id = "\xab\x01\xff" };
        int fd = functionfile_open(&spec);
        struct elfsym *elf;

        cr_assert_eq(elfsym_open_fd(fd, &elf), 0);
        cr_expect_eq(elfsym_build_id(elf, id), 0);
        cr_expect_str_eq(id, "ab01ff");
        elfsym_close(elf);
        close(fd);

        spec.build_id = NULL;
        fd = functionfile_open(&spec);
        cr_assert_eq(elfsym_open_fd(fd, &elf), 0);
        cr_expect_eq(elfsym_build_id(elf, id), ELFSYM_E_NOT_FOUND);
        cr_expect_str_eq(id, "ab01ff");
        elfsym_close(elf);
        close(fd);
}

Test(elfsym_functions, equal_tables)
{
        struct elfsym_functions *a, *b, *c;

        cr_assert_eq(load(&(struct functionfile){ .symtab = exported }, ELFSYM_SYMTAB, PLENTY, &a), 0);
        cr_assert_eq(load(&(struct functionfile){ .dynsym = exported }, ELFSYM_EXPORTED, PLENTY, &b), 0);
        cr_assert_eq(load(&(struct functionfile){ .symtab = hidden }, ELFSYM_SYMTAB, PLENTY, &c), 0);
        cr_expect(elfsym_functions_equal(a, b));
        cr_expect_not(elfsym_functions_equal(a, c));
        elfsym_functions_free(a);
        elfsym_functions_free(b);
        elfsym_functions_free(c);
        elfsym_functions_free(NULL);
}
