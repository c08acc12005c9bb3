/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/support/functionfile.h"

#include <link.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

enum { SYMTAB = FUNCTIONFILE_TABLE, STRTAB, DYNSYM, DYNSTR, DEBUGDATA, NAMES, SECTIONS };

static const char section_names[] =
        "\0.text\0.note.gnu.build-id\0.symtab\0.strtab\0.dynsym\0.dynstr\0.gnu_debugdata\0.names";

struct buffer {
        char *bytes;
        size_t len;
};

static size_t put(struct buffer *out, const void *data, size_t len)
{
        size_t at = (out->len + 7) & ~(size_t)7;

        out->bytes = realloc(out->bytes, at + len + 1);
        memset(out->bytes + out->len, 0, at + len + 1 - out->len);
        if (len > 0)
                memcpy(out->bytes + at, data, len);
        out->len = at + len;
        return at;
}

static uint32_t name_of_section(const char *name)
{
        const char *at = section_names + 1;

        while (strcmp(at, name) != 0)
                at += strlen(at) + 1;
        return (uint32_t)(at - section_names);
}

static size_t count_functions(const struct functionfile_symbol *symbols)
{
        size_t n = 0;

        while (symbols[n].name)
                n++;
        return n;
}

/* Writes a table and its strings, and the headers of both sections. */
static void put_table(struct buffer *out, const struct functionfile_symbol *list, uint32_t type, ElfW(Shdr) * headers,
                      unsigned strings)
{
        size_t n = count_functions(list), size = 1;
        ElfW(Sym) *symbols = calloc(n + 1, sizeof(*symbols));
        char *names;

        for (size_t i = 0; i < n; i++)
                size += strlen(list[i].name) + 1;
        names = calloc(1, size);
        size = 1;
        for (size_t i = 0; i < n; i++) {
                symbols[i + 1] = (ElfW(Sym)){
                        .st_name = (uint32_t)size,
                        .st_value = list[i].value,
                        .st_size = list[i].size,
                        .st_info = list[i].info || list[i].local_label ? list[i].info
                                                                       : ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                        .st_shndx = list[i].section ? list[i].section : FUNCTIONFILE_CODE,
                };
                memcpy(names + size, list[i].name, strlen(list[i].name) + 1);
                size += strlen(list[i].name) + 1;
        }
        headers[0] = (ElfW(Shdr)){
                .sh_name = name_of_section(type == SHT_SYMTAB ? ".symtab" : ".dynsym"),
                .sh_type = type,
                .sh_offset = put(out, symbols, (n + 1) * sizeof(*symbols)),
                .sh_size = (n + 1) * sizeof(*symbols),
                .sh_link = strings,
                .sh_entsize = sizeof(*symbols),
        };
        headers[1] = (ElfW(Shdr)){ .sh_name = name_of_section(type == SHT_SYMTAB ? ".strtab" : ".dynstr"),
                                   .sh_type = SHT_STRTAB,
                                   .sh_offset = put(out, names, size),
                                   .sh_size = size };
        free(symbols);
        free(names);
}

static void put_note(struct buffer *out, const char *build_id, ElfW(Shdr) * header)
{
        struct {
                ElfW(Nhdr) head;
                char owner[4], id[64];
        } note = { { 4, (uint32_t)strlen(build_id), NT_GNU_BUILD_ID }, "GNU", "" };
        size_t len = sizeof(note.head) + 4 + strlen(build_id);

        memcpy(note.id, build_id, strlen(build_id));
        *header = (ElfW(Shdr)){ .sh_name = name_of_section(".note.gnu.build-id"),
                                .sh_type = SHT_NOTE,
                                .sh_offset = put(out, &note, (len + 3) & ~(size_t)3),
                                .sh_size = (len + 3) & ~(size_t)3 };
}

char *functionfile_write(const struct functionfile *spec, size_t *ret_len)
{
        ElfW(Shdr) headers[SECTIONS] = {
                [FUNCTIONFILE_CODE] = { .sh_name = name_of_section(".text"),
                                        .sh_type = SHT_NOBITS,
                                        .sh_flags = SHF_EXECINSTR | SHF_ALLOC },
        };
        ElfW(Phdr) load = { .p_type = PT_LOAD, .p_filesz = 64, .p_memsz = 1 << 20 };
        ElfW(Ehdr) ehdr = __ehdr_start;
        struct buffer out = { NULL, 0 };

        put(&out, &ehdr, sizeof(ehdr));
        ehdr.e_phoff = put(&out, &load, sizeof(load));
        if (spec->build_id)
                put_note(&out, spec->build_id, &headers[FUNCTIONFILE_NOTE]);
        if (spec->symtab)
                put_table(&out, spec->symtab, SHT_SYMTAB, &headers[SYMTAB], STRTAB);
        if (spec->dynsym)
                put_table(&out, spec->dynsym, SHT_DYNSYM, &headers[DYNSYM], DYNSTR);
        if (spec->debugdata)
                headers[DEBUGDATA] = (ElfW(Shdr)){ .sh_name = name_of_section(".gnu_debugdata"),
                                                   .sh_type = SHT_PROGBITS,
                                                   .sh_offset = put(&out, spec->debugdata, spec->debugdata_len),
                                                   .sh_size = spec->debugdata_len };
        headers[NAMES] = (ElfW(Shdr)){ .sh_name = name_of_section(".names"),
                                       .sh_type = SHT_STRTAB,
                                       .sh_offset = put(&out, section_names, sizeof(section_names)),
                                       .sh_size = sizeof(section_names) };
        ehdr.e_type = ET_DYN;
        ehdr.e_phnum = 1;
        ehdr.e_phentsize = sizeof(load);
        ehdr.e_shoff = put(&out, headers, sizeof(headers));
        ehdr.e_shnum = SECTIONS;
        ehdr.e_shentsize = sizeof(*headers);
        ehdr.e_shstrndx = NAMES;
        memcpy(out.bytes, &ehdr, sizeof(ehdr));
        *ret_len = out.len;
        return out.bytes;
}

char *functionfile_pack(const char *bytes, size_t len, size_t *ret_len)
{
        size_t size = lzma_stream_buffer_bound(len);
        char *packed = malloc(size);

        *ret_len = 0;
        if (lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, (const uint8_t *)bytes, len, (uint8_t *)packed, ret_len,
                                    size) != LZMA_OK)
                abort();
        return packed;
}

int functionfile_open(const struct functionfile *spec)
{
        int fd = memfd_create("functions", MFD_CLOEXEC);
        size_t len;
        char *bytes = functionfile_write(spec, &len);

        if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
                abort();
        free(bytes);
        return fd;
}
