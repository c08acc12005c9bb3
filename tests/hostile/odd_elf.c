/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd_elf FOLDER KIND: maps a forged file that is called python, whose symbols are only in its sections. KIND is
 *
 *   sparse     the file is 1 TiB large, its symbols lie at its end, and there are 2^36 of them
 *   million    it has a million symbols, none of which is the one that is looked for
 *   symbols    it has as many of them, and as many names, as are still read
 *   truncated  it is cut off and made whole again without a pause
 *
 * Needs no rights. Says "ready" when it is mapped.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SECTIONS_AT = 4096, SYMBOLS_AT = 8192, PAGE = 4096, SECONDS_MAX = 600 };

#define MILLION 1000000
#define LARGE ((uint64_t)16 << 20) /* what of a section is still read */
#define LARGE_MANY (LARGE / sizeof(Elf64_Sym))

#define TIB ((uint64_t)1 << 40)

static const char names[] = "\0.symtab\0.strtab\0.shstrtab\0.PyRuntime\0_PyRuntimf";

static void put(int fd, const void *bytes, size_t n, uint64_t at)
{
        if (pwrite(fd, bytes, n, (off_t)at) != (ssize_t)n) {
                perror("write");
                exit(1);
        }
}

static void put_header(int fd)
{
        Elf64_Ehdr header = { .e_type = ET_DYN,
                              .e_version = EV_CURRENT,
                              .e_phoff = sizeof header,
                              .e_phnum = 1,
                              .e_phentsize = sizeof(Elf64_Phdr),
                              .e_ehsize = sizeof header,
                              .e_shoff = SECTIONS_AT,
                              .e_shentsize = sizeof(Elf64_Shdr),
                              .e_shnum = 5,
                              .e_shstrndx = 3 };
        Elf64_Phdr segment = { .p_type = PT_LOAD, .p_filesz = PAGE, .p_memsz = PAGE, .p_flags = PF_R | PF_X };

        memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
#ifdef __aarch64__
        header.e_machine = EM_AARCH64;
#else
        header.e_machine = EM_X86_64;
#endif
        put(fd, &header, sizeof header, 0);
        put(fd, &segment, sizeof segment, sizeof header);
}

static void put_sections(int fd, uint64_t symbols_at, uint64_t symbols_size, uint64_t names_size)
{
        Elf64_Shdr sections[5] = {
                [1] = { .sh_name = 1,
                        .sh_type = SHT_SYMTAB,
                        .sh_offset = symbols_at,
                        .sh_size = symbols_size,
                        .sh_link = 2,
                        .sh_entsize = sizeof(Elf64_Sym) },
                [2] = { .sh_name = 9, .sh_type = SHT_STRTAB, .sh_offset = SECTIONS_AT + 1024, .sh_size = names_size },
                [3] = { .sh_name = 17, .sh_type = SHT_STRTAB, .sh_offset = SECTIONS_AT + 1024, .sh_size = names_size },
                [4] = { .sh_name = 27, .sh_type = SHT_PROGBITS, .sh_size = PAGE, .sh_flags = SHF_ALLOC },
        };

        put(fd, sections, sizeof sections, SECTIONS_AT);
        put(fd, names, sizeof names, SECTIONS_AT + 1024);
}

static void put_symbols(int fd, uint64_t at, size_t n)
{
        Elf64_Sym *symbols = calloc(n, sizeof *symbols);

        for (size_t i = 1; symbols && i < n; i++)
                symbols[i] = (Elf64_Sym){
                        .st_name = 38, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = 4, .st_size = 8
                };
        put(fd, symbols, n * sizeof *symbols, at);
        free(symbols);
}

/* What does not wait for this process meets it in every state. */
static void cut_without_pause(int fd, off_t size)
{
        static const off_t cuts[] = { 0, 64, PAGE, SECTIONS_AT + 100, SYMBOLS_AT, SYMBOLS_AT + 5000 };

        for (size_t i = 0;; i++) {
                if (ftruncate(fd, cuts[i % (sizeof cuts / sizeof *cuts)]) < 0 || ftruncate(fd, size) < 0)
                        exit(1);
                put_header(fd);
                put_sections(fd, SYMBOLS_AT, MILLION / 10 * sizeof(Elf64_Sym), sizeof names);
        }
}

static const struct kind {
        const char *name;
        uint64_t at, symbols, names; /* the symbols' place and number, the size of their names */
} kinds[] = {
        { "sparse", TIB / 2, TIB / 2 / sizeof(Elf64_Sym), sizeof names },
        { "million", SYMBOLS_AT, MILLION, sizeof names },
        { "symbols", SYMBOLS_AT, LARGE_MANY, LARGE },
        { "truncated", SYMBOLS_AT, LARGE_MANY, sizeof names },
};

static const struct kind *find_kind(const char *name)
{
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (strcmp(kinds[i].name, name) == 0)
                        return &kinds[i];
        exit(2);
}

int main(int argc, char **argv)
{
        char path[4096];

        if (argc != 3)
                return 2;
        snprintf(path, sizeof path, "%s/python3", argv[1]);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0700);
        if (fd < 0) {
                perror(path);
                return 1;
        }
        const struct kind *kind = find_kind(argv[2]);
        uint64_t size = kind->symbols * sizeof(Elf64_Sym);
        put_header(fd);
        put_sections(fd, kind->at, size, kind->names);
        if (kind->at == SYMBOLS_AT)
                put_symbols(fd, kind->at, kind->symbols);
        if (ftruncate(fd, (off_t)(kind->at + size)) < 0 ||
            mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED) {
                perror("mmap");
                return 1;
        }
        puts("ready");
        fflush(stdout);
        alarm(SECONDS_MAX);
        if (strcmp(argv[2], "truncated") == 0)
                cut_without_pause(fd, (off_t)(kind->at + size));
        pause();
}
