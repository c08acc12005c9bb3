/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame record: samples the processes of one TARGET for a while and writes
 * one profile. What has been sampled is written whatever ends it: the time, a
 * signal, or the end of the processes.
 */
#include "command.h"
#include "commands.h"
#include "describe.h"
#include "options.h"
#include "output.h"
#include "sampling.h"
#include "say.h"
#include "signals.h"
#include "target.h"

#include "agent/format/format.h"

#include "nsutil/nsutil.h"

#include <errno.h>
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
        double duration; /* seconds */
        const char *format;
        const char *output;
        bool quiet;
};

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct record_config, target),
        { .name = "duration", .letter = 'd', .kind = OPTION_SECONDS, .field = offsetof(struct record_config, duration),
          .argument = "TIME", .help = "how long: 10, 90s, 5m (10)", .min = 0.001, .max = 30 * 86400.0 },
        SAMPLING_OPTIONS(struct record_config, sampling),
        { .name = "format", .letter = 'f', .kind = OPTION_TEXT, .field = offsetof(struct record_config, format),
          .argument = "FORMAT", .help = "folded, html, pprof, otlp, text (by FILE's ending, else folded)" },
        { .name = "output", .letter = 'o', .kind = OPTION_TEXT, .field = offsetof(struct record_config, output),
          .argument = "FILE", .help = "where to write it (standard output)" },
        { .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .field = offsetof(struct record_config, quiet),
          .help = "no progress, no summary" },
};

static const struct usage usage = {
        .command = "record",
        .synopsis = "(-p PID | -c CONTAINER) [OPTION]...",
        .text = "Samples a process or a container's processes and writes one profile.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* A recording under way. */
struct recording {
        struct record_config config;
        struct output output;
        struct sampler *sampler;
        struct choice choice;
        struct pollfd *fds;      /* the signals first, then a pidfd for each chosen process */
        size_t alive;
        struct profile_set done; /* profiles of processes, as they end */
};

/* ---- the processes ----------------------------------------------------------------- */

/* Takes the process's profile out of the sampler, with its name on it. */
static int finish_process(struct recording *r, size_t i)
{
        struct profile *profile;
        int e = sampler_remove(r->sampler, r->choice.items[i].process.pid, &profile);

        if (e != 0)
                return e < 0 ? e : 0;
        e = describe_process(profile, &r->choice.items[i].process);
        if (e == 0)
                e = profile_set_add(&r->done, profile);
        if (e != 0)
                profile_free(profile);
        close(r->fds[1 + i].fd);
        r->fds[1 + i].fd = -1;
        r->alive--;
        return e;
}

static int start_processes(struct recording *r)
{
        for (size_t i = 0; i < r->choice.n; i++) {
                struct chosen *chosen = &r->choice.items[i];
                int fd = -1;
                int e = nsutil_pidfd_open(chosen->process.pid, &fd);
                if (e == 0)
                        e = sampler_add(r->sampler, chosen->process.pid, chosen->py);
                if (e == -EEXIST || e == NSUTIL_E_GONE) {
                        /* named twice, or ended by now */
                        if (fd >= 0)
                                close(fd);
                        continue;
                }
                if (e != 0)
                        return say_error("process %d: %s", chosen->process.pid, nsutil_strerror(e));
                chosen->py = NULL;
                r->fds[1 + i].fd = fd;
                r->alive++;
        }
        return -1;
}

/* ---- the time ----------------------------------------------------------------------- */

static double now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#define BAR_WIDTH 30

static void draw_progress(const struct recording *r, double elapsed)
{
        int filled = (int)(BAR_WIDTH * elapsed / r->config.duration);

        if (r->config.quiet || !isatty(STDERR_FILENO))
                return;
        fprintf(stderr, "\r%.*s%.*s %.0f of %.0f s ", filled, "##############################", BAR_WIDTH - filled,
                "..............................", elapsed, r->config.duration);
}

static void clear_progress(const struct recording *r)
{
        if (!r->config.quiet && isatty(STDERR_FILENO))
                fprintf(stderr, "\r%*s\r", BAR_WIDTH + 30, "");
}

/* Samples until the time is over, a signal comes, or no process is left. */
static int wait_for_end(struct recording *r)
{
        double start = now(), elapsed = 0;

        while (r->alive > 0 && elapsed < r->config.duration) {
                double left = r->config.duration - elapsed;
                draw_progress(r, elapsed);
                if (poll(r->fds, 1 + r->choice.n, (int)(left < 0.25 ? left * 1000 + 1 : 250)) < 0 && errno != EINTR)
                        return -errno;
                if (r->fds[0].revents)
                        break;
                for (size_t i = 0; i < r->choice.n; i++) {
                        int e = r->fds[1 + i].fd >= 0 && r->fds[1 + i].revents ? finish_process(r, i) : 0;
                        if (e < 0)
                                return e;
                }
                elapsed = now() - start;
        }
        clear_progress(r);
        for (size_t i = 0; i < r->choice.n; i++) {
                int e = r->fds[1 + i].fd >= 0 ? finish_process(r, i) : 0;
                if (e < 0)
                        return e;
        }
        return 0;
}

/* ---- the result --------------------------------------------------------------------- */

static void summarise(const struct recording *r)
{
        struct profile_counters sum = { 0 };
        double seconds = 0;

        for (size_t i = 0; i < r->done.n; i++) {
                const struct profile_counters *c = profile_counters_of(r->done.items[i]);
                double d = (double)profile_settings(r->done.items[i])->duration_ns / 1e9;
                sum.ok += c->ok;
                sum.retried += c->retried;
                sum.torn += c->torn;
                sum.late += c->late;
                sum.gone += c->gone + c->failed;
                seconds = d > seconds ? d : seconds;
        }
        if (!r->config.quiet)
                say("%llu samples of %zu process%s in %.1f s (%s); torn %llu, retried %llu, late %llu, lost %llu",
                    (unsigned long long)sum.ok, r->done.n, r->done.n == 1 ? "" : "es", seconds,
                    sampler_describe(r->sampler), (unsigned long long)sum.torn, (unsigned long long)sum.retried,
                    (unsigned long long)sum.late, (unsigned long long)sum.gone);
        if (sum.ok == 0 && !r->config.quiet)
                say("nothing ran: mode %s counts no sleeping threads%s", r->config.sampling.mode,
                    strcmp(r->config.sampling.mode, "cpu") == 0 ? "; --idle does" : "");
}

/*
 * Events on the targets' own threads are not woken by other processes, but take a
 * descriptor for each thread and CPU.
 */
#define THREAD_EVENTS_MAX 800

static enum sample_scope choose_scope(const struct choice *choice)
{
        size_t threads = 0;

        for (size_t i = 0; i < choice->n; i++) {
                struct nsutil_stat stat;
                if (nsutil_stat_read(choice->items[i].process.pid, &stat) == 0)
                        threads += (size_t)stat.threads;
        }
        return threads * (size_t)get_nprocs() <= THREAD_EVENTS_MAX ? SAMPLE_SCOPE_TARGETS : SAMPLE_SCOPE_MACHINE;
}

static int record(struct recording *r)
{
        int e;

        r->fds = calloc(1 + r->choice.n, sizeof *r->fds);
        if (!r->fds)
                return say_error("out of memory");
        for (size_t i = 0; i <= r->choice.n; i++)
                r->fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
        r->fds[0].fd = signals_open();
        struct sample_config config;
        e = sampling_config(&r->config.sampling, &usage, &config);
        config.scope = choose_scope(&r->choice);
        if (e < 0)
                e = sampling_open(&config, &r->sampler);
        if (e < 0)
                e = start_processes(r);
        if (e >= 0)
                return e;
        e = wait_for_end(r);
        if (e == 0)
                e = output_write(&r->output, &r->done);
        if (e < 0)
                return say_error("%s: %s", r->output.name, strerror(-e));
        summarise(r);
        return EXIT_OK;
}

int record_run(int argc, char **argv)
{
        struct recording r = { .config = { .sampling = SAMPLING_DEFAULTS, .duration = 10 }, .output = OUTPUT_NONE };
        struct sample_config checked;
        struct find *find = NULL;
        int rest;
        int e = options_parse(&usage, argc, argv, &r.config, &rest);

        if (e < 0 && rest < argc)
                e = options_wrong(&usage, "'%s' is not an option", argv[rest]);
        if (e < 0)
                e = sampling_config(&r.config.sampling, &usage, &checked);
        if (e < 0)
                e = output_choose(&usage, r.config.format, r.config.output, &r.output);
        if (e < 0 && find_open(NULL, &find) != 0)
                e = say_error("/proc cannot be read");
        if (e < 0)
                e = target_choose(find, &r.config.target, &usage, &r.choice);
        if (e < 0)
                e = output_open(&r.output);
        if (e < 0)
                e = record(&r);
        sampler_close(r.sampler);
        choice_deinit(&r.choice);
        profile_set_deinit(&r.done);
        output_close(&r.output);
        free(r.fds);
        find_close(find);
        return e;
}
