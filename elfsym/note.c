/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The build-id, from the notes of PT_NOTE. Header, name and descriptor are each
 * padded to 4 bytes, in 64-bit files too; to 8 in segments that say so
 * (.note.gnu.property).
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Notes of a program are some 100 bytes, with packaging metadata 1000. */
#define NOTES_MAX ((uint64_t)16 << 10)

static const char owner[] = "GNU";

struct note {
        ElfW(Nhdr) header;
        const char *name;
        const uint8_t *desc;
};

static size_t pad(size_t size, size_t align)
{
        return (size + align - 1) & ~(align - 1);
}

/* Takes one note off the front of @notes. */
static bool next_note(const char **notes, size_t *len, size_t align, struct note *ret)
{
        ElfW(Nhdr) header;

        if (*len < sizeof(header))
                return false;
        memcpy(&header, *notes, sizeof(header));

        size_t desc = pad(sizeof(header) + (size_t)header.n_namesz, align);

        if (desc > *len || header.n_descsz > *len - desc)
                return false;
        *ret = (struct note){
                .header = header,
                .name = *notes + sizeof(header),
                .desc = (const uint8_t *)*notes + desc,
        };

        size_t end = pad(desc + header.n_descsz, align);

        end = end < *len ? end : *len;
        *notes += end;
        *len -= end;
        return true;
}

static bool is_build_id(const struct note *note)
{
        return note->header.n_type == NT_GNU_BUILD_ID && note->header.n_descsz > 0 &&
               note->header.n_namesz == sizeof(owner) && memcmp(note->name, owner, sizeof(owner)) == 0;
}

static int search(struct elfsym *elf, const GElf_Phdr *phdr, uint8_t *ret, size_t *ret_len)
{
        size_t len = phdr->p_filesz < NOTES_MAX ? (size_t)phdr->p_filesz : NOTES_MAX;
        char *buf = malloc(len ? len : 1);
        const char *notes = buf;
        struct note note;
        int r;

        if (!buf)
                return -ENOMEM;
        r = elfsym_read(elf, phdr->p_vaddr, buf, len);
        if (r != 0)
                goto out;
        r = ELFSYM_E_NOT_FOUND;
        while (r != 0 && next_note(&notes, &len, phdr->p_align == 8 ? 8 : 4, &note)) {
                if (!is_build_id(&note))
                        continue;
                *ret_len = note.header.n_descsz < ELFSYM_BUILD_ID_MAX ? note.header.n_descsz : ELFSYM_BUILD_ID_MAX;
                memcpy(ret, note.desc, *ret_len);
                r = 0;
        }
out:
        free(buf);
        return r;
}

int elfsym_build_id(struct elfsym *elf, uint8_t ret[static ELFSYM_BUILD_ID_MAX], size_t *ret_len)
{
        GElf_Phdr phdr;
        size_t i = 0;

        while (elfsym_next_segment(elf, PT_NOTE, &i, &phdr)) {
                int r = search(elf, &phdr, ret, ret_len);

                if (r <= 0)
                        return r;
        }
        return ELFSYM_E_NOT_FOUND;
}
