/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LINES_H
#define PYSTACK_LINES_H

#include "pystack/layout/layout.h"

/*
 * The line of bytecode offset @at (bytes; negative: not started, gives
 * @first_line) by a line table of @len bytes. 0 if that instruction has no line.
 * Damaged tables give some line or 0, never an overread.
 */
uint32_t lines_find(enum layout_lines kind, const uint8_t *table, size_t len, uint32_t first_line, int32_t at);

#endif
