/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `podflame agent`; those of its parts are defined by these. */
#include "agent_options.h"

static const struct option_spec specs[] = {
        DESTINATION_OPTIONS(struct agent_config, destinations),
        { .name = "window", .letter = 'w', .kind = OPTION_SECONDS, .field = offsetof(struct agent_config, window),
          .argument = "TIME", .help = "how much time one profile covers (10s)", .min = 1, .max = 3600 },
        SAMPLING_OPTIONS(struct agent_config, sampling),
};

const struct usage agent_usage = {
        .command = "agent",
        .synopsis = "[OPTION]...",
        .text = "Samples all Python processes of this machine and pushes their profiles to a collector.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};
