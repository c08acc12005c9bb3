/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REASON_LIBRARY_H
#define REASON_LIBRARY_H

/* Which function of a library a frame is. */

#include "reason.h"

/* Where a file lies: in a folder called "python3.11" or the like, or in a folder of packages. */
enum library_origin { ORIGIN_STDLIB, ORIGIN_PACKAGE };

/* A function's name is compared without its class, unless @function has one: "Lock.acquire". */
struct library_code {
        enum library_origin origin;
        const char *file, *function;
};

bool library_is_code(const struct reason_frame *frame, const struct library_code *code);

#endif
