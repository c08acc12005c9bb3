/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_MARKING_H
#define PYSTACK_MARKING_H

#include "pystack/internal.h"

/*
 * Whether the thread is just finding out what is garbage, and so runs no Python code of a collection. It is frozen, which
 * @uninterrupted shows, and the last holder of the GIL, whose bytes lie at @gil and count @switches. A collection is in
 * progress, whose flag lies at @collecting. False if that does not show: before 3.8, and from 3.14 on.
 */
bool marking_is_shown(const struct pystack_thread *thread, const struct pystack_uninterrupted *uninterrupted,
                      uint64_t collecting, uint64_t gil, uint64_t switches);

#endif
