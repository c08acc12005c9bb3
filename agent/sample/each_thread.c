/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Visits the threads of a process. A list may lack a thread that was started while the list was made. So the threads
 * are listed again until a list has no new thread.
 */
#include "each_thread.h"

#include "nsutil/nsutil.h"

#include <stdbool.h>
#include <stdlib.h>

static bool is_listed(const struct nsutil_thread *threads, size_t n, pid_t tid)
{
        for (size_t i = 0; i < n; i++)
                if (threads[i].tid == tid)
                        return true;
        return false;
}

int each_thread(pid_t pid, int (*fn)(pid_t tid, void *ctx), void *ctx, unsigned *ret_n)
{
        struct nsutil_thread *before = NULL, *threads;
        size_t n_before = 0, n;
        unsigned added = 1, sum = 0;
        int e = 0;

        while (e == 0 && added > 0) {
                added = 0;
                e = nsutil_threads_read(pid, &threads, &n);
                if (e != 0)
                        break;
                for (size_t i = 0; e == 0 && i < n; i++) {
                        if (is_listed(before, n_before, threads[i].tid))
                                continue;
                        e = fn(threads[i].tid, ctx);
                        added++;
                }
                free(before);
                before = threads;
                n_before = n;
                sum += added;
        }
        free(before);
        *ret_n = sum;
        return e;
}
