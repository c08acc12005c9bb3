/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_KERNEL_H
#define SYMBOL_KERNEL_H

/* A part of symbol.h: names of the kernel's own functions, from /proc/kallsyms. */

#include <stdint.h>

struct symbols_kernel;

/* @fd is /proc/kallsyms, which is not consumed. It is not read yet. 0, -ENOMEM, or the error of @fd. */
int symbols_kernel_open(int fd, struct symbols_kernel **ret);

/* Accepts NULL. */
void symbols_kernel_close(struct symbols_kernel *kernel);

/*
 * The function that @address lies in: the last one that begins before it, in the kernel or in the same module. NULL: none
 * does, or /proc/kallsyms has no addresses, since whoever has opened it lacked CAP_SYSLOG (kernel.kptr_restrict). It lives as
 * long as @kernel.
 *
 * The first call reads all names: 100 ms or more, and 50 bytes for each of its 60 000 to 200 000 functions. One thread at a
 * time may ask.
 */
const char *symbols_kernel_find(struct symbols_kernel *kernel, uint64_t address);

#endif
