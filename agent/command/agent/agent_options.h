/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_OPTIONS_H
#define AGENT_AGENT_OPTIONS_H

/* The options of `podflame agent`: their table, and the configuration that they fill. */

#include "destinations.h"
#include "labels.h"
#include "modes.h"
#include "vitals.h"

#include "agent/command/cli/confinement.h"
#include "agent/command/cli/log_options.h"
#include "agent/command/cli/options.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/selection.h"

struct agent_config {
        struct sampling_options sampling;
        bool wait_detail;
        uint64_t wall_rate; /* samples per second; 0: not set */
        struct selection_options selection;
        struct finding_options finding;
        struct destination_options destinations;
        struct option_list labels;
        double window; /* seconds */
        struct vitals_options vitals;
        struct log_options log;
        struct confinement_options confinement;
};

#define AGENT_DEFAULTS                                               \
        {                                                            \
                .sampling = SAMPLING_DEFAULTS_OF_AGENT, .window = 10 \
        }

/* Frees what the options have allocated. */
void agent_config_deinit(struct agent_config *config);

/* The option table. It fills a struct agent_config. */
extern const struct usage agent_usage;

#endif
