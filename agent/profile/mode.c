/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the modes, as options and formats write them. */
#include "profile.h"

#include <string.h>

static const char *const names[] = {
        [PROFILE_MODE_CPU] = "cpu",
        [PROFILE_MODE_WALL] = "wall",
        [PROFILE_MODE_GIL] = "gil",
        [PROFILE_MODE_BLAME] = "blame",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == PROFILE_MODES, "every mode has a name");

const char *profile_mode_name(enum profile_mode mode)
{
        return names[mode];
}

bool profile_mode_parse(const char *name, enum profile_mode *ret)
{
        for (size_t i = 0; i < PROFILE_MODES; i++) {
                if (strcmp(names[i], name) == 0) {
                        *ret = (enum profile_mode)i;
                        return true;
                }
        }
        return false;
}
