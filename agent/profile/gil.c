/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that say of a GIL who has it, and how many threads wait for it. */
#include "profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
        [PROFILE_GIL_HELD] = "[holds GIL: ",
        [PROFILE_GIL_UNTOLD] = "[GIL of unknown holder: ",
        [PROFILE_GIL_FREE] = "[free GIL: ",
        [PROFILE_GIL_MISSING] = "[no GIL: ",
};

void profile_gil_write(enum profile_gil gil, uint64_t waiters, char ret[static PROFILE_GIL_SIZE])
{
        if (waiters == PROFILE_GIL_WAITERS_UNKNOWN)
                snprintf(ret, PROFILE_GIL_SIZE, "%sunknown wait]", words[gil]);
        else
                snprintf(ret, PROFILE_GIL_SIZE, "%s%" PRIu64 " wait]", words[gil], waiters);
}

static bool parse_waiters(const char *text, uint64_t *ret)
{
        char *end;

        *ret = PROFILE_GIL_WAITERS_UNKNOWN;
        if (strcmp(text, "unknown wait]") == 0)
                return true;
        if (*text < '0' || *text > '9')
                return false;
        errno = 0;
        *ret = strtoull(text, &end, 10);
        return errno == 0 && strcmp(end, " wait]") == 0;
}

enum profile_gil profile_gil_read(const struct profile_function *leaf, uint64_t *ret_waiters)
{
        *ret_waiters = 0;
        if (*leaf->file)
                return PROFILE_GIL_NONE;
        for (size_t i = PROFILE_GIL_HELD; i < sizeof words / sizeof *words; i++) {
                size_t n = strlen(words[i]);
                if (strncmp(leaf->name, words[i], n) == 0)
                        return parse_waiters(leaf->name + n, ret_waiters) ? (enum profile_gil)i : PROFILE_GIL_NONE;
        }
        return PROFILE_GIL_NONE;
}
