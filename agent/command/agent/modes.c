/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to the agent's samplers, and what is done to all of them together. */
#include "modes.h"

#include "agent/command/cli/messages.h"

#include <stdio.h>
#include <string.h>

/* ---- options ------------------------------------------------------------------------ */

static bool names_cpu_and_wall(const char *mode)
{
        return strcmp(mode, "cpu,wall") == 0 || strcmp(mode, "wall,cpu") == 0;
}

/* GO_ON, or an exit status, after a message. */
static int check_modes(const struct sampling_options *options, uint64_t wall_rate, const struct usage *usage)
{
        bool both = names_cpu_and_wall(options->mode);
        enum profile_mode mode;

        if (!both && !profile_mode_parse(options->mode, &mode))
                return options_wrong(usage, "--mode: '%s' is none of cpu, wall, gil, and cpu,wall", options->mode);
        if (both && (options->idle || options->gil))
                return options_wrong(usage, "--mode %s and --%s exclude each other", options->mode,
                                     options->idle ? "idle" : "gil");
        if (!both && wall_rate > 0)
                return options_wrong(usage, "--wall-rate is for --mode cpu,wall; another mode has --rate");
        return GO_ON;
}

int modes_config(const struct sampling_options *options, uint64_t wall_rate, bool wait_detail,
                 const struct usage *usage, struct modes *ret)
{
        struct sampling_options first = *options;
        bool both = names_cpu_and_wall(options->mode);
        int r = check_modes(options, wall_rate, usage);

        *ret = (struct modes){ .n = both ? 2 : 1 };
        if (both) {
                first.mode = "cpu";
                first.no_idle_workers = false;
        }
        if (r == GO_ON)
                r = sampling_config(&first, usage, &ret->configs[0]);
        ret->configs[0].wait_detail = wait_detail;
        if (r != GO_ON || !both)
                return r;
        struct sample_config *wall = &ret->configs[1];
        *wall = ret->configs[0];
        wall->mode = PROFILE_MODE_WALL;
        wall->no_idle_workers = options->no_idle_workers;
        wall->rate = wall_rate > 0 ? (unsigned)wall_rate : WALL_RATE_DEFAULT;
        return GO_ON;
}

void modes_limit_switches(struct modes *m, double max_cpu)
{
        for (size_t i = 0; i < m->n; i++)
                m->configs[i].switch_share = max_cpu / 2;
}

/* ---- opening and closing -------------------------------------------------------------- */

int modes_open(struct modes *m, size_t profile_bytes)
{
        int r = GO_ON;

        for (size_t i = 0; r == GO_ON && i < m->n; i++) {
                m->configs[i].profile_bytes = profile_bytes;
                r = sampling_open(&m->configs[i], &m->samplers[i]);
        }
        return r;
}

void modes_close(struct modes *m)
{
        for (size_t i = 0; i < m->n; i++)
                sampler_close(m->samplers[i]);
}

bool modes_are_blocking(const struct modes *m)
{
        return m->configs[0].engine == SAMPLE_ENGINE_BLOCKING;
}

void modes_say(const struct modes *m, const char *destinations, double window_s)
{
        char second[256] = "";

        if (m->n > 1)
                snprintf(second, sizeof second, "; mode %s, %u Hz, %s", profile_mode_name(m->configs[1].mode),
                         m->configs[1].rate, sampler_describe(m->samplers[1]));
        say("agent: mode %s, %u Hz, %s%s; to %s every %g s", profile_mode_name(m->configs[0].mode), m->configs[0].rate,
            sampler_describe(m->samplers[0]), second, destinations, window_s);
}

/* ---- rates ------------------------------------------------------------------------------ */

unsigned modes_rate(const struct modes *m)
{
        unsigned rate = 0;

        for (size_t i = 0; i < m->n; i++)
                rate += m->configs[i].rate;
        return rate;
}

unsigned modes_rate_at(const struct modes *m, size_t i, unsigned rate)
{
        uint64_t part = (uint64_t)m->configs[i].rate * rate / modes_rate(m);

        return part > 0 ? (unsigned)part : 1;
}

void modes_set_rate(struct modes *m, unsigned rate)
{
        for (size_t i = 0; i < m->n; i++)
                sampler_set_rate(m->samplers[i], modes_rate_at(m, i, rate));
}

void modes_describe_rates(const struct modes *m, unsigned rate, char ret[static MODES_RATES_SIZE])
{
        if (m->n == 1)
                snprintf(ret, MODES_RATES_SIZE, "%u Hz", modes_rate_at(m, 0, rate));
        else
                snprintf(ret, MODES_RATES_SIZE, "%s %u Hz and %s %u Hz", profile_mode_name(m->configs[0].mode),
                         modes_rate_at(m, 0, rate), profile_mode_name(m->configs[1].mode), modes_rate_at(m, 1, rate));
}

/* ---- memory ----------------------------------------------------------------------------- */

struct sampler_memory modes_memory(const struct modes *m)
{
        struct sampler_memory sum = { 0 };

        for (size_t i = 0; i < m->n; i++) {
                struct sampler_memory one = sampler_memory(m->samplers[i]);
                sum.max += one.max;
                sum.leased += one.leased;
                sum.refused += one.refused;
        }
        return sum;
}

/*
 * The parts add up to @bytes, unless samplers have taken more already. A sampler that grows gets half of what is free
 * at every look, so little room is kept for one that does not.
 */
void modes_limit_memory(struct modes *m, size_t bytes)
{
        size_t leased[MODES_MAX], sum = 0;

        for (size_t i = 0; i < m->n; i++)
                sum += leased[i] = sampler_memory(m->samplers[i]).leased;
        for (size_t i = 0; i < m->n; i++) {
                size_t part = sum < bytes ? leased[i] + (bytes - sum) / m->n
                                          : (size_t)((double)bytes * ((double)leased[i] / (double)sum));
                sampler_limit_memory(m->samplers[i], part > 0 ? part : 1); /* 0 would be no bound */
        }
}

void modes_trim(struct modes *m)
{
        for (size_t i = 0; i < m->n; i++)
                sampler_trim(m->samplers[i]);
}
