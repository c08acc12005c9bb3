/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for our own locks does not look like one that waits for a target's memory. */
#include "agent/sample/internal.h"
#include "tests/unit/support/suite.h"

#include "nsutil/attempt.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

SUITE(sample_lock);

#define LOOKS 17 /* every 100 ms: for longer than NSUTIL_STILL_MS */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static _Atomic pid_t waiting;

static void *wait_for_turn(void *arg)
{
        waiting = gettid();
        target_lock_turn(&turn);
        pthread_mutex_unlock(&turn);
        return arg;
}

Test(sample_lock, waiting_for_a_turn_is_not_hanging)
{
        struct nsutil_pulse pulse = { 0 };
        bool stands = false;
        pthread_t thread;

        pthread_mutex_lock(&turn);
        cr_assert_eq(pthread_create(&thread, NULL, wait_for_turn, NULL), 0);
        while (waiting == 0)
                poll(NULL, 0, 1);
        for (int i = 0; i < LOOKS; i++) {
                stands |= nsutil_pulse_stands(&pulse, waiting);
                poll(NULL, 0, 100);
        }
        cr_expect(!stands);
        pthread_mutex_unlock(&turn);
        pthread_join(thread, NULL);
}
