/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame top: shows the functions that take the time of a TARGET's processes, now and since the beginning. It draws
 * on the whole terminal, or prints one table after another.
 */
#include "agent/base/base.h"
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/hide.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/cli/results.h"
#include "agent/command/cli/screen.h"
#include "agent/command/cli/signals.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/sampling.h"
#include "agent/command/processes/target.h"

#include "agent/command/processes/follow.h"
#include "keys.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

struct top_config {
        struct target_options target;
        struct sampling_options sampling;
        struct confinement_options confinement;
        bool subprocesses;
        double duration; /* seconds; 0: until a key or a signal ends it */
        double interval;
        const char *sort;
        const char *by;
        const char *hide;
        bool plain;
};

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct top_config, target),
        { .name = "subprocesses",
          .letter = 's',
          .kind = OPTION_FLAG,
          .field = offsetof(struct top_config, subprocesses),
          .help = "follow child processes as well, and new ones of CONTAINER or POD" },
        { .name = "duration",
          .letter = 'd',
          .kind = OPTION_SECONDS,
          .field = offsetof(struct top_config, duration),
          .argument = "TIME",
          .help = "end by itself after 10, 90s, 5m (never)",
          .min = 0.001,
          .max = 30 * 86400.0 },
        { .name = "interval",
          .letter = 'n',
          .kind = OPTION_SECONDS,
          .field = offsetof(struct top_config, interval),
          .argument = "TIME",
          .help = "seconds between one table and the next (1)",
          .min = 0.1,
          .max = 3600 },
        { .name = "sort",
          .letter = 'o',
          .kind = OPTION_TEXT,
          .field = offsetof(struct top_config, sort),
          .argument = "COLUMN",
          .help = "self, total: of the last interval; self-time, total-time: of all (self)" },
        { .name = "by",
          .kind = OPTION_TEXT,
          .field = offsetof(struct top_config, by),
          .argument = "GROUP",
          .help = "function, line, thread, process, program, container: what a row is (function)" },
        { .name = "plain",
          .kind = OPTION_FLAG,
          .field = offsetof(struct top_config, plain),
          .help = "print one table after another, as when standard output is no terminal" },
        HIDE_OPTION(struct top_config, hide, "internals"),
        SAMPLING_OPTIONS(struct top_config, sampling, SAMPLING_MODES_HELP),
        CONFINEMENT_OPTIONS(struct top_config, confinement),
};

static const struct usage usage = {
        .command = "top",
        .synopsis = "(-p PID | -c CONTAINER | --pod POD) [OPTION]...",
        .text = "Shows, every second, which functions take the time of a process or of a container's processes.\n"
                "Per cent are of one CPU in the last interval (in mode wall: of one thread's time), seconds are of\n"
                "all since the beginning. Ends when the processes do, by `q`, or by a signal. `?` tells the other "
                "keys.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* The names of the orders, as --sort takes them. */
static const char *const orders[TOTALS_ORDERS] = {
        [TOTALS_SELF] = "self",
        [TOTALS_TOTAL] = "total",
        [TOTALS_SELF_TIME] = "self-time",
        [TOTALS_TOTAL_TIME] = "total-time",
};

struct top {
        struct top_config config;
        struct sample_config sampling;
        struct find *find;
        struct choice choice;
        struct sampler *sampler;
        struct follow *follow;
        struct tables *tables;
        struct view view;
        struct keys keys;
        enum profile_view shown; /* of native frames */
        uint64_t begin_ns;       /* the moment from which times are counted */
        uint64_t turned_ns;      /* the beginning of the interval */
        uint64_t end_ns;         /* the moment to end; UINT64_MAX: never */
        int signals;
        bool sampled; /* at least one process was sampled */
        bool whole;   /* it draws on the whole terminal */
        bool ending;
};

static uint64_t to_ns(double seconds)
{
        return (uint64_t)(seconds * 1e9);
}

/* ---- drawing --------------------------------------------------------------------------- */

#define PLAIN_ROWS 20

static void write_page(const void *ctx, size_t lines, FILE *out, size_t titles[static SCREEN_TITLES_MAX])
{
        const struct top *t = ctx;
        size_t head = view_head_lines(&t->view), chosen;

        if (t->keys.mode == KEYS_HELP) {
                titles[0] = 0;
                keys_write_help(out);
                return;
        }
        chosen = view_write(&t->view, lines > head ? lines - head : 0, out);
        titles[0] = head - 1;
        if (chosen != SIZE_MAX)
                titles[1] = head + chosen;
}

static int draw_table(struct top *t)
{
        if (!t->whole) {
                view_write(&t->view, PLAIN_ROWS, stdout);
                putchar('\n');
                return results_flush();
        }
        t->view.width = screen_columns();
        return screen_draw(&(struct screen_page){ .write = write_page, .ctx = t, .help = keys_line(&t->keys) });
}

/* Adds a profile of the interval to what the head tells. */
static void count_profile(struct top *t, const struct profile *profile)
{
        waits_add(&t->view.waits, profile);
        profile_counters_add(&t->view.counters, profile_counters_of(profile));
        t->view.period_ns = profile_settings(profile)->period_ns;
}

/* Ends an interval: its samples are counted, and shown. */
static int end_interval(struct top *t)
{
        struct profile_set set = { 0 };
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        int e = follow_take(t->follow, &set);
        if (e == 0)
                e = hide_frames(&set, t->shown);

        t->view.waits = (struct waits){ .n = 0 };
        t->sampled = t->sampled || set.n > 0;
        for (size_t i = 0; e == 0 && i < set.n; i++)
                count_profile(t, set.items[i]);
        if (e == 0)
                e = tables_turn(t->tables, &set);
        profile_set_deinit(&set);
        t->view.running_ns = t->view.waits.running_ns;
        t->view.processes = follow_sampled(t->follow);
        t->view.interval_ns = now - t->turned_ns;
        t->view.elapsed_ns = now - t->begin_ns;
        t->turned_ns = now;
        return e == 0 && !t->view.paused && t->keys.mode != KEYS_HELP ? draw_table(t) : e;
}

/* ---- keys ------------------------------------------------------------------------------ */

static void reset_tables(struct top *t)
{
        tables_reset(t->tables);
        t->view.counters = (struct profile_counters){ 0 };
        t->view.elapsed_ns = 0;
        t->begin_ns = clock_ns(CLOCK_MONOTONIC);
}

static int apply_pressed_keys(struct top *t)
{
        int e = 0, key;

        while (e == 0 && t->whole && screen_key(&key)) {
                int result = keys_obey(&t->keys, key);
                if (result == KEYS_RESET)
                        reset_tables(t);
                t->ending = t->ending || result == KEYS_QUIT;
                e = result < 0 ? result : result != KEYS_NOTHING ? draw_table(t) : 0;
        }
        return e;
}

/* ---- the time -------------------------------------------------------------------------- */

/* The time until the interval ends, or until the processes must be looked at. */
static int choose_timeout(const struct top *t)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC), end = t->turned_ns + to_ns(t->config.interval);
        int delay = follow_delay_ms(t->follow);

        end = end < t->end_ns ? end : t->end_ns;
        int timeout = end > now ? (int)((end - now) / 1000000) + 1 : 0;
        return delay >= 0 && delay < timeout ? delay : timeout;
}

/* Waits for the first event, and handles it. */
static int wait_and_serve_events(struct top *t)
{
        struct pollfd fds[] = { { .fd = t->signals, .events = POLLIN },
                                { .fd = follow_fd(t->follow), .events = POLLIN },
                                { .fd = t->config.subprocesses ? find_fd(t->find) : -1, .events = POLLIN },
                                { .fd = t->whole && isatty(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN } };

        if (poll(fds, sizeof fds / sizeof *fds, choose_timeout(t)) < 0 && errno != EINTR)
                return -errno;
        int e = follow_step(t->follow);
        if (e == 0)
                e = apply_pressed_keys(t);
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        t->ending = t->ending || fds[0].revents || (fds[3].revents & POLLHUP) || !follow_lives(t->follow) ||
                    now >= t->end_ns;
        return e == 0 && (t->ending || now - t->turned_ns >= to_ns(t->config.interval)) ? end_interval(t) : e;
}

/* Ends. Messages about what was left out come after the terminal is restored. */
static int conclude_top(struct top *t)
{
        struct profile_set rest = { 0 };
        bool ended = !follow_lives(t->follow);
        int e = follow_finish(t->follow, &rest);

        profile_set_deinit(&rest); /* samples that came after the last table */
        if (e < 0)
                return say_error("%s: %s", t->view.subject, strerror(-e));
        if (ended)
                say("%s: all of it has ended", t->view.subject);
        return follow_say_missed(t->follow, t->sampled) + t->choice.refused > 0 ? EXIT_FAILED : EXIT_OK;
}

static int watch_until_end(struct top *t)
{
        int e = 0;

        t->begin_ns = t->turned_ns = clock_ns(CLOCK_MONOTONIC);
        t->end_ns = t->config.duration > 0 ? t->begin_ns + to_ns(t->config.duration) : UINT64_MAX;
        t->whole = !t->config.plain && screen_open() == 0;
        while (e == 0 && !t->ending)
                e = wait_and_serve_events(t);
        screen_close();
        if (results_flush() != 0)
                return EXIT_FAILED; /* the failure is not one of the processes */
        return e == 0 ? conclude_top(t) : say_error("%s: %s", t->view.subject, strerror(-e));
}

/* ---- the command ----------------------------------------------------------------------- */

static int check_top_options(struct top *t)
{
        enum totals_order order = 0;

        while (order < TOTALS_ORDERS && strcmp(t->config.sort, orders[order]) != 0)
                order++;
        if (order == TOTALS_ORDERS)
                return options_wrong(&usage, "--sort: '%s' is none of self, total, self-time, total-time",
                                     t->config.sort);
        t->view.order = order;
        if (!tables_parse(t->config.by, &t->view.kind))
                return options_wrong(&usage,
                                     "--by: '%s' is none of function, line, thread, process, program, container",
                                     t->config.by);
        int status = hide_parse(&usage, t->config.hide, &t->shown);
        return status != GO_ON ? status : sampling_config(&t->config.sampling, &usage, &t->sampling);
}

static int open_tables_and_sampler(struct top *t)
{
        struct follow_config config = { .find = t->find,
                                        .subprocesses = t->config.subprocesses,
                                        .pod = t->config.target.pod,
                                        .mode = t->sampling.mode };

        int status = target_abi(&t->config.target, &usage, &config.abi);
        if (status != GO_ON)
                return status;
        t->signals = signals_open();
        t->tables = tables_new();
        t->sampling.scope = sampling_scope(&t->choice, t->config.subprocesses);
        t->sampling.adopts = t->config.subprocesses;
        t->sampling.threads = true;
        status = t->tables ? sampling_open(&t->sampling, &t->sampler) : say_error("out of memory");
        if (status != GO_ON)
                return status;
        config.sampler = t->sampler;
        if (t->config.target.container)
                config.container_id = t->choice.items[0].process.container_id;
        int e = follow_open(&config, &t->follow);
        if (e < 0)
                return say_error("the processes cannot be watched: %s", strerror(-e));
        t->view.tables = t->tables;
        t->keys = (struct keys){ .view = &t->view, .tables = t->tables };
        t->view.engine = sampler_describe(t->sampler);
        target_subject(&t->config.target, &t->choice, t->view.subject);
        return follow_choice(t->follow, &t->choice);
}

static void close_tables_and_sampler(struct top *t)
{
        follow_close(t->follow);
        sampler_close(t->sampler);
        tables_free(t->tables);
        choice_deinit(&t->choice);
        find_close(t->find);
        if (t->signals >= 0)
                close(t->signals);
}

int top_run(int argc, char **argv)
{
        struct top top = { .config = { .sampling = SAMPLING_DEFAULTS,
                                       .interval = 1,
                                       .sort = "self",
                                       .by = "function",
                                       .hide = "internals" },
                           .signals = -1 };
        int rest;
        int status = options_parse(&usage, argc, argv, &top.config, &rest);

        if (status == GO_ON && rest < argc)
                status = options_wrong_word(&usage, argv[rest], NULL);
        if (status == GO_ON)
                status = check_top_options(&top);
        if (status == GO_ON)
                status = confine(&top.config.confinement, &usage, sampling_role(&top.sampling));
        if (status == GO_ON && finding_open(top.config.subprocesses, &top.find) != 0)
                status = say_error("/proc cannot be read");
        if (status == GO_ON)
                status = target_choose(top.find, &top.config.target, &usage,
                                       top.config.subprocesses ? TARGET_FOLLOWED : TARGET_WAITED_FOR, &top.choice);
        if (status == GO_ON)
                status = open_tables_and_sampler(&top);
        if (status == GO_ON)
                status = watch_until_end(&top);
        close_tables_and_sampler(&top);
        return status;
}
