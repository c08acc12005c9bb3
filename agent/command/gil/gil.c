/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame gil: shows which functions hold the GIL while other threads want it, and what each thread does. The report is
 * printed at the end, or drawn again and again.
 */
#include "agent/base/base.h"
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/cli/results.h"
#include "agent/command/cli/screen.h"
#include "agent/command/cli/signals.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"
#include "agent/command/processes/follow.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/sampling.h"
#include "agent/command/processes/target.h"
#include "graph.h"
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define DURATION_DEFAULT 10 /* seconds */
#define ROWS_DEFAULT 20

struct gil_config {
        struct target_options target;
        struct confinement_options confinement;
        struct graph_options graph;
        bool subprocesses, json, live;
        double duration;     /* seconds; 0: not given */
        double interval;     /* seconds */
        uint64_t rate, rows; /* rows 0: not given */
};

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct gil_config, target),
        { .name = "subprocesses",
          .letter = 's',
          .kind = OPTION_FLAG,
          .field = offsetof(struct gil_config, subprocesses),
          .help = "follow child processes as well, and new ones of CONTAINER or POD" },
        { .name = "duration",
          .letter = 'd',
          .kind = OPTION_SECONDS,
          .field = offsetof(struct gil_config, duration),
          .argument = "TIME",
          .help = "how long: 10, 90s, 5m (10; with --live until it is ended)",
          .min = 0.001,
          .max = 30 * 86400.0 },
        { .name = "live",
          .letter = 'l',
          .kind = OPTION_FLAG,
          .field = offsetof(struct gil_config, live),
          .help = "show it again and again: on the whole terminal, or one report after another" },
        { .name = "interval",
          .kind = OPTION_SECONDS,
          .field = offsetof(struct gil_config, interval),
          .argument = "TIME",
          .help = "seconds between one and the next with --live (1)",
          .min = 0.1,
          .max = 3600 },
        { .name = "rate",
          .letter = 'r',
          .kind = OPTION_NUMBER,
          .field = offsetof(struct gil_config, rate),
          .argument = "HZ",
          .help = "looks per second at all threads, 1 to 20000 (99)",
          .min = SAMPLE_RATE_MIN,
          .max = SAMPLE_RATE_MAX },
        { .name = "rows",
          .letter = 'n',
          .kind = OPTION_NUMBER,
          .field = offsetof(struct gil_config, rows),
          .argument = "NUMBER",
          .help = "rows of each table at most (20, on the whole terminal as many as it has)",
          .min = 1,
          .max = REPORT_ROWS_MAX },
        { .name = "json",
          .kind = OPTION_FLAG,
          .field = offsetof(struct gil_config, json),
          .help = "print JSON; times are nanoseconds" },
        GRAPH_OPTIONS(struct gil_config, graph),
        CONFINEMENT_OPTIONS(struct gil_config, confinement),
};

static const struct usage usage = {
        .command = "gil",
        .synopsis = "(-p PID | -c CONTAINER | --pod POD) [OPTION]...",
        .text = "Shows which functions hold the GIL while other threads wait for it, and for how long all of those\n"
                "wait meanwhile; and of each thread, which share of its time it runs, holds the GIL, and waits for\n"
                "it. Ends after TIME, when the processes do, or by a signal; with --live also by `q`.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

struct gil {
        struct gil_config config;
        struct sample_config sampling;
        struct find *find;
        struct choice choice;
        struct sampler *sampler;
        struct follow *follow;
        struct blame *blame;
        struct graph graph;
        char subject[TARGET_SUBJECT_SIZE];
        uint64_t begin_ns, turned_ns, end_ns; /* CLOCK_MONOTONIC */
        uint64_t interval_ns;                 /* between two turns */
        uint64_t turn_ns;                     /* the length of the last turn */
        int signals;
        bool sampled; /* at least one process was sampled */
        bool whole;   /* it draws on the whole terminal */
        bool paused;
        bool ending;
};

/* ---- showing --------------------------------------------------------------------------------- */

static struct report report_of(const struct gil *g)
{
        return (struct report){ .subject = g->subject,
                                .engine = sampler_describe(g->sampler),
                                .blame = g->blame,
                                .elapsed_ns = g->turned_ns - g->begin_ns,
                                .rows = g->config.rows > 0 ? g->config.rows
                                        : g->whole         ? REPORT_ROWS_MAX
                                                           : ROWS_DEFAULT,
                                .turn_ns = g->config.live ? g->turn_ns : 0,
                                .paused = g->paused };
}

static void write_report_lines(const void *ctx, size_t lines, FILE *out, size_t titles[static SCREEN_TITLES_MAX])
{
        report_write(ctx, lines, out, titles);
}

static int draw_report(struct gil *g)
{
        const struct report report = report_of(g);
        size_t titles[REPORT_TITLES];

        if (g->whole)
                return screen_draw(&(struct screen_page){
                        .write = write_report_lines, .ctx = &report, .help = "q quit  space hold  r reset" });
        report_write(&report, SIZE_MAX, stdout, titles);
        fputs(g->config.live ? "\n\n" : "", stdout);
        return results_flush();
}

/* Returns whether the key has a meaning. */
static bool obey_key(struct gil *g, int key)
{
        if (key == ' ') {
                g->paused = !g->paused;
        } else if (key == 'r') {
                blame_reset(g->blame);
                g->begin_ns = g->turned_ns;
        } else if (key == 'q') {
                g->ending = true;
        } else {
                return key == SCREEN_RESIZED;
        }
        return true;
}

static int obey_keys(struct gil *g)
{
        int e = 0, key;

        while (e == 0 && g->whole && screen_key(&key))
                e = obey_key(g, key) ? draw_report(g) : 0;
        return e;
}

/* ---- sampling ------------------------------------------------------------------------------- */

static int count_in_both(struct gil *g, const struct profile *p)
{
        int e = blame_add(g->blame, p);

        return e == 0 ? graph_add(&g->graph, p) : e;
}

/* Ends the turn at @now. */
static int count_profiles(struct gil *g, struct profile_set *set, uint64_t now)
{
        int e = 0;

        g->turn_ns = now - g->turned_ns;
        g->turned_ns = now;
        if (g->config.live)
                blame_turn(g->blame);
        g->sampled = g->sampled || set->n > 0;
        for (size_t i = 0; e == 0 && i < set->n; i++)
                e = count_in_both(g, set->items[i]);
        profile_set_deinit(set);
        return e;
}

static int end_turn(struct gil *g)
{
        struct profile_set set = { 0 };
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        int e = follow_take(g->follow, &set);
        int counted = count_profiles(g, &set, now);

        e = e == 0 ? counted : e;
        return e == 0 && g->config.live && !g->paused ? draw_report(g) : e;
}

/* The time until the turn ends, or until the processes must be looked at. */
static int timeout_of_turn(const struct gil *g)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC), end = g->turned_ns + g->interval_ns;
        int delay = follow_delay_ms(g->follow);

        end = end < g->end_ns ? end : g->end_ns;
        int timeout = end > now ? (int)((end - now) / 1000000) + 1 : 0;
        return delay >= 0 && delay < timeout ? delay : timeout;
}

static int wait_and_step(struct gil *g)
{
        struct pollfd fds[] = { { .fd = g->signals, .events = POLLIN },
                                { .fd = follow_fd(g->follow), .events = POLLIN },
                                { .fd = g->config.subprocesses ? find_fd(g->find) : -1, .events = POLLIN },
                                { .fd = g->whole && isatty(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN } };

        if (poll(fds, sizeof fds / sizeof *fds, timeout_of_turn(g)) < 0 && errno != EINTR)
                return -errno;
        int e = follow_step(g->follow);
        if (e == 0)
                e = obey_keys(g);
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        g->ending = g->ending || fds[0].revents || (fds[3].revents & POLLHUP) || !follow_lives(g->follow) ||
                    now >= g->end_ns;
        bool turns = now - g->turned_ns >= g->interval_ns || (g->ending && g->config.live);
        return e == 0 && turns ? end_turn(g) : e;
}

/* Shows what was counted last, but not on the whole terminal, which is given back by then. */
static int show_last(struct gil *g)
{
        const struct report report = report_of(g);

        if (!g->sampled || g->config.live || graph_is_printed(&g->graph))
                return 0;
        if (!g->config.json)
                return draw_report(g);
        report_print_json(&report);
        return results_flush();
}

/* Counts the last samples, and prints the report. */
static int conclude_gil(struct gil *g)
{
        struct profile_set rest = { 0 };
        bool ended = !follow_lives(g->follow);
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        int e = follow_finish(g->follow, &rest);
        int counted = count_profiles(g, &rest, now);

        if (e < 0 || (e = counted) < 0)
                return say_error("%s: %s", g->subject, strerror(-e));
        if (show_last(g) != 0)
                return EXIT_FAILED; /* the failure is told at the end */
        if (g->sampled && (e = graph_write(&g->graph, g->blame)) < 0)
                return say_error("%s: %s", g->graph.output.name, strerror(-e));
        if (g->config.live && ended)
                say("%s: all of it has ended", g->subject);
        return follow_say_missed(g->follow, g->sampled) + g->choice.refused > 0 ? EXIT_FAILED : EXIT_OK;
}

static int run_until_end(struct gil *g)
{
        int e = 0;

        g->begin_ns = g->turned_ns = clock_ns(CLOCK_MONOTONIC);
        g->end_ns = g->config.duration > 0 ? g->begin_ns + (uint64_t)(g->config.duration * 1e9) : UINT64_MAX;
        g->interval_ns = (uint64_t)(g->config.interval * 1e9);
        g->whole = g->config.live && screen_open() == 0;
        while (e == 0 && !g->ending)
                e = wait_and_step(g);
        screen_close();
        g->whole = false;
        if (results_flush() != 0)
                return EXIT_FAILED;
        return e == 0 ? conclude_gil(g) : say_error("%s: %s", g->subject, strerror(-e));
}

/* ---- the command ----------------------------------------------------------------------------- */

static int open_blame_and_sampler(struct gil *g)
{
        struct follow_config config = { .find = g->find,
                                        .subprocesses = g->config.subprocesses,
                                        .pod = g->config.target.pod,
                                        .mode = g->sampling.mode };

        int status = target_abi(&g->config.target, &usage, &config.abi);
        if (status != GO_ON)
                return status;
        g->signals = signals_open();
        g->blame = blame_new();
        g->sampling.scope = sampling_scope(&g->choice, g->config.subprocesses);
        g->sampling.adopts = g->config.subprocesses;
        status = g->blame ? sampling_open(&g->sampling, &g->sampler) : say_error("out of memory");
        if (status != GO_ON)
                return status;
        config.sampler = g->sampler;
        if (g->config.target.container)
                config.container_id = g->choice.items[0].process.container_id;
        int e = follow_open(&config, &g->follow);
        if (e < 0)
                return say_error("the processes cannot be watched: %s", strerror(-e));
        target_subject(&g->config.target, &g->choice, g->subject);
        return follow_choice(g->follow, &g->choice);
}

static void close_blame_and_sampler(struct gil *g)
{
        follow_close(g->follow);
        sampler_close(g->sampler);
        blame_free(g->blame);
        graph_close(&g->graph);
        choice_deinit(&g->choice);
        find_close(g->find);
        if (g->signals >= 0)
                close(g->signals);
}

static int check_gil_options(struct gil_config *config)
{
        if (config->live && config->json)
                return options_wrong(&usage, "--live and --json exclude each other");
        if ((config->live || config->json) && config->graph.format && !config->graph.path)
                return options_wrong(&usage, "standard output is %s's: name a file with -o FILE",
                                     config->live ? "--live" : "--json");
        if (!config->live && config->duration <= 0)
                config->duration = DURATION_DEFAULT;
        return GO_ON;
}

static int open_graph_and_confine(struct gil *g)
{
        struct outside_duty duties[OUTSIDE_DEEDS] = { { NULL, NULL } };

        g->graph.options = g->config.graph;
        int status = graph_open(&g->graph, &usage, duties);
        if (status != GO_ON)
                return status;
        return confine_with(&g->config.confinement, &usage, sampling_role(&g->sampling), duties, &g->graph.outside);
}

int gil_run(int argc, char **argv)
{
        struct gil gil = { .config = { .interval = 1, .rate = 99 }, .graph = GRAPH_NONE, .signals = -1 };
        int rest;
        int status = options_parse(&usage, argc, argv, &gil.config, &rest);

        if (status == GO_ON && rest < argc)
                status = options_wrong_word(&usage, argv[rest], NULL);
        if (status == GO_ON)
                status = check_gil_options(&gil.config);
        gil.sampling = (struct sample_config){ .mode = PROFILE_MODE_BLAME,
                                               .rate = (unsigned)gil.config.rate,
                                               .threads = true };
        if (status == GO_ON)
                status = open_graph_and_confine(&gil);
        if (status == GO_ON && finding_open(gil.config.subprocesses, &gil.find) != 0)
                status = say_error("/proc cannot be read");
        if (status == GO_ON)
                status = target_choose(gil.find, &gil.config.target, &usage,
                                       gil.config.subprocesses ? TARGET_FOLLOWED : TARGET_WAITED_FOR, &gil.choice);
        if (status == GO_ON)
                status = open_blame_and_sampler(&gil);
        if (status == GO_ON)
                status = run_until_end(&gil);
        close_blame_and_sampler(&gil);
        return status;
}
