/* SPDX-License-Identifier: Apache-2.0 */
/* From the option to a process that may do less, and a word about each privilege that is missing. */
#include "confinement.h"

#include "agent/command/say.h"

#include <string.h>

static const struct {
        const char *name;
        bool on;
        enum confine_answer answer;
} ways[] = {
        { "deny", true, CONFINE_DENY },
        { "kill", true, CONFINE_KILL },
        { "off", false, CONFINE_DENY },
};

static void missing(void *ctx, const char *name, const char *loss)
{
        (void)ctx;
        say("%s is missing: %s", name, loss);
}

int confine(const struct confinement_options *options, const struct usage *usage, enum confine_role role)
{
        const char *wanted = options->calls ? options->calls : ways[0].name;
        size_t i = 0;
        int r;

        while (i < sizeof ways / sizeof *ways && strcmp(ways[i].name, wanted) != 0)
                i++;
        if (i == sizeof ways / sizeof *ways)
                return options_wrong(usage, "--confine: '%s' is none of deny, kill, off", wanted);
        if (!ways[i].on)
                return -1;
        r = confine_capabilities(role, missing, NULL);
        if (r < 0)
                return say_error("capabilities cannot be given up: %s; --confine off keeps them", strerror(-r));
        r = confine_calls(role, ways[i].answer);
        if (r < 0)
                return say_error("system calls cannot be confined: %s; --confine off does without", strerror(-r));
        return -1;
}
