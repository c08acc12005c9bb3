/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule of an address. libdw evaluates the entry. It takes ELF files, so it gets one, made in memory, of one section
 * .eh_frame, which holds the CIE and the FDE. The section's address is such that the FDE has its true one: what is
 * relative to where it stands stays right.
 *
 * At the end of the CIE's header come instructions which say that a function leaves the saved registers as they are.
 * Where an entry is silent, libdw 0.188 takes them for undefined: it knows rbx by a wrong number.
 */
#include "table.h"

#include <dwarf.h>
#include <gelf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#define READ_FIRST 512 /* what is read of an entry at first: most have some 30 bytes */
#define END 32         /* zeroes behind the FDE: no entry follows */

static const char section_names[] = "\0.shstrtab\0.eh_frame";

/* The ELF file that libdw gets. */
struct made_file {
        ElfW(Ehdr) ehdr;
        ElfW(Shdr) sections[3];
        char names[sizeof(section_names)];
        _Alignas(16) uint8_t frame[ELFSYM_CIE_MAX + 2 * ELFSYM_SAVED_MAX + ELFSYM_FDE_MAX + END];
};

/* ---- reading ------------------------------------------------------------- */

/* Reads an entry, whose length stands before it. */
static int read_entry(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t addr, size_t max,
                      struct elfsym_entry *ret)
{
        size_t got = 0;
        uint32_t len;

        if (addr < frames->begin || addr >= frames->end)
                return ELFSYM_E_DAMAGED;

        size_t room = frames->end - addr < max ? frames->end - addr : max;
        int r = elfsym_table_read_some(memory, addr, ret->bytes, room < READ_FIRST ? room : READ_FIRST, &got);

        if (r != 0)
                return r;
        if (got < sizeof(len))
                return ELFSYM_E_RANGE;
        memcpy(&len, ret->bytes, sizeof(len));
        /* 0 ends a section, and 2^32 - 1 says that a length of 64 bits follows. */
        if (len < 8 || len > room - sizeof(len))
                return ELFSYM_E_DAMAGED;
        ret->len = len + sizeof(len);
        return ret->len <= got ? 0 : elfsym_table_read(memory, addr + got, ret->bytes + got, ret->len - got);
}

/* Reads the FDE and its CIE, to which it has the distance. */
static int read_entries(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t fde,
                        struct elfsym_cfi *cfi)
{
        uint32_t distance;
        int r = read_entry(memory, frames, fde, ELFSYM_FDE_MAX, &cfi->fde);

        if (r != 0)
                return r;
        cfi->address = fde;
        memcpy(&distance, cfi->fde.bytes + 4, sizeof(distance));
        if (distance == 0 || distance > fde + 4 - frames->begin)
                return ELFSYM_E_DAMAGED;
        return read_entry(memory, frames, fde + 4 - distance, ELFSYM_CIE_MAX, &cfi->cie);
}

/* ---- evaluating ---------------------------------------------------------- */

/* Copies the CIE, and puts the instructions for the saved registers before its own. Returns its length. */
static uint32_t copy_cie(const struct elfsym_cfi *cfi, uint8_t *to)
{
        uint32_t len = cfi->cie.len + 2 * ELFSYM_SAVED_MAX - 4;
        size_t at = cfi->instructions;

        memcpy(to, cfi->cie.bytes, at);
        memcpy(to, &len, sizeof(len));
        for (size_t i = 0; i < ELFSYM_SAVED_MAX; i++) {
                to[at + 2 * i] = DW_CFA_same_value;
                to[at + 2 * i + 1] = elfsym_machine->general[i];
        }
        memcpy(to + at + 2 * ELFSYM_SAVED_MAX, cfi->cie.bytes + at, cfi->cie.len - at);
        return len + 4;
}

/* Returns how many bytes of @file are used. */
static size_t make_file(const struct elfsym_cfi *cfi, struct made_file *file)
{
        uint32_t cie_len = copy_cie(cfi, file->frame);
        uint32_t distance = cie_len + 4;
        size_t len = cie_len + cfi->fde.len;

        memcpy(file->frame + cie_len, cfi->fde.bytes, cfi->fde.len);
        memcpy(file->frame + cie_len + 4, &distance, sizeof(distance));
        memset(file->frame + len, 0, END);
        memcpy(file->names, section_names, sizeof(section_names));
        file->ehdr = (ElfW(Ehdr)){
                .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                .e_type = ET_DYN,
                .e_machine = elfsym_machine->elf,
                .e_version = EV_CURRENT,
                .e_ehsize = sizeof(file->ehdr),
                .e_shoff = offsetof(struct made_file, sections),
                .e_shentsize = sizeof(file->sections[0]),
                .e_shnum = 3,
                .e_shstrndx = 1,
        };
        file->sections[0] = (ElfW(Shdr)){ 0 };
        file->sections[1] = (ElfW(Shdr)){
                .sh_name = 1,
                .sh_type = SHT_STRTAB,
                .sh_offset = offsetof(struct made_file, names),
                .sh_size = sizeof(section_names),
                .sh_addralign = 1,
        };
        file->sections[2] = (ElfW(Shdr)){
                .sh_name = sizeof("\0.shstrtab"),
                .sh_type = SHT_PROGBITS,
                .sh_flags = SHF_ALLOC,
                .sh_addr = cfi->address - cie_len,
                .sh_offset = offsetof(struct made_file, frame),
                .sh_size = len + END,
                .sh_addralign = 1,
        };
        return offsetof(struct made_file, frame) + len + END;
}

static void take_register(Dwarf_Frame *frame, struct elfsym_unwind *unwind, unsigned slot, int number)
{
        Dwarf_Op room[3], *ops = NULL;
        size_t n = 0;

        if (dwarf_frame_register(frame, number, room, &ops, &n) != 0)
                unwind->how[slot] = ELFSYM_HOW_UNKNOWN;
        else if (n > 0)
                elfsym_expression_take(unwind, slot, ops, n, false);
        else if (slot != ELFSYM_SLOT_RETURN)
                unwind->how[slot] = ops ? ELFSYM_HOW_UNKNOWN : ELFSYM_HOW_SAME;
        else if (ops)
                unwind->how[slot] = ELFSYM_HOW_END;
        else /* It stays where the call has put it. The pc itself would lead nowhere. */
                unwind->how[slot] = elfsym_base_of((uint64_t)number) < ELFSYM_GENERAL_MAX
                                            ? ELFSYM_HOW(ELFSYM_HOW_VALUE, elfsym_base_of((uint64_t)number))
                                            : ELFSYM_HOW_UNKNOWN;
}

static int take_frame(Dwarf_Frame *frame, const struct elfsym_cfi *cfi, uint64_t pc, struct elfsym_unwind *ret)
{
        Dwarf_Op *ops = NULL;
        size_t n = 0;
        Dwarf_Addr end = 0;
        bool is_signal = false;
        int return_register = dwarf_frame_info(frame, NULL, &end, &is_signal);

        *ret = (struct elfsym_unwind){ .begin = cfi->begin, .end = end, .is_signal = is_signal };
        if (return_register < 0 || ret->begin > pc || end <= pc || dwarf_frame_cfa(frame, &ops, &n) != 0)
                return ELFSYM_E_DAMAGED;
        elfsym_expression_take(ret, ELFSYM_SLOT_CFA, ops, n, true);
        take_register(frame, ret, ELFSYM_SLOT_RETURN, return_register);
        for (unsigned i = 0; i < ELFSYM_SAVED_MAX; i++)
                take_register(frame, ret, i, elfsym_machine->general[i]);
        return 0;
}

/* Gives the file to libdw. */
static int evaluate_file(struct made_file *file, size_t size, const struct elfsym_cfi *cfi, uint64_t pc,
                         struct elfsym_unwind *ret)
{
        elf_version(EV_CURRENT);

        Elf *elf = elf_memory((char *)file, size);
        Dwarf_CFI *table = elf ? dwarf_getcfi_elf(elf) : NULL;
        Dwarf_Frame *frame = NULL;
        int r = ELFSYM_E_DAMAGED;

        if (table && dwarf_cfi_addrframe(table, pc, &frame) == 0)
                r = take_frame(frame, cfi, pc, ret);
        free(frame);
        dwarf_cfi_end(table);
        elf_end(elf);
        return r;
}

/* The rule of a signal's frame that has no entry. @pc may be 1 less than where the instructions are. */
static int recognise_signal(const struct elfsym_memory *memory, uint64_t pc, struct elfsym_unwind *ret)
{
        const struct elfsym_machine *m = elfsym_machine;
        uint64_t at = (pc + 3) & ~UINT64_C(3);
        uint32_t code[2];

        if (m->sigreturn[0] == 0 || elfsym_table_read(memory, at, code, sizeof(code)) != 0 ||
            memcmp(code, m->sigreturn, sizeof(code)) != 0)
                return ELFSYM_E_NOT_FOUND;
        *ret = (struct elfsym_unwind){ .begin = at - 1, .end = at + sizeof(code), .is_signal = true };
        for (int i = 0; i < ELFSYM_SLOTS; i++)
                ret->how[i] = ELFSYM_HOW(ELFSYM_HOW_AT, ELFSYM_BASE_SP);
        for (int i = 0; i < ELFSYM_SAVED_MAX; i++)
                ret->offset[i] = m->signal_saved + 8 * i;
        ret->offset[ELFSYM_SLOT_RETURN] = m->signal_pc;
        ret->offset[ELFSYM_SLOT_CFA] = m->signal_sp;
        return 0;
}

/* Finds the entry that is about @pc. */
static int get_entry(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                     struct elfsym_cfi *cfi)
{
        uint64_t fde;
        int r = elfsym_table_search(memory, frames, pc, &fde);

        if (r == 0)
                r = read_entries(memory, frames, fde, cfi);
        return r == 0 ? elfsym_program_check(cfi, pc) : r;
}

int elfsym_unwind_function(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                           uint64_t *ret)
{
        struct elfsym_cfi cfi;
        int r = get_entry(memory, frames, pc, &cfi);

        if (r == 0)
                *ret = cfi.function;
        return r;
}

int elfsym_unwind_find(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                       struct elfsym_unwind *ret)
{
        struct elfsym_cfi cfi;
        struct made_file file;
        struct elfsym_unwind unwind;
        int r = get_entry(memory, frames, pc, &cfi);

        if (r == 0)
                r = evaluate_file(&file, make_file(&cfi, &file), &cfi, pc, &unwind);
        if (r == ELFSYM_E_NOT_FOUND)
                r = recognise_signal(memory, pc, &unwind);
        if (r == 0)
                *ret = unwind;
        return r;
}
