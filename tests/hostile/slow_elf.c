/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_elf FOLDER MAPPINGS: maps a small forged library again and again, two files of it by turns. Whoever looks a
 * symbol up in it walks a hash chain that never ends, behind 255 segments that do not fit. Needs no rights. Says
 * "ready" when all is mapped.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SEGMENTS = 256, CHAIN = 8192, SIZE = 64 << 10, SECONDS_MAX = 600 };

static char image[SIZE];

static uint32_t hash_of(const char *name)
{
        uint32_t hash = 5381;

        for (; *name; name++)
                hash = hash * 33 + (unsigned char)*name;
        return hash;
}

static void write_header(size_t dynamic_at, size_t dynamic_size)
{
        Elf64_Ehdr *header = (void *)image;
        Elf64_Phdr *segment = (void *)(image + sizeof *header);

        memcpy(header->e_ident, ELFMAG, SELFMAG);
        header->e_ident[EI_CLASS] = ELFCLASS64;
        header->e_ident[EI_DATA] = ELFDATA2LSB;
        header->e_ident[EI_VERSION] = header->e_version = EV_CURRENT;
        header->e_type = ET_DYN;
#ifdef __aarch64__
        header->e_machine = EM_AARCH64;
#else
        header->e_machine = EM_X86_64;
#endif
        header->e_phoff = sizeof *header;
        header->e_phentsize = sizeof *segment;
        header->e_phnum = SEGMENTS;
        for (int i = 0; i < SEGMENTS - 2; i++)
                segment[i] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = 1, .p_memsz = 1 };
        segment[SEGMENTS - 2] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = SIZE, .p_memsz = SIZE };
        segment[SEGMENTS - 1] = (Elf64_Phdr){
                .p_type = PT_DYNAMIC, .p_vaddr = dynamic_at, .p_offset = dynamic_at, .p_filesz = dynamic_size
        };
}

static void write_image(void)
{
        size_t dynamic_at = sizeof(Elf64_Ehdr) + SEGMENTS * sizeof(Elf64_Phdr);
        size_t names_at = dynamic_at + 8 * sizeof(Elf64_Dyn), symbols_at = names_at + 64;
        size_t hash_at = symbols_at + 4 * sizeof(Elf64_Sym);
        Elf64_Dyn *dynamic = (void *)(image + dynamic_at);
        Elf64_Sym *symbols = (void *)(image + symbols_at);
        uint32_t *hash = (void *)(image + hash_at);

        write_header(dynamic_at, 8 * sizeof *dynamic);
        strcpy(image + names_at + 1, "_PyRuntime");
        symbols[1] = (Elf64_Sym){ .st_name = 1,
                                  .st_shndx = 1,
                                  .st_value = 0x100,
                                  .st_size = 8,
                                  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT) };
        dynamic[0] = (Elf64_Dyn){ DT_GNU_HASH, { hash_at } };
        dynamic[1] = (Elf64_Dyn){ DT_STRTAB, { names_at } };
        dynamic[2] = (Elf64_Dyn){ DT_STRSZ, { 64 } };
        dynamic[3] = (Elf64_Dyn){ DT_SYMTAB, { symbols_at } };
        /* One bucket, one word of Bloom filter that lets everything through, and a chain of other names. */
        memcpy(hash, (uint32_t[]){ 1, 1, 1, 0, 0xffffffff, 0xffffffff, 1 }, 7 * sizeof *hash);
        for (int i = 0; i < CHAIN; i++)
                hash[7 + i] = 0x10;
        hash[7] = hash_of("_PyRuntime") & ~1u;
}

static int write_file(const char *folder, int number)
{
        char path[4096];

        snprintf(path, sizeof path, "%s/python-%d", folder, number);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0700);
        if (fd < 0 || write(fd, image, SIZE) != SIZE) {
                perror(path);
                exit(1);
        }
        return fd;
}

int main(int argc, char **argv)
{
        if (argc != 3)
                return 2;
        write_image();
        int fds[] = { write_file(argv[1], 0), write_file(argv[1], 1) };
        size_t mappings = strtoul(argv[2], NULL, 10);
        char *base = mmap(NULL, mappings * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        for (size_t i = 0; i < mappings; i++)
                if (mmap(base + i * SIZE, SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fds[i % 2], 0) ==
                    MAP_FAILED) {
                        perror("mmap");
                        return 1;
                }
        puts("ready");
        fflush(stdout);
        alarm(SECONDS_MAX);
        pause();
}
