/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_ABI_H
#define PROCESSES_ABI_H

/* --abi VERSION: the Python version as which a process is to be read. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Turns "311" or "3.11" into what pystack_open() takes. False if it is no version that can be read. */
bool abi_parse(const char *text, uint32_t *ret);

/* Lists all versions that can be read: "27 36 311". */
void abi_list(char *ret, size_t size);

#endif
