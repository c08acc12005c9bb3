/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LABELS_H
#define AGENT_LABELS_H

/* --label KEY=VALUE: attributes that the user of the agent gives to all its profiles. */

#include "agent/command/cli/options.h"
#include "agent/profile/profile.h"

#define LABELS_MAX 16

/* The row of an option table for the struct option_list @member of a configuration. */
#define LABEL_OPTION(type, member)                                                                              \
        {                                                                                                       \
                .name = "label", .kind = OPTION_LIST, .field = offsetof(type, member), .argument = "KEY=VALUE", \
                .help = "an attribute of all profiles, as deployment.environment=prod"                          \
        }

/* Checks the labels. GO_ON, or an exit status, after a message about one that is wrong. */
int labels_check(const struct option_list *labels, const struct usage *usage);

/*
 * Sets the labels on every profile. They overrule what processes claim. labels_check() must have accepted @labels. 0 or
 * -ENOMEM.
 */
int labels_put(const struct option_list *labels, const struct profile_set *set);

#endif
