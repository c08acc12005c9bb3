/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"

#include <stdlib.h>
#include <string.h>

SUITE(speedscope);

#define MERGED "merged stacks, the heaviest first: the order is not that of time"
#define HEAD(period)                                                                                            \
        "{\"$schema\":\"https://www.speedscope.app/"                                                            \
        "file-format-schema.json\",\"exporter\":\"podflame " PODFLAME_VERSION "\",\"name\":\"podflame: " MERGED \
        "\",\"activeProfileIndex\":0,\"period_ns\":" period ",\"shared\":{\"frames\":["
#define PROFILE(unit, end)                                                                                       \
        "]},\"profiles\":[{\"type\":\"sampled\",\"name\":\"" MERGED "\",\"unit\":\"" unit "\",\"startValue\":0," \
        "\"endValue\":" end ",\"samples\":["

Test(speedscope, one_profile)
{
        helper_expect("speedscope", helper_set(helper_service()),
                      HEAD("10000000") "{\"name\":\"\\u003cmodule>\",\"file\":\"/app/main.py\",\"line\":40},"
                                       "{\"name\":\"handle\",\"file\":\"/app/main.py\",\"line\":12},"
                                       "{\"name\":\"dumps\",\"file\":\"/usr/lib/python3.11/json/"
                                       "__init__.py\",\"line\":231}" PROFILE(
                                               "nanoseconds", "100000000") "[0,1,2],[0,1]],\"weights\":[70000000,"
                                                                           "30000000],\"counts\":[7,3]}]}\n");
}

/* A frame is told by name, file and line together; what is not known is left out. */
Test(speedscope, frames)
{
        static const struct helper_frame frames[] = {
                { "f", "a.py", 1, 2 }, { "f", "a.py", 1, 3 }, { "f", "", 0, 2 },
                { "fa.py", "", 0, 0 }, { "f", "a.py", 1, 2 },
        };
        struct profile *p = profile_new();

        helper_add(p, frames, 5, 0, PROFILE_RUNNING, 1);
        char *text = helper_format("speedscope", &(struct profile_set){ .items = &p, .n = 1 });
        cr_expect_not_null(strstr(text,
                                  "[{\"name\":\"f\",\"file\":\"a.py\",\"line\":2},{\"name\":\"f\",\"file\":\"a.py\","
                                  "\"line\":3},{\"name\":\"f\",\"line\":2},{\"name\":\"fa.py\"}]"),
                           "%s", text);
        cr_expect_not_null(strstr(text, "\"samples\":[[0,1,2,3,0]]"), "%s", text);
        free(text);
        profile_free(p);
}

/* Without times and without a rate, weights are counts, and the unit says so. */
Test(speedscope, counts_have_no_unit)
{
        struct profile *p = profile_new();
        profile_id function, frame, stack;

        profile_intern_function(p, "f", "", 0, &function);
        profile_intern_frame(p, function, 0, &frame);
        profile_intern_stack(p, &frame, 1, &stack);
        profile_add(p, stack, 0, PROFILE_RUNNING, 5, 0);
        helper_expect("speedscope", helper_set(p),
                      HEAD("0") "{\"name\":\"f\"}" PROFILE("none", "5") "[0]],\"weights\":[5],\"counts\":[5]}]}\n");
}

/* Time order is left-heavy order: heavy children first, and a stack behind those that are longer than it. */
Test(speedscope, the_heaviest_comes_first)
{
        static const struct helper_frame light[] = { { "main", "", 0, 0 }, { "light", "", 0, 0 } },
                                         heavy[] = { { "main", "", 0, 0 }, { "heavy", "", 0, 0 }, { "x", "", 0, 0 } };
        struct profile *p = profile_new();

        helper_add(p, light, 1, 0, PROFILE_RUNNING, 4);
        helper_add(p, light, 2, 0, PROFILE_RUNNING, 3);
        helper_add(p, heavy, 2, 0, PROFILE_RUNNING, 1);
        helper_add(p, heavy, 3, 0, PROFILE_RUNNING, 5);
        char *text = helper_format("speedscope", &(struct profile_set){ .items = &p, .n = 1 });
        cr_expect_not_null(strstr(text, "\"counts\":[5,1,3,4]"), "%s", text);
        free(text);
        profile_free(p);
}

Test(speedscope, names_cannot_break_out)
{
        struct profile_set set = helper_set(helper_frame("\"},\n</script>", "a\\b.py", 1));
        char *text = helper_format("speedscope", &set);

        cr_expect_null(strstr(text, "</script>"));
        cr_expect_null(strstr(text, "\"},\n"));
        free(text);
        profile_set_deinit(&set);
}

Test(speedscope, nothing)
{
        helper_expect("speedscope", helper_set(profile_new()),
                      HEAD("0") PROFILE("nanoseconds", "0") "],\"weights\":[],\"counts\":[]}]}\n");
}
