/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's account of itself. Facts are published at every turn of its loop, so silence means that it is stuck. The
 * budget is looked at only at the end of a window, so that all samples of a window stand for the same time.
 */
#include "vitals.h"

#include "gil_waits.h"

#include "agent/base/base.h"
#include "agent/command/cli/log.h"
#include "agent/command/cli/messages.h"
#include "agent/command/command.h"
#include "agent/command/processes/sampling.h"
#include "agent/health/health.h"
#include "agent/http/http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

struct vitals {
        struct vitals_options options;
        struct vitals_subject subject;
        int listen_fd; /* -1: there is none, or the server has taken it */
        uint16_t port;
        struct health *health;
        struct health_destination *destinations;
        struct health_facts facts;
        struct health_gil_waits gil_waits;
        struct profile_counters before[MODES_MAX]; /* counters of the fleet at the end of the window before */

        double cpu_s, at_s; /* CPU time and clock when the present window began; at_s 0: none has begun */
        bool hopeless;      /* a message has said that the budget cannot be kept */

        double memory_looked_s; /* when memory was last looked at (CLOCK_MONOTONIC) */
        double early_end_s;     /* from when on a window may end early again (CLOCK_MONOTONIC) */
        uint64_t early_rss;     /* resident bytes at an early end; 0: there was none since the last look */
        uint64_t refused;       /* modes_memory().refused at the last look */
};

/*
 * Targets may take this part of --max-memory, less what everything else takes. The rest is for what is not counted:
 * tables that double when they grow, malloc's own, and most of all the encoding of a window, which has each text twice
 * more, in its tables and in its bytes. With 0.6, the end of a window took 61 MB of 32.
 */
#define TARGETS_PART 0.3
/* Targets may always take this part of --max-memory, or a backlog of batches would end all sampling. */
#define TARGETS_PART_MIN 0.1

_Static_assert(MODES_MAX <= HEALTH_MODES_MAX, "every mode is told");

/* Pause between two looks at the memory within a window, in ms. */
#define MEMORY_PAUSE_MS 200

/*
 * Pause after an early end of a window, in seconds; and after one that did not help, because profiles are not what is
 * large.
 */
#define EARLY_PAUSE_S 1
#define EARLY_USELESS_S 60

static double clock_seconds(clockid_t clock)
{
        return (double)clock_ns(clock) / 1e9;
}

/* ---- opening and closing -------------------------------------------------------- */

int vitals_listen(const struct vitals_options *options, const struct usage *usage, struct vitals **ret)
{
        struct vitals *v = calloc(1, sizeof *v);
        char reason[512] = "";
        int r = 0;

        if (!v)
                return say_error("out of memory");
        v->options = *options;
        v->listen_fd = -1;
        *ret = v;
        if (options->listen)
                r = http_server_listen(options->listen, &v->listen_fd, &v->port, reason, sizeof reason);
        if (r == HTTP_SERVER_E_ADDRESS)
                return options_wrong(usage, "--listen: %s", reason);
        return r == 0 ? GO_ON : say_error("%s; --listen takes another port", reason);
}

/* Serves the metrics. GO_ON, or an exit status, after a message. */
static int open_health(struct vitals *v)
{
        size_t n = destinations_count(v->subject.destinations);
        struct health_config config = { .listen_fd = v->listen_fd,
                                        .window_s = v->subject.window_s,
                                        .n_destinations = n };

        if (v->listen_fd < 0)
                return GO_ON;
        v->destinations = calloc(n, sizeof *v->destinations);
        if (!v->destinations)
                return say_error("out of memory");
        for (size_t i = 0; i < n; i++)
                v->destinations[i].send = destinations_at(v->subject.destinations, i, &v->destinations[i].url);
        config.destinations = v->destinations;
        bool open = !http_server_is_local(v->listen_fd);
        v->listen_fd = -1;
        int r = health_open(&config, &v->health);
        if (r < 0)
                return say_error("metrics cannot be served: %s", strerror(-r));
        if (open)
                say("anybody on the network can read these metrics: --listen 127.0.0.1:%u serves this machine alone; "
                    "they name no process and no function, and %s",
                    v->port, modes_sample_wall(v->subject.modes) ? "the containers that run Python" : "no container");
        const char *colon = strrchr(v->options.listen, ':');
        say("metrics: http://%.*s:%u/metrics", (int)(colon - v->options.listen), v->options.listen, v->port);
        return GO_ON;
}

/* Sets the rates of all modes, and notes them. */
static void set_rate(struct vitals *v, unsigned rate)
{
        const struct modes *modes = v->subject.modes;

        modes_set_rate(v->subject.modes, rate);
        v->facts.n_modes = modes->n;
        for (size_t i = 0; i < modes->n; i++) {
                struct health_mode *mode = &v->facts.modes[i];
                mode->name = profile_mode_name(modes->configs[i].mode);
                mode->rate = modes_rate_at(modes, i, rate);
                mode->max_rate = modes->configs[i].rate;
        }
}

static void say_first_rate(const struct vitals *v)
{
        char first[MODES_RATES_SIZE], asked[MODES_RATES_SIZE];

        modes_describe_rates(v->subject.modes, v->facts.budget.rate, first);
        modes_describe_rates(v->subject.modes, v->facts.budget.max_rate, asked);
        say("budget: sampling begins with %s instead of %s", first, asked);
}

int vitals_open(struct vitals *v, const struct vitals_subject *subject)
{
        v->subject = *subject;
        v->facts.budget = (struct health_budget){
                .max_cpu = v->options.max_cpu / 100,
                .max_memory = v->options.max_memory,
                .max_rate = modes_rate(subject->modes),
        };
        set_rate(v, health_budget_begin(&v->facts.budget, (unsigned)get_nprocs()));
        if (v->facts.budget.rate < v->facts.budget.max_rate)
                say_first_rate(v);
        return open_health(v);
}

void vitals_close(struct vitals *v)
{
        if (!v)
                return;
        health_close(v->health);
        if (v->listen_fd >= 0)
                close(v->listen_fd);
        free(v->destinations);
        free(v);
}

/* ---- telling ---------------------------------------------------------------------- */

/*
 * Notes the coverage of the window in the @i'th mode. A window in which nothing ran has none: then that of the window
 * before remains.
 */
static void end_window_books(struct vitals *v, size_t i)
{
        const struct profile_counters *all = fleet_counters(v->subject.fleet, i), *before = &v->before[i];
        const struct profile_counters window = {
                .accounted_ns = all->accounted_ns - before->accounted_ns,
                .sampled_ns = all->sampled_ns - before->sampled_ns,
                .left_out_ns = all->left_out_ns - before->left_out_ns,
        };

        if (window.accounted_ns > 0)
                v->facts.modes[i].window = window;
        v->before[i] = *all;
}

static uint64_t unseen_ns(const struct profile_counters *counters)
{
        struct profile_loss losses[PROFILE_LOSSES];

        profile_losses(counters, losses);
        return losses[PROFILE_LOSSES - 1].ns;
}

static void note_samples(struct vitals *v, size_t i)
{
        struct health_mode *mode = &v->facts.modes[i];

        mode->samples = *fleet_counters(v->subject.fleet, i);
        if (unseen_ns(&mode->samples) > mode->unseen_ns)
                mode->unseen_ns = unseen_ns(&mode->samples);
}

static void publish_facts(struct vitals *v)
{
        struct health_targets targets[HEALTH_TARGETS_MAX];
        size_t n;
        const struct fleet_kind *kinds = fleet_kinds(v->subject.fleet, &n);

        for (size_t i = 0; i < n && i < HEALTH_TARGETS_MAX; i++)
                targets[i] = (struct health_targets){ kinds[i].state, kinds[i].reason, kinds[i].n };
        v->facts.targets = targets;
        v->facts.n_targets = n;
        v->facts.disbelieved = fleet_disbelieved(v->subject.fleet);
        for (size_t i = 0; i < v->facts.n_modes; i++)
                note_samples(v, i);
        v->facts.log_suppressed = log_suppressed();
        health_publish(v->health, &v->facts);
}

/*
 * Notes when the window begins. It begins after the processes that were there from the start have been found and
 * opened, which is not a cost of a window.
 */
static void begin_window(struct vitals *v)
{
        v->cpu_s = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
        v->at_s = clock_seconds(CLOCK_MONOTONIC);
}

/* Prints, once, that processes are not looked at; again only after all have been looked at. */
static void say_starved(struct vitals *v, uint64_t starved)
{
        struct rlimit limit = { 0 };

        if (starved > 0 && v->facts.starved == 0) {
                getrlimit(RLIMIT_NOFILE, &limit);
                say("%" PRIu64
                    " Python process%s not sampled, and others that come: nearly all of the %llu file descriptors "
                    "are taken; raise `ulimit -n` (LimitNOFILE= of a systemd unit)",
                    starved, starved == 1 ? " is" : "es are", (unsigned long long)limit.rlim_cur);
        }
        v->facts.starved = starved;
}

void vitals_beat(struct vitals *v, uint64_t starved)
{
        say_starved(v, starved);
        if (!v->facts.ready)
                begin_window(v);
        v->facts.ready = true;
        publish_facts(v);
        log_flush(false);
}

/* ---- the budget ----------------------------------------------------------------------- */

static void say_rate(const struct vitals *v, unsigned before, uint64_t rss)
{
        char rates[MODES_RATES_SIZE], rates_before[MODES_RATES_SIZE];

        modes_describe_rates(v->subject.modes, v->facts.budget.rate, rates);
        modes_describe_rates(v->subject.modes, before, rates_before);
        if (strcmp(rates, rates_before) == 0)
                return;
        say("budget: the last window took %.2f %% of a CPU, %.1f MB are in memory: %s instead of %s",
            v->facts.budget.cpu * 100, (double)rss / 1e6, rates, rates_before);
}

static void say_hopeless(struct vitals *v, bool hopeless, uint64_t rss)
{
        if (hopeless && !v->hopeless)
                say("budget: at 1 Hz podflame still takes %.2f %% of a CPU and %.1f MB: --max-cpu or --max-memory is "
                    "less than finding processes and sending profiles takes here",
                    v->facts.budget.cpu * 100, (double)rss / 1e6);
        v->hopeless = hopeless;
}

static void trim_caches(struct vitals *v, uint64_t rss)
{
        struct sampler_memory targets = modes_memory(v->subject.modes);

        modes_trim(v->subject.modes);
        v->facts.trims++;
        say("budget: %.1f MB are in memory, %.1f of them for what is known of processes: caches have been emptied",
            (double)rss / 1e6, (double)targets.leased / 1e6);
}

int vitals_pause_ms(const struct vitals *v)
{
        return v->options.max_memory > 0 ? MEMORY_PAUSE_MS : -1;
}

/* Whether an early end has freed at least 1/10 of --max-memory. If not, it is not tried again soon. */
static bool has_early_end_helped(struct vitals *v, uint64_t rss)
{
        bool helped = v->early_rss == 0 || rss + v->options.max_memory / 10 < v->early_rss;

        v->early_rss = 0;
        return helped;
}

/* Sets what all targets together may take, by what else is in memory. */
static void divide_memory(struct vitals *v, uint64_t rss)
{
        double max = (double)v->options.max_memory, leased = (double)modes_memory(v->subject.modes).leased;
        double others = (double)rss - leased, part = (max - others) * TARGETS_PART;

        if (part < max * TARGETS_PART_MIN)
                part = max * TARGETS_PART_MIN;
        modes_limit_memory(v->subject.modes, (size_t)part);
}

/* Whether --max-memory is exceeded; or targets were refused memory, and still take more than half of what they may. */
static bool is_short(const struct vitals *v, uint64_t rss)
{
        struct sampler_memory targets = modes_memory(v->subject.modes);

        return rss > v->options.max_memory || (targets.refused != v->refused && targets.leased > targets.max / 2);
}

bool vitals_is_too_large(struct vitals *v, bool can_end)
{
        double now = clock_seconds(CLOCK_MONOTONIC);
        uint64_t max = v->options.max_memory, rss;

        if (max == 0 || now < v->memory_looked_s + MEMORY_PAUSE_MS / 1e3)
                return false;
        v->memory_looked_s = now;
        rss = health_resident_bytes();
        divide_memory(v, rss);
        if (can_end && !has_early_end_helped(v, rss))
                v->early_end_s = now + EARLY_USELESS_S;
        if (!is_short(v, rss) || now < v->early_end_s)
                return false;
        trim_caches(v, rss);
        rss = health_resident_bytes();
        v->early_end_s = now + EARLY_PAUSE_S;
        bool remains = is_short(v, rss);
        v->refused = modes_memory(v->subject.modes).refused;
        if (!remains || !can_end)
                return false;
        say("budget: %.1f MB are in memory all the same: this window ends early", (double)rss / 1e6);
        v->early_rss = rss;
        return true;
}

static void keep_to_budget(struct vitals *v)
{
        struct health_budget *budget = &v->facts.budget;
        struct health_usage usage;
        unsigned before = budget->rate;

        health_usage_read(&usage);
        struct health_advice advice = health_budget_look(budget, clock_seconds(CLOCK_MONOTONIC) - v->at_s,
                                                         clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - v->cpu_s,
                                                         usage.rss_bytes);
        if (advice.trim)
                trim_caches(v, usage.rss_bytes);
        if (advice.rate != before) {
                set_rate(v, advice.rate);
                say_rate(v, before, usage.rss_bytes);
        }
        say_hopeless(v, advice.hopeless, usage.rss_bytes);
}

void vitals_note_profiles(struct vitals *v, const struct profile_set *set)
{
        bool known = modes_sample_wall(v->subject.modes) && gil_waits_read(set, &v->gil_waits) == 0;

        v->facts.gil_waits = known ? &v->gil_waits : NULL;
}

void vitals_count_window(struct vitals *v, bool sent)
{
        v->facts.windows += sent;
        v->facts.failed_windows += !sent;
        publish_facts(v);
}

void vitals_end_window(struct vitals *v)
{
        v->facts.stalled = 0;
        for (size_t i = 0; i < v->facts.n_modes; i++) {
                struct sampler_health health;
                sampling_check(v->subject.modes->samplers[i], &health);
                v->facts.modes[i].lost = health.lost;
                if (health.stalled > v->facts.stalled)
                        v->facts.stalled = health.stalled;
                end_window_books(v, i);
        }
        keep_to_budget(v);
        begin_window(v);
        publish_facts(v);
}
