/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_LINES_H
#define PYSTACK_LINES_H

#include "pystack/layout/layout.h"

/*
 * The line of the instruction at byte offset @at of the bytecode, by a line table of @len bytes. @first_line if @at
 * is negative (the frame has not begun); 0 if the instruction has no line. A damaged table gives some line or 0, and
 * is never read beyond its end.
 */
uint32_t lines_find(enum layout_lines kind, const uint8_t *table, size_t len, uint32_t first_line, int32_t at);

#endif
