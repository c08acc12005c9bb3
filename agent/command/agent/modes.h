/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_MODES_H
#define AGENT_MODES_H

/*
 * The agent's samplers: one, or with --mode cpu,wall,blame several that sample the same processes beside each other. Each
 * has its mode and its rate. They share the agent's budget of CPU time and memory.
 */

#include "agent/command/cli/options.h"
#include "agent/command/processes/sampling.h"
#include "agent/command/processes/watched.h"

#define MODES_MAX WATCHED_SAMPLERS_MAX

/* The rate of modes wall and blame beside another, per second, unless --wall-rate says another. */
#define WALL_RATE_DEFAULT 11

/* What the agent's --mode says in its help. */
#define MODES_HELP                                                                                 \
        "cpu: on a CPU; wall: every thread; gil: the GIL's holder; blame; cpu,wall,blame (cpu);\n" \
        "blame: the GIL's holder, by how long others wait; of a list, a profile of each"

/* The row of an option table for the uint64_t @member of a configuration: 0, unless the user has set it. */
#define WALL_RATE_OPTION(type, member)                                                                         \
        {                                                                                                      \
                .name = "wall-rate", .kind = OPTION_NUMBER, .field = offsetof(type, member), .argument = "HZ", \
                .help = "samples per second of each thread, for wall and blame beside another mode (11)",      \
                .min = SAMPLE_RATE_MIN, .max = SAMPLE_RATE_MAX                                                 \
        }

struct modes {
        struct sample_config configs[MODES_MAX];
        struct sampler *samplers[MODES_MAX]; /* NULL: not open */
        size_t n;
};

/* Checks the options. GO_ON with the configurations of @ret filled, or an exit status, after a message. */
int modes_config(const struct sampling_options *options, uint64_t wall_rate, bool wait_detail,
                 const struct usage *usage, struct modes *ret);

/* Half of @max_cpu, a share of a CPU, may go into reading the kernel's switches. 0: sample's own bound. */
void modes_limit_switches(struct modes *modes, double max_cpu);

/* Opens the samplers. @profile_bytes: as in struct sample_config. GO_ON, or an exit status, after a message. */
int modes_open(struct modes *modes, size_t profile_bytes);
void modes_close(struct modes *modes);

/* Whether threads are stopped by ptrace. */
bool modes_are_blocking(const struct modes *modes);

/* Whether one of them is mode wall. */
bool modes_sample_wall(const struct modes *modes);

/* Prints what is sampled how, and where profiles go. */
void modes_say(const struct modes *modes, const char *destinations, double window_s);

/* The sum of the rates that were asked for. The budget cuts down all rates by the same part of that. */
unsigned modes_rate(const struct modes *modes);
/* The rate of the @i'th mode if the budget allows @rate of modes_rate(). At least 1. */
unsigned modes_rate_at(const struct modes *modes, size_t i, unsigned rate);
/* Sets the rates of all samplers by that. */
void modes_set_rate(struct modes *modes, unsigned rate);

/* The rates as text: "50 Hz"; of several modes "cpu 50 Hz and wall 5 Hz". */
#define MODES_RATES_SIZE 96
void modes_describe_rates(const struct modes *modes, unsigned rate, char ret[static MODES_RATES_SIZE]);

/* The memory of all samplers together. */
struct sampler_memory modes_memory(const struct modes *modes);
/* Bounds the memory of all samplers together to @bytes: each may take what it has, and an equal part of what is free. */
void modes_limit_memory(struct modes *modes, size_t bytes);
void modes_trim(struct modes *modes);

#endif
