/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to the agent's samplers, and what is done to all of them together. */
#include "modes.h"

#include "agent/command/cli/messages.h"

#include <stdio.h>
#include <string.h>

/* ---- options ------------------------------------------------------------------------ */

/* Modes that can be sampled beside each other. What mode gil tells, mode blame tells as well. */
#define TOGETHER (1u << PROFILE_MODE_CPU | 1u << PROFILE_MODE_WALL | 1u << PROFILE_MODE_BLAME)

/* Reads a list of modes. 0: it is none, or its modes cannot be sampled beside each other. */
static unsigned parse_modes(const char *text)
{
        enum profile_mode mode;
        unsigned modes = 0, n = 0;
        const char *end;
        char name[16];

        do {
                end = strchrnul(text, ',');
                if ((size_t)(end - text) >= sizeof name)
                        return 0;
                snprintf(name, sizeof name, "%.*s", (int)(end - text), text);
                if (!profile_mode_parse(name, &mode) || modes & 1u << mode)
                        return 0;
                modes |= 1u << mode;
                n++;
                text = end + 1;
        } while (*end);
        return n == 1 || (modes & ~TOGETHER) == 0 ? modes : 0;
}

static bool is_one(unsigned modes)
{
        return (modes & (modes - 1)) == 0;
}

/* GO_ON, or an exit status, after a message. */
static int check_modes(const struct sampling_options *options, unsigned modes, uint64_t wall_rate,
                       const struct usage *usage)
{
        if (modes == 0)
                return options_wrong(usage,
                                     "--mode: '%s' is none of cpu, wall, gil, blame, and no list of cpu, wall, blame",
                                     options->mode);
        if (!is_one(modes) && (options->idle || options->gil))
                return options_wrong(usage, "--mode %s and --%s exclude each other", options->mode,
                                     options->idle ? "idle" : "gil");
        if (is_one(modes) && wall_rate > 0)
                return options_wrong(usage, "--wall-rate is for --mode cpu,wall; another mode has --rate");
        if (options->no_idle_workers && !options->idle && !(modes & 1u << PROFILE_MODE_WALL))
                return options_wrong(usage,
                                     "--no-idle-workers needs --mode wall: other modes count no thread that waits");
        return GO_ON;
}

/* Adds a mode to those that there are. All but the first have a rate of their own. */
static void add_mode(struct modes *modes, enum profile_mode mode, bool no_idle_workers, uint64_t wall_rate)
{
        struct sample_config *config = &modes->configs[modes->n];

        *config = modes->configs[0];
        config->mode = mode;
        config->no_idle_workers = mode == PROFILE_MODE_WALL && no_idle_workers;
        if (modes->n++ == 0)
                return;
        config->rate = wall_rate > 0 ? (unsigned)wall_rate : WALL_RATE_DEFAULT;
        if (mode == PROFILE_MODE_BLAME && config->engine == SAMPLE_ENGINE_PERF) /* it does not look for the GIL */
                config->engine = SAMPLE_ENGINE_AUTO;
}

int modes_config(const struct sampling_options *options, uint64_t wall_rate, bool wait_detail,
                 const struct usage *usage, struct modes *ret)
{
        struct sampling_options base = *options;
        unsigned modes = parse_modes(options->mode);
        int r = check_modes(options, modes, wall_rate, usage);

        *ret = (struct modes){ 0 };
        base.mode = profile_mode_name(PROFILE_MODE_CPU);
        base.no_idle_workers = false;
        if (r == GO_ON)
                r = sampling_config(&base, usage, &ret->configs[0]);
        if (r != GO_ON)
                return r;
        ret->configs[0].wait_detail = wait_detail;
        if (options->idle || options->gil)
                modes = 1u << ret->configs[0].mode;
        for (enum profile_mode mode = 0; mode < PROFILE_MODES; mode++)
                if (modes & 1u << mode)
                        add_mode(ret, mode, options->no_idle_workers, wall_rate);
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

bool modes_sample_wall(const struct modes *m)
{
        for (size_t i = 0; i < m->n; i++)
                if (m->configs[i].mode == PROFILE_MODE_WALL)
                        return true;
        return false;
}

void modes_say(const struct modes *m, const char *destinations, double window_s)
{
        char text[512] = "";

        for (size_t i = 0, len = 0; i < m->n && len < sizeof text; i++)
                len += (size_t)snprintf(text + len, sizeof text - len, "%smode %s, %u Hz, %s", i > 0 ? "; " : "",
                                        profile_mode_name(m->configs[i].mode), m->configs[i].rate,
                                        sampler_describe(m->samplers[i]));
        say("agent: %s; to %s every %g s", text, destinations, window_s);
        for (size_t i = 0; i < m->n; i++) {
                const char *refused = sampler_refused(m->samplers[i]);
                if (*refused) {
                        say("no clock events of the kernel: %s", refused);
                        return; /* it is the same for the others */
                }
        }
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
        if (m->n == 1) {
                snprintf(ret, MODES_RATES_SIZE, "%u Hz", modes_rate_at(m, 0, rate));
                return;
        }
        for (size_t i = 0, len = 0; i < m->n && len < MODES_RATES_SIZE; i++)
                len += (size_t)snprintf(ret + len, MODES_RATES_SIZE - len, "%s%s %u Hz",
                                        i == 0          ? ""
                                        : i == m->n - 1 ? " and "
                                                        : ", ",
                                        profile_mode_name(m->configs[i].mode), modes_rate_at(m, i, rate));
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
