/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged and forged files: whatever they say, elfsym neither crashes nor reads
 * past the end, nor takes long, nor asks for much memory.
 */
#include "elfsym/elfsym.h"
#include "tests/fuzz/elfsym.h"
#include "tests/unit/support/elfwriter.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

SUITE(elfsym_hostile);

static const struct elfwriter_symbol dynsym[] = {
        { .name = "malloc", .undefined = true },
        { .name = "_PyRuntime", .value = 0x10010, .size = 99 },
        { .name = "Py_Version", .value = 0x40, .size = 8 },
        { 0 },
};

static const struct elfwriter_symbol symtab[] = { { .name = "interp_head", .value = 0x5000, .size = 8 }, { 0 } };

static void make(enum elfwriter_hash hash, struct elfwriter_file *ret)
{
        struct elfwriter spec = {
                .type = ET_DYN,
                .hash = hash,
                .sections = true,
                .dynsym = dynsym,
                .symtab = symtab,
                .needed = { "libpython3.11.so.1.0" },
                .data = "initialised",
        };

        elfwriter_write(&spec, ret);
}

/* An image that ends at an unmapped page: what is read is what was asked for. */
struct memory {
        const char *bytes;
        size_t len;
};

static int read_memory(void *ctx, uint64_t addr, void *buf, size_t len)
{
        const struct memory *memory = ctx;

        if (addr > memory->len || len > memory->len - addr)
                return -EFAULT;
        memcpy(buf, memory->bytes + addr, len);
        return 0;
}

/* Opens the bytes as a file and as an image, and asks everything. */
static int exercise(int fd, const char *bytes, size_t len)
{
        struct memory memory = { .bytes = bytes, .len = len };
        struct elfsym *elf;
        int r;

        cr_assert_eq(ftruncate(fd, 0), 0);
        cr_assert_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
        r = elfsym_open_image(read_memory, &memory, 0, &elf);
        if (r == 0) {
                elfsym_exercise(elf);
                elfsym_close(elf);
        }
        r = elfsym_open_fd(fd, &elf);
        if (r == 0) {
                elfsym_exercise(elf);
                elfsym_close(elf);
        }
        return r;
}

Test(elfsym_hostile, cut_at_every_length)
{
        int fd = memfd_create("elf", MFD_CLOEXEC);

        for (unsigned hash = 0; hash <= ELFWRITER_NO_HASH; hash++) {
                struct elfwriter_file file;

                make(hash, &file);
                for (size_t len = 0; len <= file.len; len++) {
                        int r = exercise(fd, file.bytes, len);

                        cr_assert_eq(r, len < file.headers_len ? ELFSYM_E_NOT_ELF : 0, "%zu: %d", len, r);
                }
                free(file.bytes);
        }
        close(fd);
}

/* Headers that end where the mapping does: libelf reads no further than its copy. */
Test(elfsym_hostile, copied_headers_are_not_overread)
{
        struct elfwriter_file file;
        struct memory memory;
        struct elfsym *elf;

        make(ELFWRITER_GNU_HASH, &file);
        for (size_t len = 1; len <= file.len; len++) {
                memory = (struct memory){ .bytes = guard_copy(file.bytes, len), .len = len };
                if (elfsym_open_image(read_memory, &memory, 0, &elf) == 0) {
                        elfsym_exercise(elf);
                        elfsym_close(elf);
                }
        }
        free(file.bytes);
}

Test(elfsym_hostile, random_bytes_changed)
{
        enum { ROUNDS = 4000 };
        int fd = memfd_create("elf", MFD_CLOEXEC);
        struct elfwriter_file file;
        char *copy;
        unsigned opened = 0;

        srandom(3);
        for (unsigned i = 0; i < ROUNDS; i++) {
                make(i % 3, &file);
                copy = malloc(file.len);
                memcpy(copy, file.bytes, file.len);
                for (long k = 0; k <= (long)(i % 8); k++)
                        copy[(size_t)random() % file.len] = (char)random();
                opened += exercise(fd, copy, file.len) == 0;
                free(copy);
                free(file.bytes);
        }
        cr_assert_gt(opened, ROUNDS / 2, "most of the damage is beyond the headers");
        close(fd);
}

/* Every aligned word of every kind of file, at the ends of what it can say. */
Test(elfsym_hostile, every_word_at_its_extremes)
{
        static const uint64_t values[] = {
                0, 1, 0x7fffffff, 0xffffffff, INT64_MAX, INT64_MAX - 7, UINT64_MAX, UINT64_MAX - 7, 1ul << 32, 1ul << 40
        };
        int fd = memfd_create("elf", MFD_CLOEXEC);

        for (unsigned hash = 0; hash <= ELFWRITER_NO_HASH; hash++) {
                struct elfwriter_file file;

                make(hash, &file);
                for (size_t at = 0; at + 8 <= file.len; at += 4) {
                        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                                char saved[8];
                                size_t size = at % 8 ? 4 : 8;

                                memcpy(saved, file.bytes + at, 8);
                                memcpy(file.bytes + at, &values[i], size);
                                exercise(fd, file.bytes, file.len);
                                memcpy(file.bytes + at, saved, 8);
                        }
                }
                free(file.bytes);
        }
        close(fd);
}

static ElfW(Ehdr) * header_of(struct elfwriter_file *file)
{
        return (ElfW(Ehdr) *)(void *)file->bytes;
}

Test(elfsym_hostile, other_machines_are_foreign)
{
        int fd = memfd_create("elf", MFD_CLOEXEC);
        struct elfwriter_file file;

        make(ELFWRITER_GNU_HASH, &file);

        ElfW(Ehdr) *ehdr = header_of(&file);
        const ElfW(Ehdr) good = *ehdr;

        ehdr->e_ident[EI_CLASS] = ELFCLASS32;
        cr_expect_eq(exercise(fd, file.bytes, file.len), ELFSYM_E_FOREIGN);
        *ehdr = good;
        ehdr->e_ident[EI_DATA] = ELFDATA2MSB;
        cr_expect_eq(exercise(fd, file.bytes, file.len), ELFSYM_E_FOREIGN);
        *ehdr = good;
        ehdr->e_machine = EM_S390;
        cr_expect_eq(exercise(fd, file.bytes, file.len), ELFSYM_E_FOREIGN);
        *ehdr = good;
        ehdr->e_type = ET_CORE;
        cr_expect_eq(exercise(fd, file.bytes, file.len), ELFSYM_E_NOT_ELF);
        *ehdr = good;
        ehdr->e_phnum = 0xffff;
        cr_expect_eq(exercise(fd, file.bytes, file.len), ELFSYM_E_NOT_ELF);
        *ehdr = good;
        cr_expect_eq(exercise(fd, file.bytes, file.len), 0);
        free(file.bytes);
        close(fd);
}

Test(elfsym_hostile, what_is_no_file)
{
        struct elfsym *elf;
        int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int pipes[2];

        cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
        cr_expect_eq(elfsym_open_fd(directory, &elf), -EISDIR);
        cr_expect_eq(elfsym_open_fd(null, &elf), ELFSYM_E_NOT_ELF);
        cr_expect_eq(elfsym_open_fd(pipes[0], &elf), -ESPIPE);
        cr_expect_eq(elfsym_open_fd(-1, &elf), -EBADF);
        close(directory);
        close(null);
        close(pipes[0]);
        close(pipes[1]);
}

/*
 * A sparse file of 2^40 bytes costs its owner nothing. What it claims to be full
 * of (sections, symbols, notes, dynamic entries, hash chains) is not all read.
 */
Test(elfsym_hostile, huge_sparse_files_take_little)
{
        int fd = memfd_create("elf", MFD_CLOEXEC);
        struct rusage usage;

        for (unsigned hash = 0; hash <= ELFWRITER_NO_HASH; hash++) {
                for (unsigned sections = 0; sections < 3; sections++) {
                        struct elfwriter_file file;
                        struct elfsym *elf;

                        make(hash, &file);

                        ElfW(Ehdr) *ehdr = header_of(&file);
                        ElfW(Phdr) *phdrs = (ElfW(Phdr) *)(void *)(file.bytes + ehdr->e_phoff);
                        ElfW(Shdr) *shdrs = (ElfW(Shdr) *)(void *)(file.bytes + ehdr->e_shoff);

                        for (unsigned i = 0; i < ehdr->e_phnum; i++)
                                phdrs[i].p_filesz = 1ul << 39;
                        for (unsigned i = 0; i < ehdr->e_shnum; i++)
                                shdrs[i].sh_size = sections == 2 ? (16ul << 20) : 1ul << 39;
                        if (sections == 1) {
                                ehdr->e_shnum = 0;
                                shdrs[0].sh_size = UINT32_MAX;
                        }
                        memset(file.bytes + file.hash_offset + 24, 0xfe, 16);
                        cr_assert_eq(ftruncate(fd, 1l << 40), 0);
                        cr_assert_eq(pwrite(fd, file.bytes, file.len, 0), (ssize_t)file.len);
                        cr_assert_eq(elfsym_open_fd(fd, &elf), 0);
                        elfsym_exercise(elf);
                        elfsym_close(elf);
                        free(file.bytes);
                }
        }
        close(fd);
        cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
#ifndef HAVE_ASAN /* which keeps what was freed */
        cr_expect_lt(usage.ru_maxrss, 100 << 10, "%ld KiB", usage.ru_maxrss);
#endif
        cr_expect_lt(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec, 5);
}

/* A hash table whose chains lead in circles, and never to the name. */
Test(elfsym_hostile, circular_chains_end)
{
        int fd = memfd_create("elf", MFD_CLOEXEC);
        struct elfwriter_file file;

        make(ELFWRITER_SYSV_HASH, &file);

        uint32_t *words = (uint32_t *)(void *)(file.bytes + file.hash_offset);

        words[1] = UINT32_MAX;
        for (unsigned i = 2; i < 2 + 2 + 4; i++)
                words[i] = 1;
        cr_expect_eq(exercise(fd, file.bytes, file.len), 0);
        free(file.bytes);
        close(fd);
}
