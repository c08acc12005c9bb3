/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The build-id: a note of type NT_GNU_BUILD_ID whose owner is "GNU". Sections come first. The segments of a separate
 * debug file may still have the places that they had in the file which it was made from.
 */
#include "internal.h"

#include <string.h>

#define NOTES_MAX 4096 /* bytes of a section or segment of notes that are looked through */

/* Notes are aligned to 4 bytes, those of .note.gnu.property to 8; the latter are never together with the build-id. */
static size_t align_note(size_t len)
{
        return (len + 3) & ~(size_t)3;
}

static int write_hex(const unsigned char *bytes, size_t len, char ret[static ELFSYM_BUILD_ID_SIZE])
{
        static const char digits[] = "0123456789abcdef";

        if (len == 0 || len > (ELFSYM_BUILD_ID_SIZE - 1) / 2)
                return ELFSYM_E_NOT_FOUND;
        for (size_t i = 0; i < len; i++) {
                ret[2 * i] = digits[bytes[i] >> 4];
                ret[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret[2 * len] = '\0';
        return 0;
}

static int search_notes(const unsigned char *notes, size_t len, char ret[static ELFSYM_BUILD_ID_SIZE])
{
        ElfW(Nhdr) note;

        for (size_t at = 0; at + sizeof(note) <= len;) {
                memcpy(&note, notes + at, sizeof(note));
                at += sizeof(note);
                if (note.n_namesz > len - at || align_note(note.n_namesz) > len - at)
                        break;

                const unsigned char *name = notes + at;

                at += align_note(note.n_namesz);
                if (note.n_descsz > len - at)
                        break;
                if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
                    memcmp(name, "GNU", sizeof("GNU")) == 0)
                        return write_hex(notes + at, note.n_descsz, ret);
                if (align_note(note.n_descsz) > len - at)
                        break;
                at += align_note(note.n_descsz);
        }
        return ELFSYM_E_NOT_FOUND;
}

static int search_sections(struct elfsym *elf, char ret[static ELFSYM_BUILD_ID_SIZE])
{
        unsigned char notes[NOTES_MAX];
        GElf_Shdr header;
        int r = ELFSYM_E_NOT_FOUND;

        for (size_t i = 1; r > 0 && elfsym_get_header(elf, i, &header); i++) {
                if (header.sh_type != SHT_NOTE || header.sh_size > sizeof(notes))
                        continue;
                r = elfsym_read_at(elf, header.sh_offset, notes, (size_t)header.sh_size);
                if (r == 0)
                        r = search_notes(notes, (size_t)header.sh_size, ret);
        }
        return r;
}

static int search_segments(struct elfsym *elf, char ret[static ELFSYM_BUILD_ID_SIZE])
{
        unsigned char notes[NOTES_MAX];
        GElf_Phdr phdr;
        int r = ELFSYM_E_NOT_FOUND;

        for (size_t i = 0; r > 0 && elfsym_next_segment(elf, PT_NOTE, &i, &phdr);) {
                if (phdr.p_filesz > sizeof(notes))
                        continue;
                r = elfsym_read(elf, phdr.p_vaddr, notes, (size_t)phdr.p_filesz);
                if (r == 0)
                        r = search_notes(notes, (size_t)phdr.p_filesz, ret);
        }
        return r;
}

int elfsym_build_id(struct elfsym *elf, char ret[static ELFSYM_BUILD_ID_SIZE])
{
        int r = search_sections(elf, ret);

        if (r > 0)
                r = search_segments(elf, ret);
        return r > 0 ? ELFSYM_E_NOT_FOUND : r;
}
