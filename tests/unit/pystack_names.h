/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PYSTACK_NAMES_H
#define TESTS_PYSTACK_NAMES_H

#include "pystack/pystack.h"

/* What the frame's code object is called, and its file, decoded. Valid until a few more were asked for. */
const char *frame_name(const struct pystack_frame *frame);
const char *frame_file(const struct pystack_frame *frame);

#endif
