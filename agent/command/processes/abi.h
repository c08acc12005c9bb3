/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_ABI_H
#define PROCESSES_ABI_H

/* --abi VERSION: what a process is to be taken for. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "311" or "3.11" to what pystack_open() takes: false if it is no version that can be read. */
bool abi_parse(const char *text, uint32_t *ret);

/* All that can be read: "27 36 311". */
void abi_list(char *ret, size_t size);

#endif
