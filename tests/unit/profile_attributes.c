/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/profile/profile.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdio.h>

SUITE(profile_attributes);

Test(profile_attributes, set_replace_remove)
{
        struct profile *p = profile_new();
        const char *key;
        const char *value;

        cr_assert_null(profile_attribute(p, "host.name"));
        cr_assert_eq(profile_set_attribute(p, "host.name", "a"), 0);
        cr_assert_eq(profile_set_attribute(p, "process.pid", "1"), 0);
        cr_assert_eq(profile_set_attribute(p, "container.id", ""), 0);
        cr_assert_eq(profile_set_attribute(p, "host.name", "b"), 0);
        cr_assert_eq(profile_attributes(p), 3);
        cr_assert_str_eq(profile_attribute(p, "host.name"), "b");
        cr_assert_str_eq(profile_attribute(p, "container.id"), "");
        cr_assert_null(profile_attribute(p, "host"));

        cr_assert_eq(profile_set_attribute(p, "host.name", NULL), 0);
        cr_assert_eq(profile_set_attribute(p, "never.set", NULL), 0);
        cr_assert_eq(profile_attributes(p), 2);
        profile_attribute_at(p, 0, &key, &value);
        cr_assert_str_eq(key, "process.pid");
        cr_assert_str_eq(value, "1");
        profile_attribute_at(p, 1, &key, &value);
        cr_assert_str_eq(key, "container.id");
        profile_free(p);
}

Test(profile_attributes, a_value_may_be_set_to_itself)
{
        struct profile *p = profile_new();

        cr_assert_eq(profile_set_attribute(p, "service.name", "web"), 0);
        cr_assert_eq(profile_set_attribute(p, "service.name", profile_attribute(p, "service.name")), 0);
        cr_assert_str_eq(profile_attribute(p, "service.name"), "web");
        profile_free(p);
}

Test(profile_attributes, their_number_is_bounded)
{
        struct profile *p = profile_new();
        char key[32];
        int r = 0;

        for (unsigned i = 0; i < 1000 && r == 0; i++) {
                snprintf(key, sizeof(key), "label.%u", i);
                r = profile_set_attribute(p, key, "x");
        }
        cr_assert_eq(r, -ENOSPC);
        cr_assert_eq(profile_attributes(p), 128);
        cr_assert_eq(profile_set_attribute(p, "label.0", "y"), 0, "those there can still be changed");
        cr_assert_str_eq(profile_attribute(p, "label.0"), "y");
        profile_free(p);
}
