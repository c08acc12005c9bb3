/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes whose stacks take too long to read, or to decode: see backlog.h. A reader runs before all else on its CPU,
 * so other processes lack the time that a sample takes, although the reader only copies what is new. A stack with many
 * new functions takes some samples until it is known. If the samples of a process keep being too long, that process is
 * read more and more rarely, and other processes are not.
 */
#include "internal.h"

/* The CPU time of a sample: enough for 1000 code objects, and less than a program runs between two switches. */
#define SAMPLE_CPU_NS 2000000ull

/* How many samples in a row may be too long. By then a stack of 2048 functions is known, which is the deepest. */
#define COSTLY_MAX 8

#define REST_MIN_NS 4000000ull
#define REST_MAX_NS 1000000000ull

void restraint_open(struct target *t)
{
        pystack_limit(t->py, SAMPLE_CPU_NS);
}

bool restraint_rests(const struct target *t)
{
        return t->restraint.until_ns != 0 && clock_ns(CLOCK_MONOTONIC) < t->restraint.until_ns;
}

void restraint_note(struct target *t, int error)
{
        struct restraint *r = &t->restraint;

        if (error != PYSTACK_E_COSTLY) {
                *r = (struct restraint){ 0 };
                return;
        }
        if (++r->costly <= COSTLY_MAX)
                return;
        atomic_store(&t->restrained, true);
        r->rest_ns = r->rest_ns == 0 ? REST_MIN_NS : 2 * r->rest_ns;
        if (r->rest_ns > REST_MAX_NS)
                r->rest_ns = REST_MAX_NS;
        r->until_ns = clock_ns(CLOCK_MONOTONIC) + r->rest_ns;
}
