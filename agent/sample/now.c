/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one stack on demand. */
#include "internal.h"

#include <sched.h>

int sample_now(struct pystack *py, struct pystack_thread *thread, pid_t tid, struct pystack_stack *ret)
{
        cpu_set_t before;
        bool known = sched_getaffinity(0, sizeof before, &before) == 0;
        int e;

        if (reader_pursue(py, thread, tid, -1, ret, &e) && known)
                sched_setaffinity(0, sizeof before, &before);
        return e;
}
