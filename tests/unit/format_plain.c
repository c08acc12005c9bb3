/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"

SUITE(text);

Test(text, one_profile)
{
        helper_expect("text", helper_set(helper_service()),
                      "Container  web\n"
                      "Service    billing-api\n"
                      "Program    python3\n"
                      "PID        42\n"
                      "Mode       cpu, 100 Hz, perf ticks, 10.0 s\n"
                      "Samples    10\n"
                      "Ticks      12, ok 10, retried 1, torn 2\n"
                      "\n"
                      "    SELF      %    TOTAL      %  FUNCTION\n"
                      "       7  70.0%        7  70.0%  dumps  /usr/lib/python3.11/json/__init__.py\n"
                      "       3  30.0%       10 100.0%  handle  /app/main.py\n"
                      "       0   0.0%       10 100.0%  <module>  /app/main.py\n");
}

Test(text, several_profiles_add_up)
{
        struct profile_set set = helper_set(helper_service());

        profile_set_add(&set, helper_frame("\x1b[2J", "", 1));
        helper_expect("text", set,
                      "Processes  2\n"
                      "Mode       cpu, 100 Hz, perf ticks, 10.0 s\n"
                      "Samples    11\n"
                      "Ticks      12, ok 10, retried 1, torn 2\n"
                      "\n"
                      "    SELF      %    TOTAL      %  FUNCTION\n"
                      "       7  63.6%        7  63.6%  dumps  /usr/lib/python3.11/json/__init__.py\n"
                      "       3  27.3%       10  90.9%  handle  /app/main.py\n"
                      "       1   9.1%        1   9.1%  \\x1b[2J\n"
                      "       0   0.0%       10  90.9%  <module>  /app/main.py\n");
}
