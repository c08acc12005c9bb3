/* SPDX-License-Identifier: Apache-2.0 */
/* Where the unwinding table of a mapped image lies. */
#include "internal.h"
#include "table.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#define PAGE 4096

/* Reads as far as it goes. Spans end where pages do: whether a part of a span is read depends on the reader. */
int elfsym_table_read_some(const struct elfsym_memory *memory, uint64_t addr, void *buf, size_t len, size_t *ret_len)
{
        struct iovec spans[8];
        size_t n = 0;

        for (size_t done = 0; done < len && n < sizeof(spans) / sizeof(spans[0]); n++) {
                uint64_t at = addr + done;
                size_t left = PAGE - at % PAGE;

                left = left < len - done ? left : len - done;
                spans[n] = (struct iovec){ .iov_base = (void *)(uintptr_t)at, .iov_len = left };
                done += left;
        }

        ssize_t got = memory->read(memory->ctx, buf, spans, n);

        if (got == -EFAULT || got == 0)
                return ELFSYM_E_RANGE;
        if (got < 0)
                return (int)got;
        *ret_len = (size_t)got;
        return 0;
}

int elfsym_table_read(const struct elfsym_memory *memory, uint64_t addr, void *buf, size_t len)
{
        size_t got = 0;
        int r = elfsym_table_read_some(memory, addr, buf, len, &got);

        return r == 0 && got != len ? ELFSYM_E_RANGE : r;
}

static int fetch_image(void *ctx, uint64_t addr, void *buf, size_t len)
{
        char *to = buf;

        for (size_t done = 0; done < len;) {
                size_t n = len - done < PAGE ? len - done : PAGE;
                int r = elfsym_table_read(ctx, addr + done, to + done, n);

                if (r != 0)
                        return r;
                done += n;
        }
        return 0;
}

/* The hull of the segments that have all of @flags. */
static bool measure_segments(const struct elfsym *elf, uint32_t flags, uint64_t *ret_begin, uint64_t *ret_end)
{
        uint64_t begin = UINT64_MAX, end = 0;
        GElf_Phdr phdr;
        size_t i = 0;

        while (elfsym_next_segment(elf, PT_LOAD, &i, &phdr)) {
                uint64_t from = elf->bias + phdr.p_vaddr, to;

                if ((phdr.p_flags & flags) != flags || phdr.p_memsz == 0 ||
                    __builtin_add_overflow(from, phdr.p_memsz, &to))
                        continue;
                begin = from < begin ? from : begin;
                end = to > end ? to : end;
        }
        if (begin >= end)
                return false;
        *ret_begin = begin;
        *ret_end = end;
        return true;
}

/* The only form that linkers write: LSB Core 5.0, 10.6.2; GNU ld, gold and lld all do. */
static const uint8_t known_form[] = { 1 /* version */, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4,
                                      DW_EH_PE_datarel | DW_EH_PE_sdata4 };

static int locate_table(struct elfsym *elf, struct elfsym_frames *frames)
{
        struct {
                uint8_t form[4];
                int32_t eh_frame;
                uint32_t entries;
        } head;
        GElf_Phdr phdr;
        size_t i = 0;

        if (!elfsym_next_segment(elf, PT_GNU_EH_FRAME, &i, &phdr) || phdr.p_memsz < sizeof(head))
                return 0;

        int r = elfsym_read(elf, phdr.p_vaddr, &head, sizeof(head));

        if (r != 0)
                return r < 0 ? r : 0;

        uint64_t hdr = elf->bias + phdr.p_vaddr;
        uint64_t room = frames->end - hdr < phdr.p_memsz ? frames->end - hdr : phdr.p_memsz;

        if (memcmp(head.form, known_form, sizeof(known_form)) != 0 || hdr < frames->begin || hdr >= frames->end)
                return 0;
        if (room < sizeof(head) || head.entries > (room - sizeof(head)) / 8)
                return 0;
        frames->hdr = hdr;
        frames->entries = head.entries;
        return 0;
}

int elfsym_frames_open(const struct elfsym_memory *memory, uint64_t base, struct elfsym_frames *ret)
{
        struct elfsym_memory copy = *memory;
        struct elfsym_frames frames = { .base = base };
        struct elfsym *elf;
        int r = elfsym_open_image(fetch_image, &copy, base, &elf);

        if (r != 0)
                return r;
        frames.bias = elfsym_load_bias(elf, base);
        if (measure_segments(elf, 0, &frames.begin, &frames.end)) {
                measure_segments(elf, PF_X, &frames.text_begin, &frames.text_end);
                r = locate_table(elf, &frames);
        }
        if (r == 0)
                r = elfsym_build_id(elf, frames.build_id);
        r = r == ELFSYM_E_NOT_FOUND ? 0 : r;
        if (r == 0)
                *ret = frames;
        elfsym_close(elf);
        return r;
}
