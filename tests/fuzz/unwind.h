/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_UNWIND_H
#define TESTS_FUZZ_UNWIND_H

/* A small image with an unwinding table that can be forged, and whatever may be asked of one. */

#include "elfsym/elfsym.h"

#include <errno.h>
#include <link.h>
#include <string.h>

/* Where its parts are, as distances from its base. */
enum {
        IMAGE_NOTE = 0x120,
        IMAGE_HDR = 0x150,
        IMAGE_CIE = 0x200,
        IMAGE_FDE = 0x300,
        IMAGE_TEXT = 0x600,
        IMAGE_TEXT_END = 0x700,
        IMAGE_SIZE = IMAGE_TEXT_END,
};

#define IMAGE_BASE UINT64_C(0x7f0000001000)

struct image {
        uint8_t bytes[IMAGE_SIZE];
};

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Memory that has these bytes at IMAGE_BASE, and nothing else. */
struct image_memory {
        const uint8_t *bytes;
        size_t len;
        unsigned reads;
};

static inline ssize_t image_read(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct image_memory *memory = ctx;
        size_t done = 0;

        memory->reads++;
        for (size_t i = 0; i < n; i++) {
                uint64_t at = (uintptr_t)remote[i].iov_base - IMAGE_BASE;

                if (at > memory->len || remote[i].iov_len > memory->len - at)
                        break;
                memcpy((char *)buf + done, memory->bytes + at, remote[i].iov_len);
                done += remote[i].iov_len;
        }
        return done > 0 ? (ssize_t)done : -EFAULT;
}

static inline bool image_load(void *ctx, uint64_t addr, uint64_t *ret)
{
        struct iovec span = { .iov_base = (void *)(uintptr_t)addr, .iov_len = sizeof(*ret) };

        return image_read(ctx, ret, &span, 1) == sizeof(*ret);
}

static inline void image_put(struct image *image, size_t at, const void *bytes, size_t len)
{
        memcpy(image->bytes + at, bytes, len);
}

/* Puts an entry whose length stands before it. @id: of a CIE 0, of an FDE the distance to its CIE. */
static inline void image_put_entry(struct image *image, size_t at, uint32_t id, const void *bytes, uint32_t len)
{
        uint32_t head[2] = { len + sizeof(id), id };

        image_put(image, at, head, sizeof(head));
        image_put(image, at + sizeof(head), bytes, len);
}

/* Puts an FDE for all of the text, with these instructions. */
static inline void image_put_fde(struct image *image, const void *instructions, size_t len)
{
        uint8_t bytes[IMAGE_TEXT - IMAGE_FDE - 8] = { 0 };
        int32_t range[2] = { IMAGE_TEXT - (IMAGE_FDE + 8), IMAGE_TEXT_END - IMAGE_TEXT };

        memcpy(bytes, range, sizeof(range)); /* then the length of augmentation data: 0 */
        memcpy(bytes + sizeof(range) + 1, instructions, len);
        image_put_entry(image, IMAGE_FDE, IMAGE_FDE + 4 - IMAGE_CIE, bytes, (uint32_t)(sizeof(range) + 1 + len));
}

/* DWARF's numbers of the stack pointer, the return address, the first saved register and a scratch register. */
#if defined(__aarch64__)
#define IMAGE_SP 31
#define IMAGE_RA 30
#define IMAGE_FIRST_SAVED 19
#define IMAGE_SCRATCH 9
#define IMAGE_SCRATCH_REGISTER (ELFSYM_X0 + 9)
#else
#define IMAGE_SP 7
#define IMAGE_RA 16
#define IMAGE_FIRST_SAVED 3
#define IMAGE_SCRATCH 10
#define IMAGE_SCRATCH_REGISTER ELFSYM_R10
#endif

/* An image in which all functions have stored the return address in the last word below the CFA, which is sp + 16. */
static inline void image_make(struct image *image)
{
        static const uint8_t cie[] = { 1,
                                       'z',
                                       'R',
                                       0,
                                       1,
                                       0x78,
                                       IMAGE_RA,
                                       1,
                                       0x1b,
                                       0x0c /* def_cfa */,
                                       IMAGE_SP,
                                       16,
                                       0x80 /* offset */ | IMAGE_RA,
                                       1 };
        static const uint8_t note[] = { 4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0, 0x01, 0x23, 0xab, 0xff };
        ElfW(Ehdr) ehdr = __ehdr_start;
        const ElfW(Phdr) segments[] = {
                { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = IMAGE_SIZE, .p_memsz = IMAGE_SIZE },
                { .p_type = PT_GNU_EH_FRAME, .p_vaddr = IMAGE_HDR, .p_filesz = 20, .p_memsz = 20 },
                { .p_type = PT_NOTE, .p_vaddr = IMAGE_NOTE, .p_filesz = sizeof(note), .p_memsz = sizeof(note) },
        };
        struct {
                uint8_t form[4];
                int32_t eh_frame, entries, start, fde;
        } hdr = {
                { 1, 0x1b, 0x03, 0x3b }, IMAGE_CIE - IMAGE_HDR - 4, 1, IMAGE_TEXT - IMAGE_HDR, IMAGE_FDE - IMAGE_HDR
        };

        *image = (struct image){ 0 };
        ehdr.e_type = ET_DYN;
        ehdr.e_phoff = sizeof(ehdr);
        ehdr.e_phnum = sizeof(segments) / sizeof(segments[0]);
        image_put(image, 0, &ehdr, sizeof(ehdr));
        image_put(image, sizeof(ehdr), segments, sizeof(segments));
        image_put(image, IMAGE_NOTE, note, sizeof(note));
        image_put(image, IMAGE_HDR, &hdr, sizeof(hdr));
        image_put_entry(image, IMAGE_CIE, 0, cie, sizeof(cie));
        image_put_fde(image, "", 0);
}

/* Asks everything of the image at IMAGE_BASE. Any answer will do, but one must come. */
static inline void image_exercise(const uint8_t *bytes, size_t len)
{
        struct image_memory ctx = { .bytes = bytes, .len = len };
        const struct elfsym_memory memory = { image_read, &ctx };
        struct elfsym_frames frames;

        if (elfsym_frames_open(&memory, IMAGE_BASE, &frames) != 0)
                return;
        for (uint64_t at = 0; at <= IMAGE_TEXT_END - IMAGE_TEXT; at += 37) {
                struct elfsym_registers regs = { .pc = IMAGE_BASE + IMAGE_TEXT + at, .sp = IMAGE_BASE };
                struct elfsym_unwind unwind;

                memset(regs.general, (int)at, sizeof(regs.general));
                regs.general[0] = IMAGE_BASE + 64;
                regs.known = (uint32_t)at;
                if (elfsym_unwind_ahead(&memory, &frames, regs.pc, &unwind) == 0) {
                        struct elfsym_registers copy = regs;

                        (void)elfsym_unwind_step(&unwind, image_load, &ctx, &copy);
                }
                if (elfsym_unwind_find(&memory, &frames, regs.pc, &unwind) != 0)
                        continue;
                for (unsigned depth = 0; depth < 64; depth++)
                        if (elfsym_unwind_step(&unwind, image_load, &ctx, &regs) != 0)
                                break;
                (void)elfsym_unwind_by_frame_pointer(image_load, &ctx, &regs);
        }
}

#endif
