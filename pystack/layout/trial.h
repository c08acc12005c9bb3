/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TRIAL_H
#define PYSTACK_TRIAL_H

#include "pystack/internal.h"

/*
 * Whether @py's layout, which is a guess, yields the main thread, and stacks of code objects. 0: it does.
 * PYSTACK_E_UNSUPPORTED: it does not. PYSTACK_E_TORN: all threads kept running. Other errors are of reading. Takes up
 * to 0.1 s.
 */
int trial_run(struct pystack *py);

#endif
