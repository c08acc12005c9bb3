/* SPDX-License-Identifier: Apache-2.0 */
/* Children and threads that wait are made as in nsutil's tests. */
#include "tests/unit/nsutil_helper.c"
#include "tests/unit/nsutil_wait_scenes.c"
#include "tests/unit/nsutil_wait_stage.c"
