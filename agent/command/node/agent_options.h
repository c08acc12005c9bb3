/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_AGENT_OPTIONS_H
#define COMMAND_AGENT_OPTIONS_H

/* What `podflame agent` can be told: the table of its options, and what they become. */

#include "destinations.h"
#include "labels.h"
#include "vitals.h"

#include "agent/command/confinement.h"
#include "agent/command/finding.h"
#include "agent/command/log.h"
#include "agent/command/options.h"
#include "agent/command/sampling.h"
#include "agent/command/selection.h"

struct agent_config {
        struct sampling_options sampling;
        struct selection_options selection;
        struct finding_options finding;
        struct destination_options destinations;
        struct option_list labels;
        double window; /* seconds */
        struct vitals_options vitals;
        struct log_options log;
        struct confinement_options confinement;
};

#define AGENT_DEFAULTS { .sampling = SAMPLING_DEFAULTS, .window = 10 }

void agent_config_deinit(struct agent_config *config);

/* Its table is for a struct agent_config. */
extern const struct usage agent_usage;

#endif
