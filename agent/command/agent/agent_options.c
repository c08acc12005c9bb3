/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `podflame agent`. Its parts define their own options. */
#include "agent_options.h"

static const struct option_spec specs[] = {
        DESTINATION_OPTIONS(struct agent_config, destinations),
        { .name = "window",
          .letter = 'w',
          .kind = OPTION_SECONDS,
          .field = offsetof(struct agent_config, window),
          .argument = "TIME",
          .help = "how much time one profile covers (10s)",
          .min = 1,
          .max = 3600 },
        LABEL_OPTION(struct agent_config, labels),
        SAMPLING_OPTIONS(struct agent_config, sampling, MODES_HELP),
        WALL_RATE_OPTION(struct agent_config, wall_rate),
        SAMPLING_THREADS_OPTION(struct agent_config, sampling),
        { .name = "wait-detail",
          .kind = OPTION_FLAG,
          .field = offsetof(struct agent_config, wait_detail),
          .help = "mode wall: also send addresses of peers and names of files that threads wait for" },
        SELECTION_OPTIONS(struct agent_config, selection),
        { .name = "native-for",
          .kind = OPTION_LIST,
          .field = offsetof(struct agent_config, selection.rules),
          .argument = "RULE",
          .help = "with --native: only for what matches this or another such rule; all others have stacks of Python "
                  "alone" },
        { .name = "send-label",
          .kind = OPTION_LIST,
          .field = offsetof(struct agent_config, selection.rules),
          .argument = "GLOB",
          .help = "send labels of pods, and of containers without one, whose names match: k8s.pod.label.NAME,\n"
                  "container.label.NAME" },
        FINDING_OPTIONS(struct agent_config, finding),
        VITALS_OPTIONS(struct agent_config, vitals),
        LOG_OPTIONS(struct agent_config, log),
        CONFINEMENT_OPTIONS(struct agent_config, confinement),
};

const struct usage agent_usage = {
        .command = "agent",
        .synopsis = "[OPTION]...",
        .text = "Samples the Python processes of this machine and pushes their profiles to collectors.\n"
                "SIGHUP makes it read its rules and secrets again.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

void agent_config_deinit(struct agent_config *config)
{
        selection_deinit(&config->selection);
        destination_options_deinit(&config->destinations);
        option_list_deinit(&config->labels);
}
