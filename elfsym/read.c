/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from a file or an image. Files are read by pread only: if a file was mapped and its owner truncated it,
 * SIGBUS would kill the reader. No result of an earlier check is relied upon, so a file that changes meanwhile can give
 * wrong answers but cause no wrong reads.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int pread_all(int fd, uint64_t offset, char *buf, size_t len)
{
        while (len > 0) {
                ssize_t n = pread(fd, buf, len, (off_t)offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return ELFSYM_E_RANGE;
                buf += n;
                len -= (size_t)n;
                offset += (uint64_t)n;
        }
        return 0;
}

static int copy_bytes(const struct elfsym *elf, uint64_t offset, void *buf, size_t len)
{
        if (offset > elf->file_len || len > elf->file_len - offset)
                return ELFSYM_E_RANGE;
        memcpy(buf, elf->file + offset, len);
        return 0;
}

int elfsym_read_at(const struct elfsym *elf, uint64_t offset, void *buf, size_t len)
{
        if (offset > INT64_MAX || len > INT64_MAX - offset)
                return ELFSYM_E_RANGE;
        if (elf->read)
                return elf->read(elf->ctx, elf->base + offset, buf, len);
        if (elf->file)
                return copy_bytes(elf, offset, buf, len);
        return pread_all(elf->fd, offset, buf, len);
}

bool elfsym_next_segment(const struct elfsym *elf, uint32_t type, size_t *i, GElf_Phdr *ret)
{
        while (*i < elf->segments_n) {
                GElf_Phdr phdr;

                if (!gelf_getphdr(elf->elf, (int)(*i)++, &phdr) || phdr.p_type != type)
                        continue;
                *ret = phdr;
                return true;
        }
        return false;
}

int elfsym_read(struct elfsym *elf, uint64_t value, void *buf, size_t len)
{
        GElf_Phdr phdr;
        size_t i = 0;

        while (elfsym_next_segment(elf, PT_LOAD, &i, &phdr)) {
                uint64_t delta = value - phdr.p_vaddr;
                uint64_t offset;

                if (value < phdr.p_vaddr || delta > phdr.p_filesz || len > phdr.p_filesz - delta)
                        continue;
                if (elf->read)
                        return elf->read(elf->ctx, elf->bias + value, buf, len);
                if (__builtin_add_overflow(phdr.p_offset, delta, &offset))
                        return ELFSYM_E_RANGE;
                return elfsym_read_at(elf, offset, buf, len);
        }
        return ELFSYM_E_RANGE;
}
