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
        FILE *file;                        /* NULL: it was read */
        struct kernel_function *functions; /* ascending */
        size_t n, cap;
};

static bool is_text_symbol(char type)
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
        struct kernel_function *function = &kernel->functions[kernel->n];
        function->address = address;
        function->name = strdup(name);
        if (!function->name)
                return -ENOMEM;
        kernel->n++;
        return 0;
}

static int by_address(const void *a, const void *b)
{
        const struct kernel_function *left = a, *right = b;

        return (left->address > right->address) - (left->address < right->address);
}

/* Scanning by scanf() would take twice as long as all else. */
static int add_line(struct symbols_kernel *kernel, char *line)
{
        char *at, *end;
        unsigned long long address = strtoull(line, &at, 16);

        if (address == 0 || at[0] != ' ' || at[1] == '\0' || !is_text_symbol(at[1]) || at[2] != ' ')
                return 0;
        end = at + 3 + strcspn(at + 3, "\t\n");
        *end = '\0';
        return add_function(kernel, address, at + 3);
}

static int read_lines(struct symbols_kernel *kernel)
{
        char *line = NULL;
        size_t size = 0;
        int e = 0;

        for (size_t i = 0; e == 0 && i < LINES_MAX && getline(&line, &size, kernel->file) > 0; i++)
                e = add_line(kernel, line);
        free(line);
        return e;
}

/* If memory runs out, some have no names. */
static void read_functions(struct symbols_kernel *kernel)
{
        if (fseek(kernel->file, 0, SEEK_SET) == 0)
                read_lines(kernel);
        fclose(kernel->file);
        kernel->file = NULL;
        if (kernel->n > 0)
                qsort(kernel->functions, kernel->n, sizeof *kernel->functions, by_address);
}

/* The kernel fills a page for each read. By itself, stdio would ask for a quarter of one. */
#define BUFFER_SIZE 4096

int symbols_kernel_open(int fd, struct symbols_kernel **ret)
{
        struct symbols_kernel *kernel = calloc(1, sizeof *kernel);
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        int e = own < 0 ? -errno : 0;

        if (e == 0 && kernel && (kernel->file = fdopen(own, "r")) &&
            setvbuf(kernel->file, NULL, _IOFBF, BUFFER_SIZE) == 0) {
                *ret = kernel;
                return 0;
        }
        if (own >= 0 && !(kernel && kernel->file))
                close(own);
        symbols_kernel_close(kernel);
        return e != 0 ? e : -ENOMEM;
}

void symbols_kernel_close(struct symbols_kernel *kernel)
{
        if (!kernel)
                return;
        if (kernel->file)
                fclose(kernel->file);
        for (size_t i = 0; i < kernel->n; i++)
                free(kernel->functions[i].name);
        free(kernel->functions);
        free(kernel);
}

/* No function is longer. Beyond its last function nothing is known of a module. */
#define FUNCTION_MAX (1u << 20)

const char *symbols_kernel_find(struct symbols_kernel *kernel, uint64_t address)
{
        if (kernel->file)
                read_functions(kernel);
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
