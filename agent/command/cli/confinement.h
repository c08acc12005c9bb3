/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONFINEMENT_H
#define CLI_CONFINEMENT_H

/* Gives up privileges, as the options say. */

#include "options.h"
#include "outside.h"

#include "agent/confine/confine.h"

struct confinement_options {
        const char *calls; /* NULL: deny */
};

/* The rows of an option table for a configuration that has a struct confinement_options as its member @member. */
#define CONFINEMENT_OPTIONS(type, member)                                                                         \
        {                                                                                                         \
                .name = "confine", .kind = OPTION_TEXT, .field = offsetof(type, member.calls), .argument = "HOW", \
                .help = "unneeded system calls: deny, or kill the process; off: keep them and all "               \
                        "capabilities (deny)"                                                                     \
        }

/*
 * Gives up what @role does not need, and says what an agent needs and does not have. Call it before there are threads.
 * GO_ON, or an exit status after a message.
 */
int confine(const struct confinement_options *options, const struct usage *usage, enum confine_role role);

/*
 * The same, but first starts the child outside for @duties, if there are any. Read nothing hostile before this returns.
 * GO_ON, or an exit status after a message.
 */
int confine_with(const struct confinement_options *options, const struct usage *usage, enum confine_role role,
                 const struct outside_duty duties[static OUTSIDE_DEEDS], struct outside *ret);

/* Whether podflame was started under somebody else's seccomp filter. */
bool confinement_found_filter(void);

#endif
