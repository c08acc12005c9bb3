/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame agent: finds the Python processes of this machine as they come and
 * go, samples them all, and pushes a profile of each container every window.
 */
#include "command.h"
#include "commands.h"
#include "finding.h"
#include "fleet.h"
#include "options.h"
#include "sampling.h"
#include "say.h"
#include "signals.h"

#include "agent/send/send.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* After a signal, the collector is given this long to take what waits. */
#define FLUSH_MS 3000

struct agent_config {
        struct sampling_options sampling;
        const char *collector;
        const char *protocol;
        const char *token_file;
        const char *spool;
        uint64_t spool_max;
        double window; /* seconds */
};

static const struct option_spec specs[] = {
        { .name = "collector", .letter = 'c', .kind = OPTION_TEXT, .field = offsetof(struct agent_config, collector),
          .argument = "URL", .help = "where profiles go (http://127.0.0.1:4318)" },
        { .name = "protocol", .kind = OPTION_TEXT, .field = offsetof(struct agent_config, protocol),
          .argument = "PROTOCOL", .help = "otlp, or pyroscope's push (otlp)" },
        { .name = "spool", .kind = OPTION_TEXT, .field = offsetof(struct agent_config, spool),
          .argument = "DIR", .help = "keep what is not delivered yet in this directory (in memory)" },
        { .name = "spool-max", .kind = OPTION_BYTES, .field = offsetof(struct agent_config, spool_max),
          .argument = "BYTES", .help = "drop the oldest beyond: 64M, 1G (256M)", .min = 1 << 20, .max = 1e15 },
        { .name = "token-file", .kind = OPTION_TEXT, .field = offsetof(struct agent_config, token_file),
          .argument = "FILE", .help = "a bearer token for the collector is in this file" },
        { .name = "window", .letter = 'w', .kind = OPTION_SECONDS, .field = offsetof(struct agent_config, window),
          .argument = "TIME", .help = "how much time one profile covers (10s)", .min = 1, .max = 3600 },
        SAMPLING_OPTIONS(struct agent_config, sampling),
};

static const struct usage usage = {
        .command = "agent",
        .synopsis = "[OPTION]...",
        .text = "Samples all Python processes of this machine and pushes their profiles to a collector.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

struct agent {
        struct agent_config config;
        int signals;
        struct find *find;
        struct sampler *sampler;
        struct fleet *fleet;
        struct send *send;
};

static uint64_t now_ms(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void on_state(void *ctx, bool up, const char *reason)
{
        const struct agent *agent = ctx;

        if (up)
                say("collector %s answers again", agent->config.collector);
        else
                say("collector %s does not take profiles: %s; they wait %s", agent->config.collector, reason,
                    agent->config.spool ? "on disk" : "in memory");
}

static void on_rejected(void *ctx, const char *reason)
{
        const struct agent *agent = ctx;

        say("collector %s refused a batch for good: %s", agent->config.collector, reason);
}

static void end_window(struct agent *agent)
{
        struct profile_set set = { 0 };
        int r = fleet_take(agent->fleet, &set);

        if (r == 0)
                r = send_profiles(agent->send, &set);
        if (r < 0)
                say("a window is lost: %s", strerror(-r));
        profile_set_deinit(&set);
}

/* Until there is something to look at, or the window's end: true if a signal came. */
static bool wait_for_news(const struct agent *agent, uint64_t end)
{
        struct pollfd fds[] = { { .fd = agent->signals, .events = POLLIN },
                                { .fd = find_fd(agent->find), .events = POLLIN } };
        int timeout = find_timeout_ms(agent->find);
        uint64_t now = now_ms(), left = end > now ? end - now : 0;

        if (timeout < 0 || left < (uint64_t)timeout)
                timeout = (int)left;
        return poll(fds, 2, timeout) > 0 && fds[0].revents;
}

static int run(struct agent *agent)
{
        struct find_events events = fleet_events(agent->fleet);
        uint64_t window = (uint64_t)(agent->config.window * 1000);
        uint64_t end = now_ms() + window;

        for (;;) {
                int r = find_scan(agent->find, &events);
                if (r < 0)
                        return say_error("/proc cannot be read: %s", strerror(-r));
                if (now_ms() >= end) {
                        end_window(agent);
                        end += window * (1 + (now_ms() - end) / window);
                }
                if (wait_for_news(agent, end))
                        break;
        }
        end_window(agent);
        return EXIT_OK;
}

/* Each process takes a descriptor or two. */
static void raise_descriptors(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
}

/* -1, or an exit status after a word about it. */
static int start_sending(struct agent *agent)
{
        char reason[SEND_REASON_SIZE] = "";
        const struct send_config config = {
                .url = agent->config.collector,
                .protocol = agent->config.protocol,
                .token_file = agent->config.token_file,
                .spool = agent->config.spool,
                .spool_max_bytes = agent->config.spool_max,
                .reason = reason,
                .reason_size = sizeof reason,
                .on_state = on_state,
                .on_rejected = on_rejected,
                .ctx = agent,
        };
        int r = send_open(&config, &agent->send);

        if (r == SEND_E_URL)
                return options_wrong(&usage, "--collector: '%s' is not an http:// or https:// URL",
                                     agent->config.collector);
        if (r == SEND_E_PROTOCOL)
                return options_wrong(&usage, "--protocol: '%s' is none of otlp, pyroscope", agent->config.protocol);
        return r == 0 ? -1 : say_error("nothing can be sent: %s", r > 0 ? reason : strerror(-r));
}

/* -1, or an exit status after a word about it. */
static int start(struct agent *agent)
{
        struct sample_config sample_config;
        int r = sampling_config(&agent->config.sampling, &usage, &sample_config);

        if (r >= 0)
                return r;
        raise_descriptors();
        agent->signals = signals_open();
        r = start_sending(agent);
        if (r >= 0)
                return r;
        r = sampling_open(&sample_config, &agent->sampler);
        if (r >= 0)
                return r;
        agent->fleet = fleet_new(agent->sampler, sample_config.threads);
        if (!agent->fleet || finding_open(true, &agent->find) != 0)
                return say_error("/proc cannot be read");
        say("agent: mode %s, %u Hz, %s; to %s every %g s", profile_mode_name(sample_config.mode), sample_config.rate,
            sampler_describe(agent->sampler), agent->config.collector, agent->config.window);
        return -1;
}

int agent_run(int argc, char **argv)
{
        struct agent agent = {
                .config = { .sampling = SAMPLING_DEFAULTS, .collector = "http://127.0.0.1:4318", .window = 10 },
                .signals = -1,
        };
        int rest;
        int r = options_parse(&usage, argc, argv, &agent.config, &rest);

        if (r < 0 && rest < argc)
                r = options_wrong(&usage, "'%s' is not an option", argv[rest]);
        if (r < 0)
                r = start(&agent);
        if (r < 0)
                r = run(&agent);
        sampler_close(agent.sampler);
        fleet_free(agent.fleet);
        send_close(agent.send, FLUSH_MS);
        find_close(agent.find);
        if (agent.signals >= 0)
                close(agent.signals);
        return r;
}
