/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From processes or a command to a file. The sampler is opened before a command is started, and serves all of its runs.
 * Each run is sampled from the first moments of its interpreter on. Its profiles say which run they are of.
 */
#include "recording.h"

#include "coverage.h"
#include "progress.h"
#include "summary.h"

#include "agent/base/base.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/signals.h"
#include "agent/command/command.h"
#include "agent/command/processes/sampling.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the command ------------------------------------------------------------------- */

static bool start_command(struct recording *r)
{
        int e = launch_start(&r->launch);

        if (e != 0) {
                say("'%s' cannot be run: %s", *r->config.command, strerror(e));
                return false;
        }
        e = follow_command(r->follow, r->launch.pid);
        if (e < 0)
                say("'%s' cannot be followed: %s", *r->config.command, strerror(-e));
        return true;
}

/* ---- the time ----------------------------------------------------------------------- */

static double monotonic_seconds(void)
{
        return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

/* The longest wait for events, in ms. Nothing is missed in this time. */
#define STEP_MS 250

static int choose_timeout(const struct recording *r, double left)
{
        int timeout = left < STEP_MS / 1000.0 ? (int)(left * 1000) + 1 : STEP_MS;
        int delay = follow_delay_ms(r->follow);

        return delay >= 0 && delay < timeout ? delay : timeout;
}

/* Waits for at most @left seconds, and handles what has happened meanwhile. */
static int wait_and_serve_events(struct recording *r, double left)
{
        struct pollfd fds[] = { { .fd = r->signals, .events = POLLIN },
                                { .fd = follow_fd(r->follow), .events = POLLIN },
                                { .fd = r->launch.ended_fd, .events = POLLIN },
                                { .fd = r->config.subprocesses ? find_fd(r->find) : -1, .events = POLLIN } };

        if (poll(fds, 4, choose_timeout(r, left)) < 0 && errno != EINTR)
                return -errno;
        if (r->config.command)
                launch_forward(&r->launch);
        else
                r->told_to_stop = fds[0].revents != 0;
        if (r->config.command)
                launch_reap(&r->launch);
        return follow_step(r->follow);
}

static bool is_to_continue(const struct recording *r)
{
        return r->config.command ? !r->launch.ended : !r->told_to_stop && follow_lives(r->follow);
}

/*
 * Takes the profiles of the run, and describes its environment in them. @take: follow_take(), if another run is to
 * come, or follow_finish().
 */
static int take_run(struct recording *r, int (*take)(struct follow *, struct profile_set *))
{
        size_t i = r->done.n;
        int e = take(r->follow, &r->done);

        for (; e == 0 && i < r->done.n; i++)
                e = environment_describe(&r->environment, r->run, r->config.sampling.rate, r->done.items[i]);
        return e;
}

/* Samples until the time is over, a signal comes, or no process is left. */
static int wait_for_end(struct recording *r)
{
        bool shown = !r->config.quiet && !r->config.command; /* the terminal is used by a command if there is one */
        double start = monotonic_seconds(), elapsed = 0;
        int e = 0;

        while (e == 0 && is_to_continue(r) && elapsed < r->config.duration) {
                if (shown)
                        progress_draw(elapsed, r->config.duration);
                e = wait_and_serve_events(r, r->config.duration - elapsed);
                elapsed = monotonic_seconds() - start;
        }
        if (shown)
                progress_clear();
        return e;
}

/* ---- the result --------------------------------------------------------------------- */

static int say_nothing_recorded(const struct recording *r)
{
        return say_error("nothing was recorded: no Python interpreter was running in '%s' (process %d)%s",
                         *r->config.command, r->launch.pid,
                         r->config.subprocesses ? " or in what it started" : "; --subprocesses follows what it starts");
}

static double seconds_of_ticks(uint64_t ticks)
{
        return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* Time of children is printed if it is more than this part of the processes' own. */
#define CHILDREN_PART 100

/*
 * Prints how long children of the processes of -p ran, which are not recorded. People name the parent of a prefork
 * server, which only waits.
 */
static void say_children(const struct recording *r)
{
        struct children after;
        struct children_time t = { 0 };
        char who[48], living[80] = "", ended[80] = "";

        if (children_read(&after) == 0)
                t = children_time(&r->choice, &r->before, &after);
        children_deinit(&after);
        if (t.ticks + t.ended_ticks <= t.own_ticks / CHILDREN_PART)
                return;
        snprintf(who, sizeof who, r->choice.n == 1 ? "process %d" : "the processes", r->choice.items[0].process.pid);
        if (t.n > 0)
                snprintf(living, sizeof living, ", %zu child%s for %.2f s", t.n, t.n == 1 ? "" : "ren",
                         seconds_of_ticks(t.ticks));
        if (t.ended_ticks > 0)
                snprintf(ended, sizeof ended, ", children that have ended for %.2f s", seconds_of_ticks(t.ended_ticks));
        say("%s ran for %.2f s%s%s; children were not recorded: --subprocesses (-s) follows them", who,
            seconds_of_ticks(t.own_ticks), living, ended);
}

/* Time of programs that are not Python is printed if it is more than a 100th of the accounted time, or with -v. */
#define FOREIGN_PART 100
#define FOREIGN_MIN_NS 5000000u /* less would be printed as 0.00 s */

/* Prints the time of descendants that are not Python. No profile's books have it. */
static void say_foreign_time(const struct recording *r)
{
        uint64_t ns = follow_foreign_ns(r->follow), accounted = 0;

        for (size_t i = 0; i < r->done.n; i++)
                accounted += profile_counters_of(r->done.items[i])->accounted_ns;
        if (ns >= FOREIGN_MIN_NS && (r->config.verbose || ns > accounted / FOREIGN_PART))
                say("%.2f s of CPU time were used by descendants that run no Python", (double)ns / 1e9);
}

/* Prints how many samples have no time, since the timeline is full. They are in the file of no format. */
static void say_dropped_moments(const struct recording *r)
{
        uint64_t sum = 0, dropped;
        size_t n;

        for (size_t i = 0; i < r->done.n; i++) {
                profile_moments(r->done.items[i], &n, &dropped);
                sum += dropped;
        }
        if (sum > 0)
                say("%" PRIu64
                    " samples had no room in the timeline, and are not in the file: record for less time, or at "
                    "a lower --rate",
                    sum);
}

/* Whether any sample was taken. If not, prints why. */
static bool has_samples(const struct recording *r)
{
        struct profile_counters sum = { 0 };
        uint64_t used_ms = follow_unsampled_ms(r->follow);

        for (size_t i = 0; i < r->done.n; i++)
                profile_counters_add(&sum, profile_counters_of(r->done.items[i]));
        if (sum.ok > 0)
                return true;
        if (sum.ticks > 0)
                say_error("no samples: of %" PRIu64 " none could be read (torn %" PRIu64 ", lost %" PRIu64 ")",
                          sum.ticks, sum.torn, sum.gone + sum.failed);
        else if (used_ms > 0 && sum.accounted_ns == 0)
                say_error("no samples, although %.2f s of CPU time were used: none was taken by chance; record for "
                          "longer, "
                          "or at a higher --rate",
                          (double)used_ms / 1000);
        else if (follow_stopped(r->follow) != 0)
                say_error("no samples: process %d is stopped; SIGCONT lets it go on", follow_stopped(r->follow));
        else
                coverage_say_no_samples(&r->done);
        return false;
}

/* Writes the profiles, those of a group as one. 0 or negative errno. */
static int write_groups(struct recording *r)
{
        struct profile_set groups;

        if (r->config.by == GROUPING_PROCESS)
                return output_write(&r->output, &r->done);
        int e = grouping_merge(&r->done, r->config.by, &groups);
        if (e == 0)
                e = output_write(&r->output, &groups);
        profile_set_deinit(&groups);
        return e;
}

/* Writes what was recorded. @e is the error by which the recording ended, or 0. Returns an exit status. */
static int conclude_recording(struct recording *r, int e)
{
        bool command = r->config.command != NULL;
        size_t missed = e == 0 ? follow_say_missed(r->follow, r->done.n > 0) + r->choice.refused : 0;
        int status = missed > 0 && !(command && r->seen) ? EXIT_FAILED : EXIT_OK;

        if (e == 0 && command && !r->seen && status == EXIT_OK)
                status = r->launch.pid == 0 ? EXIT_FAILED : say_nothing_recorded(r);
        if (e == 0 && r->done.n == 0)
                return status == EXIT_OK ? say_error("nothing was recorded: no process of it was Python") : status;
        if (e == 0 && r->sources)
                sources_give(r->sources, &r->done, r->config.quiet);
        if (e == 0)
                e = write_groups(r);
        if (e < 0)
                return say_error("%s: %s", r->output.name, strerror(-e));
        if (!r->config.quiet)
                summary_say(&r->done, r->run, r->config.verbose ? sampler_describe(r->sampler) : NULL);
        if (r->config.verbose)
                summary_say_unmerged(&r->done, r->sampler);
        summary_say_without_task(r->sampler);
        say_dropped_moments(r);
        if (!r->config.quiet)
                say_foreign_time(r);
        if (!r->config.quiet && r->before.n > 0)
                say_children(r);
        if (r->config.verbose)
                summary_say_cost();
        return has_samples(r) ? status : EXIT_FAILED;
}

/* ---- from beginning to end ------------------------------------------------------------ */

/*
 * From here on at the latest, signals wait. This is before the threads of the sampler are started. GO_ON, or an exit
 * status, after a message.
 */
static int open_sampler(struct recording *r)
{
        struct sample_config config = r->config.sampling;

        r->signals = r->config.command ? r->launch.signals : signals_open();
        config.scope = sampling_scope(&r->choice, r->config.subprocesses);
        config.adopts = r->config.subprocesses;
        int status = sampling_open(&config, &r->sampler);
        if (status == GO_ON && r->config.verbose)
                summary_say_engine(r->sampler);
        return status;
}

/* GO_ON, or an exit status, after a message. */
static int open_follow(struct recording *r)
{
        struct follow_config config = {
                .sampler = r->sampler,
                .find = r->find,
                .abi = r->config.abi,
                .subprocesses = r->config.subprocesses,
                .quiet = r->config.quiet,
                .mode = r->config.sampling.mode,
                .starter = r->config.command ? r->outside.pid : 0,
        };

        if (r->config.source) {
                r->sources = sources_new();
                r->watcher = (struct follow_watcher){ sources_meet, sources_note, r->sources };
                config.watcher = &r->watcher;
        }
        if (r->config.source && !r->sources)
                return say_error("out of memory");

        config.pod = r->config.pod;
        if (r->config.container)
                config.container_id = r->choice.items[0].process.container_id;
        if (r->config.subprocesses && !find_follows(r->find) && !r->config.quiet)
                say("the kernel does not tell of births here (%s): children are looked for every 10 to 100 ms, and "
                    "may be missed if they live for less",
                    nsutil_perf_denial());
        int e = follow_open(&config, &r->follow);
        return e < 0 ? say_error("the processes cannot be watched: %s", strerror(-e)) : GO_ON;
}

static bool is_to_run_again(const struct recording *r)
{
        return r->launch.ended && r->launch.status == 0 && !r->launch.told_to_stop && r->run + 1 < r->config.repeat;
}

/* Samples until the run is over. What outlives the command is sampled on if the command is to run again at once. */
static int complete_run(struct recording *r)
{
        int e = wait_for_end(r);

        return e == 0 ? take_run(r, is_to_run_again(r) ? follow_take : follow_finish) : e;
}

/* Runs the command once. Returns whether it is to run again. @ret is the error by which the run ended. */
static bool run_command(struct recording *r, int *ret)
{
        size_t before = r->done.n;

        if (start_command(r))
                *ret = complete_run(r);
        r->seen = r->done.n > before;
        if (*ret == 0 && r->seen && r->run + 1 < r->config.repeat)
                launch_wait(&r->launch);
        bool again = *ret == 0 && r->seen && is_to_run_again(r);
        r->run++;
        return again;
}

static int record_command(struct recording *r)
{
        int e = 0;

        while (run_command(r, &e))
                ;
        if (e == 0 && !r->seen)
                e = follow_finish(r->follow, &r->done); /* nothing is left of it, but the reasons */
        int status = conclude_recording(r, e), of_command = launch_wait(&r->launch);
        return of_command != 0 ? of_command : status;
}

static int record_processes(struct recording *r)
{
        int e = wait_for_end(r);

        return conclude_recording(r, e == 0 ? take_run(r, follow_finish) : e);
}

int recording_run(struct recording *r)
{
        int status = open_sampler(r);

        environment_read(&r->environment);
        if (status == GO_ON)
                status = open_follow(r);
        if (status == GO_ON)
                status = follow_choice(r->follow, &r->choice);
        if (status == GO_ON && follow_step(r->follow) < 0)
                status = say_error("/proc cannot be read");
        if (status != GO_ON)
                return status;
        if (!r->config.subprocesses && r->choice.n > 0 && r->choice.items[0].asked)
                children_read(&r->before); /* if this fails, children are not mentioned */
        return r->config.command ? record_command(r) : record_processes(r);
}

void recording_deinit(struct recording *r)
{
        children_deinit(&r->before);
        follow_close(r->follow);
        sources_free(r->sources);
        sampler_close(r->sampler);
        choice_deinit(&r->choice);
        profile_set_deinit(&r->done);
        output_close(&r->output);
        if (!r->config.command && r->signals >= 0)
                close(r->signals);
        launch_close(&r->launch);
        outside_close(&r->outside);
        find_close(r->find);
}
