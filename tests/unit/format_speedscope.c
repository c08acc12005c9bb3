/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"

#include <stdlib.h>
#include <string.h>

SUITE(speedscope);

#define HEAD                                         \
        "{\"$schema\":\"https://www.speedscope.app/" \
        "file-format-schema.json\",\"exporter\":\"podflame " PODFLAME_VERSION "\",\"shared\":{\"frames\":["
#define PROFILE(end)                                                                                       \
        "]},\"profiles\":[{\"type\":\"sampled\",\"name\":\"podflame\",\"unit\":\"none\",\"startValue\":0," \
        "\"endValue\":" end ",\"samples\":["

Test(speedscope, one_profile)
{
        helper_expect("speedscope", helper_set(helper_service()),
                      HEAD
                      "{\"name\":\"\\u003cmodule>\",\"file\":\"/app/main.py\",\"line\":40},"
                      "{\"name\":\"handle\",\"file\":\"/app/main.py\",\"line\":12},"
                      "{\"name\":\"dumps\",\"file\":\"/usr/lib/python3.11/json/__init__.py\",\"line\":231}" PROFILE(
                              "10") "[0,1,2],[0,1]],\"weights\":[7,3]}]}\n");
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
        helper_expect(
                "speedscope", helper_set(p),
                HEAD
                "{\"name\":\"f\",\"file\":\"a.py\",\"line\":2},{\"name\":\"f\",\"file\":\"a.py\",\"line\":3},"
                "{\"name\":\"f\",\"line\":2},{\"name\":\"fa.py\"}" PROFILE("1") "[0,1,2,3,0]],\"weights\":[1]}]}\n");
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
        helper_expect("speedscope", helper_set(profile_new()), HEAD PROFILE("0") "],\"weights\":[]}]}\n");
}
