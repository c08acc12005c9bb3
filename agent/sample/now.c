/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stack on demand. A running thread is preempted by being where it runs; if
 * the scheduler moves it elsewhere meanwhile, it is followed.
 */
#include "internal.h"

#include "nsutil/nsutil.h"

#include <sched.h>

/* A thread that sleeps is read at once; one that runs is followed this often. */
#define PURSUITS_MAX 50
#define TRIES_EACH 4

int sample_now(struct pystack *py, struct pystack_thread *thread, pid_t tid, struct pystack_stack *ret)
{
        cpu_set_t before;
        bool moved = sched_getaffinity(0, sizeof before, &before) == 0;
        int r = PYSTACK_E_TORN;

        for (unsigned i = 0; r == PYSTACK_E_TORN && i < PURSUITS_MAX; i++) {
                struct nsutil_stat stat;
                if (nsutil_stat_read(tid, &stat) == 0 && stat.state == 'R')
                        reader_pin(stat.cpu);
                r = pystack_sample(py, thread, TRIES_EACH, ret);
        }
        if (moved)
                sched_setaffinity(0, sizeof before, &before);
        return r;
}
