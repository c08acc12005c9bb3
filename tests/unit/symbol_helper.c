/* SPDX-License-Identifier: Apache-2.0 */
/* Children and temporary folders are made as in nsutil's tests. */
#include "tests/unit/nsutil_helper.c"
