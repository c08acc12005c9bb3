/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HIDE_H
#define CLI_HIDE_H

/* The option --hide: which frames of native code are left out of stacks. */

#include "options.h"

#include "agent/profile/profile.h"

/* @defaults: the word that stands for what the command does without the option. */
#define HIDE_OPTION(type, member, defaults)                                                                 \
        {                                                                                                   \
                .name = "hide", .kind = OPTION_TEXT, .field = offsetof(type, member), .argument = "FRAMES", \
                .help = "internals: C frames of the interpreter itself; native: all frames of C\n"          \
                        "and the kernel; nothing (" defaults ")",                                           \
        }

/* Parses the option's word. GO_ON, or an exit status after a message. */
int hide_parse(const struct usage *usage, const char *word, enum profile_view *ret);

/* Replaces the profiles of @set by what @view shows of them. -errno; the rest of the set is then unchanged. */
int hide_frames(struct profile_set *set, enum profile_view view);

#endif
