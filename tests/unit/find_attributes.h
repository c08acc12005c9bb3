/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FIND_ATTRIBUTES_H
#define TESTS_FIND_ATTRIBUTES_H

#include "agent/find/find.h"

/* "KEY=VALUE;" of each attribute of find_resource_next(). Borrowed until the next call. */
const char *attributes_list(const struct find_process *process);

#endif
