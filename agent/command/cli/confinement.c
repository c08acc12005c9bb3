/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to a confined process, and a message for each privilege that is missing. */
#include "confinement.h"

#include "messages.h"

#include <string.h>
#include <sys/prctl.h>

static const struct {
        const char *name;
        bool on;
        enum confine_answer answer;
} ways[] = {
        { "deny", true, CONFINE_DENY },
        { "kill", true, CONFINE_KILL },
        { "off", false, CONFINE_DENY },
};

static void say_missing_capability(void *ctx, const char *name, const char *loss)
{
        (void)ctx;
        say("%s is missing: %s", name, loss);
}

/*
 * Whether podflame was started under a seccomp filter. It is tested once, before podflame's own filter is loaded, since
 * the test makes a call that is on none of its lists.
 */
static enum { UNKNOWN, FREE, FILTERED } before;

bool confinement_found_filter(void)
{
        if (before == UNKNOWN)
                before = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0 ? FILTERED : FREE;
        return before == FILTERED;
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
                return GO_ON;
        confinement_found_filter();
        r = confine_capabilities(role, say_missing_capability, NULL);
        if (r < 0)
                return say_error("capabilities cannot be given up: %s; --confine off keeps them", strerror(-r));
        r = confine_calls(role, ways[i].answer);
        if (r < 0)
                return say_error("system calls cannot be confined: %s; --confine off does without", strerror(-r));
        return GO_ON;
}

int confine_with(const struct confinement_options *options, const struct usage *usage, enum confine_role role,
                 const struct outside_duty duties[static OUTSIDE_DEEDS], struct outside *ret)
{
        int r = outside_open(duties, ret);

        if (r < 0)
                return say_error("no process can be started: %s", strerror(-r));
        return confine(options, usage, role);
}
