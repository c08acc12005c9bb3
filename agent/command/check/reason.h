/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_REASON_H
#define CHECK_REASON_H

/*
 * A step of check, diff or convert that fails writes a sentence to its @reason and returns this. It is positive, so that
 * it is neither an errno nor GO_ON.
 */
enum { CHECK_E_TOLD = 1 };

#endif
