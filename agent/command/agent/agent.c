/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame agent: finds the Python processes of this machine as they come and go, and samples them all. At the end of
 * every window it sends a profile of each service of each container.
 */
#include "agent/base/base.h"
#include "agent/command/cli/descriptors.h"
#include "agent/command/cli/explanations.h"
#include "agent/command/cli/log.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/signals.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"

#include "agent_options.h"
#include "delivery.h"
#include "fleet.h"
#include "reach.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* After a signal to end, the collector has this long to take the batches that wait. */
#define FLUSH_MS 3000

/*
 * The search for processes runs for this long at a time. Windows and heartbeat share its thread, and processes that are
 * slow to open must not hold them up.
 */
#define SEARCH_SLICE_MS 100

/* The agent wakes up at least this often while a window is being handed over. */
#define HANDOVER_LOOK_MS 1000

/* The most that one process may add to a window. The largest applications take 2 MB in 10 s. */
#define PROFILE_BYTES ((size_t)8 << 20)

/* Batches that wait for a collector may take 1/4 of --max-memory. */
#define QUEUE_SHARE 4

struct agent {
        struct agent_config config;
        int signals;
        struct find_rules *rules; /* NULL: all processes are selected */
        struct find *find;
        struct modes modes;
        struct fleet *fleet;
        struct destinations *destinations;
        struct delivery *delivery;
        struct vitals *vitals;
        bool reaches; /* a process can be read; found out only once one is refused */
};

static uint64_t read_clock_ms(void)
{
        return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Counts a window. @r is 0 if its profiles are on their way, otherwise a negative errno. */
static void count_window(struct agent *agent, int r)
{
        if (r < 0)
                say("a window is lost: %s", strerror(-r));
        vitals_count_window(agent->vitals, r >= 0);
}

static void count_delivered_window(struct agent *agent)
{
        int r;

        if (delivery_take_result(agent->delivery, &r))
                count_window(agent, r);
}

/* Ends the window, and hands its profiles over. Waits if the window before is still being handed over. */
static void end_window(struct agent *agent)
{
        struct profile_set set = { 0 };
        int r = fleet_take(agent->fleet, &set);

        count_delivered_window(agent);
        vitals_note_profiles(agent->vitals, r == 0 ? &set : &(struct profile_set){ 0 });
        if (r == 0)
                r = labels_put(&agent->config.labels, &set);
        if (r == 0)
                delivery_begin(agent->delivery, &set);
        else
                count_window(agent, r);
        profile_set_deinit(&set);
        vitals_end_window(agent->vitals);
}

/* Ends the last window. Its profiles are handed over before this returns. */
static void end_last_window(struct agent *agent)
{
        delivery_wait(agent->delivery);
        end_window(agent);
        delivery_wait(agent->delivery);
        count_delivered_window(agent);
}

static void reload_configuration(struct agent *agent)
{
        if (selection_reload(&agent->config.selection, agent->find, &agent->rules))
                say("rules and secrets are read again");
        destinations_reload(agent->destinations);
}

/* Returns whether a signal tells the agent to end. */
static bool obey_signals(struct agent *agent)
{
        int signal;

        while ((signal = signals_take(agent->signals)) == SIGHUP)
                reload_configuration(agent);
        return signal != 0;
}

/* Waits for an event or the end of the window. Returns whether a signal tells the agent to end. */
static bool wait_for_event(struct agent *agent, uint64_t end)
{
        struct pollfd fds[] = { { .fd = agent->signals, .events = POLLIN },
                                { .fd = find_fd(agent->find), .events = POLLIN },
                                { .fd = delivery_fd(agent->delivery), .events = POLLIN } };
        int timeout = find_timeout_ms(agent->find), pause = vitals_pause_ms(agent->vitals);
        uint64_t now = read_clock_ms(), left = end > now ? end - now : 0;

        /*
         * A window that could end now goes on while the one before is being handed over. The end of that wakes the
         * agent.
         */
        if (left == 0 && delivery_is_busy(agent->delivery))
                left = HANDOVER_LOOK_MS;
        if (timeout < 0 || left < (uint64_t)timeout)
                timeout = (int)left;
        if (pause >= 0 && pause < timeout)
                timeout = pause;
        return poll(fds, 3, timeout) > 0 && fds[0].revents && obey_signals(agent);
}

/* GO_ON. Or an exit status, after a message, if no process can ever be profiled. */
static int check_reach(struct agent *agent)
{
        char why[EXPLANATION_SIZE];
        uint64_t refused = agent->reaches ? 0 : fleet_refused(agent->fleet);

        if (refused == 0)
                return GO_ON;
        agent->reaches = !reach_is_nothing();
        if (agent->reaches)
                return GO_ON;
        log_flush(true);                    /* so that the error is the last line of the log */
        explain_denial(1, why, sizeof why); /* init is another user's, and there is always one */
        return say_error("nothing can be profiled: %s; %" PRIu64
                         " Python process%s refused to this user, and no other process can be read either; "
                         "see podflame doctor",
                         why, refused, refused == 1 ? " is" : "es are");
}

/*
 * Ends the window if it is time to, or if memory is short. @end is when the window ends. Returns when the next end is
 * due. Ends stay on a grid. After a late end the next window takes at least half of its time, since a shorter one may
 * be without a sample.
 */
static uint64_t end_window_in_time(struct agent *agent, uint64_t end)
{
        uint64_t window = (uint64_t)(agent->config.window * 1000);

        bool can_end = !delivery_is_busy(agent->delivery), large = vitals_is_too_large(agent->vitals, can_end);

        if (!can_end || (read_clock_ms() < end && !large))
                return end;
        end_window(agent);
        uint64_t now = read_clock_ms();
        return now < end ? end : end + window * (1 + (now - end + window / 2) / window);
}

/*
 * How long the first window is: about one window, by chance. So the agents of a cluster that started together do not
 * send at the same moment ever after.
 */
static uint64_t first_window_ms(uint64_t window)
{
        uint32_t random;

        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
                return window;
        return window / 2 + random % window;
}

static int scan_until_told_to_end(struct agent *agent)
{
        struct find_events events = fleet_events(agent->fleet);
        uint64_t end = read_clock_ms() + first_window_ms((uint64_t)(agent->config.window * 1000));

        for (;;) {
                int r = find_scan(agent->find, &events);
                if (r < 0)
                        return say_error("/proc cannot be read: %s", strerror(-r));
                fleet_end_scan(agent->fleet);
                vitals_beat(agent->vitals, find_starved(agent->find));
                int status = check_reach(agent);
                if (status != GO_ON)
                        return status;
                count_delivered_window(agent);
                end = end_window_in_time(agent, end);
                if (wait_for_event(agent, end))
                        break;
        }
        end_last_window(agent);
        return EXIT_OK;
}

/* GO_ON, or an exit status, after a message. */
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

/* Checks the options, and starts nothing. GO_ON, or an exit status, after a message. */
static int check_options(struct agent *agent)
{
        int r = modes_config(&agent->config.sampling, agent->config.wall_rate, agent->config.wait_detail, &agent_usage,
                             &agent->modes);

        if (r == GO_ON)
                r = labels_check(&agent->config.labels, &agent_usage);
        return r == GO_ON ? selection_rules(&agent->config.selection, &agent_usage, &agent->rules) : r;
}

/* Opens what takes privileges, and gives them up. GO_ON, or an exit status, after a message. */
static int prepare_privileged(struct agent *agent)
{
        struct agent_config *config = &agent->config;
        int r = check_options(agent);

        if (r == GO_ON)
                r = log_setup(&config->log, &agent_usage);
        if (r == GO_ON)
                r = vitals_listen(&config->vitals, &agent_usage, &agent->vitals);
        if (r != GO_ON)
                return r;
        descriptors_raise(); /* each process takes one or two descriptors */
        agent->signals = signals_open();
        /* Batches that wait for a collector get a part of the memory. */
        config->destinations.queue_max = config->vitals.max_memory / QUEUE_SHARE;
        modes_limit_switches(&agent->modes, config->vitals.max_cpu / 100);
        return confine(&config->confinement, &agent_usage,
                       modes_are_blocking(&agent->modes) ? CONFINE_AGENT_BLOCKING : CONFINE_AGENT);
}

static int start_vitals(struct agent *agent)
{
        const struct vitals_subject subject = {
                .modes = &agent->modes,
                .fleet = agent->fleet,
                .destinations = agent->destinations,
                .window_s = agent->config.window,
        };

        return vitals_open(agent->vitals, &subject);
}

/* GO_ON, or an exit status, after a message. */
static int start_parts(struct agent *agent)
{
        int r = prepare_privileged(agent);

        if (r != GO_ON)
                return r;
        r = destinations_open(&agent->config.destinations, &agent_usage, &agent->destinations);
        if (r != GO_ON)
                return r;
        int e = delivery_open(agent->destinations, &agent->delivery);
        if (e < 0)
                return say_error("profiles cannot be handed to their destinations: %s", strerror(-e));
        r = modes_open(&agent->modes, PROFILE_BYTES);
        if (r != GO_ON)
                return r;
        agent->fleet = fleet_new(&agent->modes);
        if (!agent->fleet)
                return say_error("out of memory");
        r = open_finding(agent);
        if (r != GO_ON)
                return r;
        say_hiding();
        modes_say(&agent->modes, destinations_describe(agent->destinations), agent->config.window);
        return start_vitals(agent);
}

int agent_run(int argc, char **argv)
{
        struct agent agent = {
                .config = AGENT_DEFAULTS,
                .signals = -1,
        };
        int rest;
        int r = options_parse(&agent_usage, argc, argv, &agent.config, &rest);

        if (r == GO_ON && rest < argc)
                r = options_wrong_word(&agent_usage, argv[rest], NULL);
        if (r == GO_ON)
                r = start_parts(&agent);
        if (r == GO_ON)
                r = scan_until_told_to_end(&agent);
        delivery_close(agent.delivery);
        vitals_close(agent.vitals);
        modes_close(&agent.modes);
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
