/* SPDX-License-Identifier: Apache-2.0 */
/* A line of /proc/kallsyms is "ADDRESS TYPE NAME", and "\t[MODULE]" if it is not of the kernel itself. */
#include "symbol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel of a distribution has 200 000 lines. */
#define LINES_MAX ((size_t)1 << 20)

struct kernel_function {
        uint64_t address;
        char *name;
};

struct symbols_kernel {
        struct kernel_function *functions; /* ascending */
        size_t n, cap;
};

static bool is_function(char type)
{
        return strchr("tTwW", type) != NULL;
}

static int add_function(struct symbols_kernel *kernel, uint64_t address, const char *name)
{
        if (kernel->n == kernel->cap) {
                size_t cap = kernel->cap ? 2 * kernel->cap : 4096;
                struct kernel_function *grown = reallocarray(kernel->functions, cap, sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                kernel->functions = grown;
                kernel->cap = cap;
        }
        char *copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        kernel->functions[kernel->n++] = (struct kernel_function){ address, copy };
        return 0;
}

static int by_address(const void *a, const void *b)
{
        const struct kernel_function *left = a, *right = b;

        return (left->address > right->address) - (left->address < right->address);
}

static int read_lines(FILE *file, struct symbols_kernel *kernel)
{
        char *line = NULL;
        size_t size = 0;
        int e = 0;

        for (size_t i = 0; e == 0 && i < LINES_MAX && getline(&line, &size, file) > 0; i++) {
                unsigned long long address;
                char type, name[256];
                if (sscanf(line, "%llx %c %255s", &address, &type, name) == 3 && address != 0 && is_function(type))
                        e = add_function(kernel, address, name);
        }
        free(line);
        return e;
}

int symbols_kernel_open(int fd, struct symbols_kernel **ret)
{
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        FILE *file = own >= 0 && lseek(own, 0, SEEK_SET) == 0 ? fdopen(own, "r") : NULL;
        struct symbols_kernel *kernel = calloc(1, sizeof *kernel);
        int e = !file ? -errno : !kernel ? -ENOMEM : read_lines(file, kernel);

        if (file)
                fclose(file);
        else if (own >= 0)
                close(own);
        if (e == 0 && kernel->n == 0)
                e = -EACCES;
        if (e != 0) {
                symbols_kernel_close(kernel);
                return e;
        }
        qsort(kernel->functions, kernel->n, sizeof *kernel->functions, by_address);
        *ret = kernel;
        return 0;
}

void symbols_kernel_close(struct symbols_kernel *kernel)
{
        if (!kernel)
                return;
        for (size_t i = 0; i < kernel->n; i++)
                free(kernel->functions[i].name);
        free(kernel->functions);
        free(kernel);
}

/* No function is longer. Beyond its last function nothing is known of a module. */
#define FUNCTION_MAX (1u << 20)

const char *symbols_kernel_find(const struct symbols_kernel *kernel, uint64_t address)
{
        size_t low = 0, high = kernel->n;

        while (low < high) {
                size_t middle = (low + high) / 2;
                if (kernel->functions[middle].address <= address)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0 || address - kernel->functions[low - 1].address > FUNCTION_MAX)
                return NULL;
        return kernel->functions[low - 1].name;
}
