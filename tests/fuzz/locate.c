/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file that a process has mapped, the process being this one: it is searched for an interpreter as
 * any other, through the kernel. The file's name is one of those that matter.
 */
#include "pystack/locate/locate.h"
#include "pystack/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const names[] = { "python3.11", "ld-linux.so", "pypy3", "uwsgi", "micropython", "libjvm.so", "app" };
#define NAMES (sizeof names / sizeof *names)

static char folder[] = "/dev/shm/podflame-locate-XXXXXX";
static int files[NAMES];

static void remove_folder(void)
{
        char path[64];

        for (size_t i = 0; i < NAMES; i++) {
                snprintf(path, sizeof path, "%s/%s", folder, names[i]);
                unlink(path);
        }
        rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        char path[64];

        (void)argc;
        (void)argv;
        if (!mkdtemp(folder))
                abort();
        atexit(remove_folder);
        for (size_t i = 0; i < NAMES; i++) {
                snprintf(path, sizeof path, "%s/%s", folder, names[i]);
                files[i] = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
                if (files[i] < 0)
                        abort();
        }
        return 0;
}

/* As the dynamic linker leaves a file of one page: what lies behind its end reads as zeros. */
static void *map(int fd, const uint8_t *data, size_t len, bool whole)
{
        if (ftruncate(fd, 0) != 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
                abort();
        void *at = mmap(NULL, len, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
                abort();
        /* A file that is cut while it is looked at. */
        if (!whole && ftruncate(fd, (off_t)(len / 2)) != 0)
                abort();
        return at;
}

/* The bytes as a function's code, on each machine. */
static void decode(const uint8_t *data, size_t len)
{
        uint8_t code[16] = { 0 };

        memcpy(code, data, len < sizeof code ? len : sizeof code);
        for (uint64_t kind = 0; machine_get(kind); kind++)
                (void)machine_get(kind)->decode_head(code, 0x5000ff8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        decode(data, len);
        if (len < 3)
                return 0;
        const uint32_t *abis = pystack_abis();
        struct pystack_memory remote = pystack_process_memory(getpid());
        struct pystack_info info;
        struct pystack *py = NULL;
        uint32_t abi = data[1] < 14 ? abis[data[1]] : 0;
        void *at = map(files[*data % NAMES], data + 2, len - 2, *data < 0x80);
        int e = pystack_open(&(struct pystack_options){ .pid = getpid(), .abi = abi }, &py, &info);

        if (e == 0 ? !py : !*pystack_strerror(e))
                abort();
        pystack_close(py);
        (void)rseq_find(getpid(), &remote);
        munmap(at, len - 2);
        return 0;
}
