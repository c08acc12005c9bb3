/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame record: samples the processes of one TARGET for a while, or a command
 * from its first moments to its end, and writes one profile. What has been sampled
 * is written whatever ends it: the time, a signal, or the end of the processes.
 */
#include "appear.h"
#include "command.h"
#include "commands.h"
#include "environment.h"
#include "finding.h"
#include "follow.h"
#include "launch.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "sampling.h"
#include "say.h"
#include "signals.h"
#include "summary.h"
#include "target.h"

#include "agent/format/format.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

struct record_config {
        struct target_options target;
        struct sampling_options sampling;
        bool subprocesses;
        double duration; /* seconds; 0: not said */
        const char *format;
        const char *output;
        bool quiet;
        bool verbose;
};

#define DURATION_DEFAULT 10

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct record_config, target),
        { .name = "subprocesses", .letter = 's', .kind = OPTION_FLAG,
          .field = offsetof(struct record_config, subprocesses),
          .help = "follow child processes as well, and new ones of CONTAINER" },
        { .name = "duration", .letter = 'd', .kind = OPTION_SECONDS, .field = offsetof(struct record_config, duration),
          .argument = "TIME", .help = "how long: 10, 90s, 5m (10; of COMMAND: until it ends)", .min = 0.001,
          .max = 30 * 86400.0 },
        SAMPLING_OPTIONS(struct record_config, sampling),
        { .name = "format", .letter = 'f', .kind = OPTION_TEXT, .field = offsetof(struct record_config, format),
          .argument = "FORMAT", .help = "folded, html, pprof, otlp, text (by FILE's ending, else folded)" },
        { .name = "output", .letter = 'o', .kind = OPTION_TEXT, .field = offsetof(struct record_config, output),
          .argument = "FILE", .help = "where to write it (standard output; needed with COMMAND, whose that is)" },
        { .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .field = offsetof(struct record_config, quiet),
          .help = "no progress, no summary" },
        { .name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .field = offsetof(struct record_config, verbose),
          .help = "say how is sampled, and why not otherwise" },
};

static const struct usage usage = {
        .command = "record",
        .synopsis = "(-p PID | -c CONTAINER) [OPTION]...\n"
                    "       podflame record -o FILE [OPTION]... -- COMMAND [ARGUMENT]...",
        .text = "Samples a process, a container's processes, or a command, and writes one profile.\n"
                "A command is run and sampled until it ends; its exit status is podflame's (128 and the number\n"
                "of the signal that killed it, 127 or 126 if it could not be run; 1 if it succeeded, but\n"
                "nothing could be recorded of it).",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* A recording under way. */
struct recording {
        struct record_config config;
        char **command; /* NULL: a TARGET is recorded */
        struct output output;
        struct find *find;
        struct sampler *sampler;
        struct choice choice;
        struct follow *follow;
        struct launch launch;
        struct environment environment;
        uint32_t abi; /* of the command */
        struct appear appear; /* of the command's interpreter */
        int reported;         /* the error by which the command's process was said not to be profilable */
        int signals;
        bool told_to_stop;
        struct profile_set done;
};

/* ---- the processes ----------------------------------------------------------------- */

static int start_processes(struct recording *r)
{
        for (size_t i = 0; i < r->choice.n; i++) {
                struct chosen *chosen = &r->choice.items[i];
                int e = follow_add(r->follow, &chosen->process, chosen->py);
                chosen->py = NULL;
                if (e != 0)
                        return say_error("process %d: %s", chosen->process.pid, nsutil_strerror(e));
        }
        return -1;
}

static int start_command(struct recording *r)
{
        struct nsutil_stat stat;
        int e = launch_start(&r->launch, r->command, r->config.subprocesses);

        if (e != 0) {
                say("'%s' cannot be run: %s", *r->command, strerror(e));
                return launch_failure(e);
        }
        appear_begin(&r->appear, r->launch.pid, r->abi);
        if (nsutil_stat_read(r->launch.pid, &stat) == 0)
                follow_command(r->follow, r->launch.pid, stat.start_time);
        return -1;
}

static int add_command(struct recording *r, struct pystack *py)
{
        struct find_process process;

        if (find_identify(r->find, r->launch.pid, &process) != 0) {
                pystack_close(py);
                return 0; /* it has ended: that shows elsewhere */
        }
        process.info = r->appear.info;
        int e = follow_add(r->follow, &process, py);
        if (e != 0)
                say("process %d: %s", process.pid, nsutil_strerror(e));
        return 0;
}

/* What the command has become by now. */
static int look_at_command(struct recording *r)
{
        struct pystack *py;
        enum appear_event event = appear_look(&r->appear, &py);
        int e = r->appear.error;

        if (event == APPEAR_FOUND)
                return add_command(r, py);
        if (event == APPEAR_REPLACED)
                return follow_drop(r->follow, r->launch.pid);
        if ((e == PYSTACK_E_DENIED || e == PYSTACK_E_UNSUPPORTED) && r->reported != e) {
                r->reported = e;
                say_not_profilable(r->launch.pid, e, &r->appear.info);
        }
        return 0;
}

/* ---- the time ----------------------------------------------------------------------- */

static double now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* How long nothing can be missed by waiting for events only. */
#define STEP_MS 250

static int choose_timeout(const struct recording *r, double left)
{
        int timeout = left < STEP_MS / 1000.0 ? (int)(left * 1000) + 1 : STEP_MS;
        int scan = follow_scan_delay_ms(r->follow);
        int look = r->command ? appear_delay_ms(&r->appear) : -1;

        if (scan >= 0 && scan < timeout)
                timeout = scan;
        return look >= 0 && look < timeout ? look : timeout;
}

/* Waits for at most @left seconds, and sees to what has happened meanwhile. */
static int step(struct recording *r, double left)
{
        struct pollfd fds[] = { { .fd = r->signals, .events = POLLIN },
                                { .fd = follow_fd(r->follow), .events = POLLIN },
                                { .fd = r->launch.ended_fd, .events = POLLIN } };
        int e = 0;

        if (poll(fds, 3, choose_timeout(r, left)) < 0 && errno != EINTR)
                return -errno;
        if (r->command)
                launch_forward(&r->launch);
        else
                r->told_to_stop = fds[0].revents != 0;
        e = follow_reap(r->follow);
        if (e == 0 && r->command && !launch_reap(&r->launch))
                e = look_at_command(r);
        return e == 0 ? follow_scan(r->follow) : e;
}

static bool goes_on(const struct recording *r)
{
        return r->command ? !r->launch.ended : !r->told_to_stop && follow_alive(r->follow) > 0;
}

/* Samples until the time is over, a signal comes, or no process is left. */
static int wait_for_end(struct recording *r)
{
        bool shown = !r->config.quiet && !r->command; /* a command's terminal is not ours to draw on */
        double start = now(), elapsed = 0;
        int e = 0;

        while (e == 0 && goes_on(r) && elapsed < r->config.duration) {
                if (shown)
                        progress_draw(elapsed, r->config.duration);
                e = step(r, r->config.duration - elapsed);
                elapsed = now() - start;
        }
        if (shown)
                progress_clear();
        return e == 0 ? follow_finish(r->follow, &r->done) : e;
}

/* ---- the result --------------------------------------------------------------------- */

static int say_nothing_recorded(const struct recording *r)
{
        return say_error("nothing was recorded: no Python interpreter was running in '%s' (process %d)%s", *r->command,
                         r->launch.pid, r->config.subprocesses ? " or in what it started"
                                                               : "; --subprocesses follows what it starts");
}

static int describe(struct recording *r)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < r->done.n; i++)
                e = environment_describe(&r->environment, 0, (unsigned)r->config.sampling.rate, r->done.items[i]);
        return e;
}

/* Writes what was recorded; @e: the error by which it ended. Returns an exit status. */
static int conclude(struct recording *r, int e)
{
        if (e == 0 && r->command && r->done.n == 0)
                return r->reported ? EXIT_FAILED : say_nothing_recorded(r);
        if (e == 0)
                e = describe(r);
        if (e == 0)
                e = output_write(&r->output, &r->done);
        if (e < 0)
                return say_error("%s: %s", r->output.name, strerror(-e));
        if (!r->config.quiet)
                summary_say(&r->done, r->sampler);
        return EXIT_OK;
}

/* ---- from beginning to end ------------------------------------------------------------ */

/*
 * Events on the targets' own threads are not woken by other processes, but take a
 * descriptor for each thread and CPU. A child inherits its parent's as well as
 * having its own, so where children are followed the machine's are taken.
 */
#define THREAD_EVENTS_MAX 800

static enum sample_scope choose_scope(const struct recording *r)
{
        size_t threads = 0;

        for (size_t i = 0; i < r->choice.n; i++) {
                struct nsutil_stat stat;
                if (nsutil_stat_read(r->choice.items[i].process.pid, &stat) == 0)
                        threads += (size_t)stat.threads;
        }
        return !r->config.subprocesses && threads * (size_t)get_nprocs() <= THREAD_EVENTS_MAX ? SAMPLE_SCOPE_TARGETS
                                                                                             : SAMPLE_SCOPE_MACHINE;
}

/* Signals wait from here on, before the sampler's threads are started. -1, or an exit status. */
static int open_sampler(struct recording *r)
{
        struct sample_config config;
        int e = r->command ? launch_open(&r->launch) : 0;

        if (e < 0)
                return say_error("signals cannot be waited for: %s", strerror(-e));
        r->signals = r->command ? r->launch.signals : signals_open();
        e = sampling_config(&r->config.sampling, &usage, &config);
        config.scope = choose_scope(r);
        if (e < 0)
                e = sampling_open(&config, &r->sampler);
        if (e < 0 && r->config.verbose)
                summary_say_engine(r->sampler);
        return e;
}

static int open_follow(struct recording *r)
{
        struct follow_config config = {
                .sampler = r->sampler,
                .find = r->find,
                .subprocesses = r->config.subprocesses,
                .adopted = r->command != NULL,
        };

        if (r->config.target.container)
                config.container_id = r->choice.items[0].process.container_id;
        int e = follow_open(&config, &r->follow);
        return e < 0 ? say_error("the processes cannot be watched: %s", strerror(-e)) : -1;
}

static int record(struct recording *r)
{
        int e = open_sampler(r);

        environment_read(&r->environment);
        if (e < 0)
                e = open_follow(r);
        if (e < 0)
                e = start_processes(r);
        if (e < 0 && follow_scan(r->follow) < 0)
                e = say_error("/proc cannot be read");
        if (e < 0 && r->command)
                e = start_command(r);
        if (e >= 0)
                return e;
        e = conclude(r, wait_for_end(r));
        if (!r->command)
                return e;
        int status = launch_wait(&r->launch);
        return status != 0 ? status : e;
}

/* Checks how the options go together: -1, or an exit status after a word about it. */
static int check(struct recording *r, char **rest)
{
        struct record_config *config = &r->config;
        struct sample_config checked;
        bool target = config->target.pids.n > 0 || config->target.container;
        int e;

        if (r->command && target)
                return options_wrong(&usage, "either a process or container, or a command");
        if (*rest && !r->command)
                return options_wrong(&usage, "'%s' is not an option; a command is told by -- before it", *rest);
        if (r->command && !config->output)
                return options_wrong(&usage, "standard output is the command's: name a file with -o FILE");
        if (config->duration == 0)
                config->duration = r->command ? INFINITY : DURATION_DEFAULT;
        e = target_abi(&config->target, &usage, &r->abi);
        if (e < 0)
                e = sampling_config(&config->sampling, &usage, &checked);
        return e < 0 ? output_choose(&usage, config->format, config->output, &r->output) : e;
}

int record_run(int argc, char **argv)
{
        struct recording r = {
                .config = { .sampling = SAMPLING_DEFAULTS },
                .output = OUTPUT_NONE,
                .launch = LAUNCH_NONE,
                .signals = -1,
        };
        int rest = 0;
        int e = options_parse(&usage, argc, argv, &r.config, &rest);

        if (e < 0 && rest < argc && strcmp(argv[rest - 1], "--") == 0)
                r.command = argv + rest;
        if (e < 0)
                e = check(&r, argv + rest);
        if (e < 0 && finding_open(false, &r.find) != 0)
                e = say_error("/proc cannot be read");
        if (e < 0 && !r.command)
                e = target_choose(r.find, &r.config.target, &usage, &r.choice);
        if (e < 0)
                e = output_open(&r.output);
        if (e < 0)
                e = record(&r);
        follow_close(r.follow);
        sampler_close(r.sampler);
        choice_deinit(&r.choice);
        profile_set_deinit(&r.done);
        output_close(&r.output);
        if (!r.command && r.signals >= 0)
                close(r.signals);
        launch_close(&r.launch);
        find_close(r.find);
        return e;
}
