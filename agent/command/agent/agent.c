/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame agent: finds the Python processes of this machine as they come and
 * go, samples them all, and pushes a profile of each service of each container
 * every window.
 */
#include "agent/base/base.h"
#include "agent/command/cli/descriptors.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/signals.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"

#include "agent_options.h"
#include "fleet.h"
#include "reach.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* After a signal, the collector is given this long to take what waits. */
#define FLUSH_MS 3000

/* The search shares a thread with windows and heartbeat: processes that are slow to open do not hold these up. */
#define SEARCH_SLICE_MS 100

/* What one process may add to a window: the largest applications take 2 MB in 10 s. */
#define PROFILE_BYTES ((size_t)8 << 20)

/* Of --max-memory, the part that batches may take while they wait for a collector. */
#define QUEUE_SHARE 4

struct agent {
        struct agent_config config;
        int signals;
        struct find_rules *rules; /* NULL: everything */
        struct find *find;
        struct sampler *sampler;
        struct fleet *fleet;
        struct destinations *destinations;
        struct vitals *vitals;
        bool reaches; /* there is a process that can be read: known once one is refused */
};

static uint64_t read_clock_ms(void)
{
        return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static void take_and_send_window(struct agent *agent)
{
        struct profile_set set = { 0 };
        int r = fleet_take(agent->fleet, &set);

        if (r == 0)
                r = labels_put(&agent->config.labels, &set);
        if (r == 0)
                r = destinations_send(agent->destinations, &set);
        if (r < 0)
                say("a window is lost: %s", strerror(-r));
        profile_set_deinit(&set);
        vitals_end_window(agent->vitals, r >= 0);
}

static void reload_configuration(struct agent *agent)
{
        if (selection_reload(&agent->config.selection, agent->find, &agent->rules))
                say("rules and secrets are read again");
        destinations_reload(agent->destinations);
}

/* True: it is told to end. */
static bool obey_signals(struct agent *agent)
{
        int signal;

        while ((signal = signals_take(agent->signals)) == SIGHUP)
                reload_configuration(agent);
        return signal != 0;
}

/* Until there is something to look at, or the window's end: true if it is told to end. */
static bool wait_for_event(struct agent *agent, uint64_t end)
{
        struct pollfd fds[] = { { .fd = agent->signals, .events = POLLIN },
                                { .fd = find_fd(agent->find), .events = POLLIN } };
        int timeout = find_timeout_ms(agent->find), pause = vitals_pause_ms(agent->vitals);
        uint64_t now = read_clock_ms(), left = end > now ? end - now : 0;

        if (timeout < 0 || left < (uint64_t)timeout)
                timeout = (int)left;
        if (pause >= 0 && pause < timeout)
                timeout = pause;
        return poll(fds, 2, timeout) > 0 && fds[0].revents && obey_signals(agent);
}

/* -1; or an exit status, when a message has been printed: there is nothing to wait for. */
static int check_reach(struct agent *agent)
{
        uint64_t refused = agent->reaches ? 0 : fleet_refused(agent->fleet);

        if (refused == 0)
                return -1;
        agent->reaches = !reach_is_nothing();
        if (agent->reaches)
                return -1;
        log_flush(true); /* this is to be the last word */
        return say_error("nothing can be profiled; see podflame doctor: %" PRIu64
                         " Python process%s refused to this user, "
                         "and no other process can be read either",
                         refused, refused == 1 ? " is" : "es are");
}

static int scan_until_told_to_end(struct agent *agent)
{
        struct find_events events = fleet_events(agent->fleet);
        uint64_t window = (uint64_t)(agent->config.window * 1000);
        uint64_t end = read_clock_ms() + window;

        for (;;) {
                int r = find_scan(agent->find, &events);
                if (r < 0)
                        return say_error("/proc cannot be read: %s", strerror(-r));
                fleet_end_scan(agent->fleet);
                vitals_beat(agent->vitals, find_starved(agent->find));
                r = check_reach(agent);
                if (r >= 0)
                        return r;
                if (read_clock_ms() >= end || vitals_is_too_large(agent->vitals)) {
                        take_and_send_window(agent);
                        if (read_clock_ms() >= end)
                                end += window * (1 + (read_clock_ms() - end) / window);
                }
                if (wait_for_event(agent, end))
                        break;
        }
        take_and_send_window(agent);
        return EXIT_OK;
}

/* -1, or an exit status, when a message has been printed. */
static int open_finding(struct agent *agent)
{
        struct find_config config = finding_config();

        config.follow = true;
        config.slice_ms = SEARCH_SLICE_MS;
        config.rules = agent->rules;
        config.min_age_ms = (unsigned)(agent->config.selection.min_age * 1000);
        config.show_unselected = true;
        return finding_open_with(config, &agent->config.finding, &agent_usage, &agent->find);
}

/* What can be checked without starting anything. */
static int check_options(struct agent *agent, struct sample_config *ret)
{
        int r = sampling_config(&agent->config.sampling, &agent_usage, ret);

        if (r < 0)
                r = labels_check(&agent->config.labels, &agent_usage);
        return r < 0 ? selection_rules(&agent->config.selection, &agent_usage, &agent->rules) : r;
}

/* What takes privileges, then without them: -1, or an exit status, when a message has been printed. */
static int prepare_privileged(struct agent *agent, struct sample_config *ret)
{
        struct agent_config *config = &agent->config;
        int r = check_options(agent, ret);

        if (r < 0)
                r = log_setup(&config->log, &agent_usage);
        if (r < 0)
                r = vitals_listen(&config->vitals, &agent_usage, &agent->vitals);
        if (r >= 0)
                return r;
        descriptors_raise(); /* each process takes one or two */
        agent->signals = signals_open();
        /* What waits for a collector that is away gets a part of it. */
        config->destinations.queue_max = config->vitals.max_memory / QUEUE_SHARE;
        return confine(&config->confinement, &agent_usage,
                       ret->engine == SAMPLE_ENGINE_BLOCKING ? CONFINE_AGENT_BLOCKING : CONFINE_AGENT);
}

static int start_vitals(struct agent *agent, const struct sample_config *config)
{
        const struct vitals_subject subject = {
                .sampler = agent->sampler,
                .fleet = agent->fleet,
                .destinations = agent->destinations,
                .rate = config->rate,
                .window_s = agent->config.window,
        };

        return vitals_open(agent->vitals, &subject);
}

/* -1, or an exit status, when a message has been printed. */
static int start_parts(struct agent *agent)
{
        struct sample_config sample_config;
        int r = prepare_privileged(agent, &sample_config);

        if (r >= 0)
                return r;
        r = destinations_open(&agent->config.destinations, &agent_usage, &agent->destinations);
        if (r >= 0)
                return r;
        sample_config.profile_bytes = PROFILE_BYTES;
        r = sampling_open(&sample_config, &agent->sampler);
        if (r >= 0)
                return r;
        agent->fleet = fleet_new(agent->sampler, sample_config.threads);
        if (!agent->fleet)
                return say_error("out of memory");
        r = open_finding(agent);
        if (r >= 0)
                return r;
        say_hiding();
        say("agent: mode %s, %u Hz, %s; to %s every %g s", profile_mode_name(sample_config.mode), sample_config.rate,
            sampler_describe(agent->sampler), destinations_describe(agent->destinations), agent->config.window);
        return start_vitals(agent, &sample_config);
}

int agent_run(int argc, char **argv)
{
        struct agent agent = {
                .config = AGENT_DEFAULTS,
                .signals = -1,
        };
        int rest;
        int r = options_parse(&agent_usage, argc, argv, &agent.config, &rest);

        if (r < 0 && rest < argc)
                r = options_wrong_word(&agent_usage, argv[rest], NULL);
        if (r < 0)
                r = start_parts(&agent);
        if (r < 0)
                r = scan_until_told_to_end(&agent);
        vitals_close(agent.vitals);
        sampler_close(agent.sampler);
        fleet_free(agent.fleet);
        destinations_close(agent.destinations, FLUSH_MS);
        find_close(agent.find);
        find_rules_free(agent.rules);
        agent_config_deinit(&agent.config);
        if (agent.signals >= 0)
                close(agent.signals);
        log_flush(true);
        return r;
}
