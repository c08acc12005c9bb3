/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_INTERNED_H
#define TESTS_SUPPORT_INTERNED_H

#include "agent/profile/profile.h"

#include <criterion/criterion.h>

/* What a test interns, in one expression: its id. The test fails where the profile does not take it. */

static inline profile_id interned_function(struct profile *p, const char *name, const char *file, uint32_t first_line)
{
        profile_id id = 0;

        cr_assert_eq(profile_intern_function(p, name, file, first_line, &id), 0);
        return id;
}

static inline profile_id interned_frame(struct profile *p, profile_id function, uint32_t line)
{
        profile_id id = 0;

        cr_assert_eq(profile_intern_frame(p, function, line, &id), 0);
        return id;
}

static inline profile_id interned_native(struct profile *p, const struct profile_native *native)
{
        profile_id id = 0;

        cr_assert_eq(profile_intern_native(p, native, &id), 0);
        return id;
}

static inline profile_id interned_stack(struct profile *p, const profile_id *frames, size_t n)
{
        profile_id id = 0;

        cr_assert_eq(profile_intern_stack(p, frames, n, &id), 0);
        return id;
}

static inline profile_id interned_thread(struct profile *p, uint64_t tid, const char *name)
{
        profile_id id = 0;

        cr_assert_eq(profile_intern_thread(p, tid, name, &id), 0);
        return id;
}

#endif
