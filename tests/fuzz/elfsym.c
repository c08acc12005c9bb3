/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes elfsym with a file's bytes, as a file and as an image in memory. */
#include "tests/fuzz/elfsym.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct memory {
        const uint8_t *bytes;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct memory memory = { .bytes = data, .len = size };
        int fd = memfd_create("elf", MFD_CLOEXEC);
        struct elfsym *elf;

        if (fd < 0 || write(fd, data, size) != (ssize_t)size)
                abort();
        if (elfsym_open_fd(fd, &elf) == 0) {
                elfsym_exercise(elf);
                elfsym_close(elf);
        }
        close(fd);
        if (elfsym_open_image(read_memory, &memory, 0, &elf) == 0) {
                elfsym_exercise(elf);
                elfsym_close(elf);
        }
        return 0;
}
