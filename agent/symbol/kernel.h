/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_KERNEL_H
#define SYMBOL_KERNEL_H

/* A part of symbol.h: names of the kernel's own functions, from /proc/kallsyms. */

#include <stdint.h>

struct symbols_kernel;

/*
 * Reads the names once: some 50 ms, and 50 bytes for each of its 60 000 to 200 000 functions. @fd is /proc/kallsyms, which
 * is not consumed. -EACCES: it has no addresses, since whoever has opened it lacked CAP_SYSLOG (kernel.kptr_restrict).
 */
int symbols_kernel_open(int fd, struct symbols_kernel **ret);

/* Accepts NULL. */
void symbols_kernel_close(struct symbols_kernel *kernel);

/*
 * The function that @address lies in: the last one that begins before it, in the kernel or in the same module. NULL: none
 * does. It lives as long as @kernel. Any thread may ask.
 */
const char *symbols_kernel_find(const struct symbols_kernel *kernel, uint64_t address);

#endif
