/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries out the offsets that a newer version, or a pre-release, publishes of itself: are there stacks where they say?
 * Only a stack that was read twice alike and makes no sense speaks against them. A thread that keeps running, or
 * ends, says nothing. A thread that is at work on its frames makes no sense at that moment, so there are several
 * rounds.
 */
#include "trial.h"

#include "pystack/trace.h"

#include <time.h>

/* Threads that are tried in a round, and snapshots that are taken of each. */
#define THREADS 16
#define TRIES 20

#define ROUNDS 10
#define PAUSE_NS 8000000

enum verdict {
        VERDICT_NONE,
        VERDICT_SENSE,
        VERDICT_NONSENSE,
};

/* *@frames counts the thread's. */
static int try_thread(struct pystack *py, const struct pystack_thread_ref *ref, size_t *frames, enum verdict *ret)
{
        struct pystack_thread *thread;
        struct pystack_stack stack = { 0 };
        int e = pystack_thread_open(py, ref, &thread);

        if (e == 0)
                e = pystack_sample(py, thread, TRIES, &stack);
        pystack_thread_close(thread);
        *frames += stack.n;
        *ret = VERDICT_NONE;
        if (e == 0)
                *ret = VERDICT_SENSE;
        else if (e == PYSTACK_E_CORRUPT || (e == PYSTACK_E_TORN && py->sample.senseless >= TRIES))
                *ret = VERDICT_NONSENSE;
        return e < 0 || e == PYSTACK_E_DENIED || e == PYSTACK_E_COSTLY ? e : 0;
}

static int run_round(struct pystack *py, enum verdict *ret)
{
        const struct pystack_thread_ref *refs;
        size_t n = 0, frames = 0;
        bool main = false, torn = false, nonsense = false;
        int e = pystack_threads(py, &refs, &n);

        for (size_t i = 0; e == 0 && i < n && i < THREADS; i++) {
                enum verdict verdict;
                main = main || refs[i].main;
                e = try_thread(py, &refs[i], &frames, &verdict);
                torn = torn || verdict == VERDICT_NONE;
                nonsense = nonsense || verdict == VERDICT_NONSENSE;
        }
        *ret = VERDICT_NONSENSE;
        if (!nonsense && main && frames > 0)
                *ret = VERDICT_SENSE;
        else if (!nonsense && torn)
                *ret = VERDICT_NONE;
        return e == PYSTACK_E_CORRUPT ? 0 : e;
}

int trial_run(struct pystack *py)
{
        const struct timespec pause = { .tv_nsec = PAUSE_NS };
        bool torn = false;

        for (unsigned i = 0; py->runtime.code_type && i < ROUNDS; i++) {
                enum verdict verdict;
                if (i > 0)
                        nanosleep(&pause, NULL);
                int e = run_round(py, &verdict);
                if (e != 0 || verdict == VERDICT_SENSE)
                        return e;
                torn = torn || verdict == VERDICT_NONE;
        }
        if (torn)
                return REFUSE(&py->memory, PYSTACK_E_TORN, .field = "trial of the version", .address = py->info.runtime,
                              .expected = "a thread that does not run on", .found = py->info.version);
        return REFUSE(&py->memory, PYSTACK_E_UNSUPPORTED, .field = "trial of the version", .address = py->info.runtime,
                      .expected = "code objects on the stack of the main thread", .found = py->info.version);
}
