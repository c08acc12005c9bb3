/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame record: samples the processes of one TARGET for a while, or a command from its first moments to its end, and
 * writes one profile. Whatever ends the recording (the time, a signal, or the end of the processes), what was sampled
 * until then is written.
 */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/refusals.h"
#include "agent/command/processes/sampling.h"

#include "recording.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct record_config {
        struct target_options target;
        struct sampling_options sampling;
        struct confinement_options confinement;
        bool subprocesses;
        const char *by;
        double duration; /* 0: not given */
        uint64_t repeat;
        bool timeline;
        const char *format;
        const char *output;
        bool source;
        bool quiet;
        bool verbose;
};

#define DURATION_DEFAULT 10

/* The timelines of all processes together: 4 million samples. While they grow they may take twice as much. */
#define TIMELINE_BYTES ((size_t)224 << 20)

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct record_config, target),
        { .name = "subprocesses",
          .letter = 's',
          .kind = OPTION_FLAG,
          .field = offsetof(struct record_config, subprocesses),
          .help = "follow child processes as well, and new ones of CONTAINER or POD" },
        GROUPING_OPTION(struct record_config, by, "what of several processes is kept apart in the file"),
        { .name = "duration",
          .letter = 'd',
          .kind = OPTION_SECONDS,
          .field = offsetof(struct record_config, duration),
          .argument = "TIME",
          .help = "how long: 10, 90s, 5m (10; of COMMAND: until it ends)",
          .min = 0.001,
          .max = 30 * 86400.0 },
        { .name = "repeat",
          .kind = OPTION_NUMBER,
          .field = offsetof(struct record_config, repeat),
          .argument = "N",
          .help = "run COMMAND this many times, while it succeeds; each run has profiles of its own (1)",
          .min = 1,
          .max = 1000 },
        SAMPLING_OPTIONS(struct record_config, sampling, SAMPLING_MODES_HELP),
        SAMPLING_THREADS_OPTION(struct record_config, sampling),
        SAMPLING_OPCODES_OPTION(struct record_config, sampling),
        { .name = "timeline",
          .kind = OPTION_FLAG,
          .field = offsetof(struct record_config, timeline),
          .help = "keep the time of each sample: a track for each thread, in gecko, chrometrace, jsonl and "
                  "speedscope" },
        { .name = "format",
          .letter = 'f',
          .kind = OPTION_TEXT,
          .field = offsetof(struct record_config, format),
          .argument = "FORMAT",
          .help = OUTPUT_FORMATS },
        { .name = "output",
          .letter = 'o',
          .kind = OPTION_TEXT,
          .field = offsetof(struct record_config, output),
          .argument = "FILE",
          .help = "where to write it (standard output; required with COMMAND, which keeps it);\n" OUTPUT_ENDINGS },
        { .name = "source",
          .kind = OPTION_FLAG,
          .field = offsetof(struct record_config, source),
          .help = "heat: read the source files that are in the profile, below the root of their process" },
        { .name = "quiet",
          .letter = 'q',
          .kind = OPTION_FLAG,
          .field = offsetof(struct record_config, quiet),
          .help = "no progress, no summary" },
        { .name = "verbose",
          .letter = 'v',
          .kind = OPTION_FLAG,
          .field = offsetof(struct record_config, verbose),
          .help = "print the engine, why a better one was refused, what podflame itself cost, and what in the\n"
                  "memory of a process was not as expected" },
        CONFINEMENT_OPTIONS(struct record_config, confinement),
};

static const struct usage usage = {
        .command = "record",
        .synopsis = "(-p PID | -c CONTAINER | --pod POD) [OPTION]...\n"
                    "       podflame record -o FILE [OPTION]... -- COMMAND [ARGUMENT]...",
        .text = "Samples a process, a container's processes, or a command, and writes one profile.\n"
                "A command is run and sampled until it ends; its exit status is podflame's (128 and the number\n"
                "of the signal that killed it, 127 or 126 if it could not be run; 1 if it succeeded, but\n"
                "nothing could be recorded of it).",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

static bool keeps_runs(const struct format *format)
{
        return format->runs;
}

static bool keeps_time(const struct format *format)
{
        return format->timeline;
}

/*
 * Checks before the first run that the format keeps what the option asks for. GO_ON, or an exit status, after a message.
 */
static int check_format(const struct format *format, bool (*keeps)(const struct format *format), const char *option,
                        const char *what)
{
        char able[256] = "";

        if (keeps(format))
                return GO_ON;
        for (size_t i = 0, len = 0; i < format_table_n && len < sizeof able; i++)
                if (keeps(format_table[i]))
                        len += (size_t)snprintf(able + len, sizeof able - len, "%s%s (-o FILE%s)", len > 0 ? ", " : "",
                                                format_table[i]->name, *format_table[i]->endings);
        return options_wrong(&usage, "--%s: %s does not keep %s; what does: %s", option, format->name, what, able);
}

/* Checks whether the options go together. GO_ON, or an exit status, after a message. */
static int check_record_options(const struct record_config *config, const char *word, struct recording *r)
{
        char **command = r->config.command;

        if (command && target_is_named(&config->target))
                return options_wrong(&usage, "either a process or container, or a command");
        if (word && !command)
                return options_wrong_word(&usage, word, "a command is told by -- before it");
        if (command && !config->output)
                return options_wrong(&usage, "standard output is the command's: name a file with -o FILE");
        if (config->repeat > 1 && !command)
                return options_wrong(&usage, "--repeat: only a command can be run again");
        int status = target_abi(&config->target, &usage, &r->config.abi);
        if (status == GO_ON)
                status = grouping_parse(&usage, config->by, &r->config.by);
        if (status == GO_ON)
                status = output_choose(&usage, config->format, config->output, &r->output);
        if (status == GO_ON && config->source && !r->output.format->source)
                return options_wrong(&usage, "--source: only the format heat (-o FILE.heat.html) has source text");
        if (status == GO_ON && config->timeline)
                status = check_format(r->output.format, keeps_time, "timeline", "the time of samples");
        return status == GO_ON && config->repeat > 1
                       ? check_format(r->output.format, keeps_runs, "repeat", "runs apart")
                       : status;
}

/* Copies the options, which were checked before. */
static void copy_options(const struct record_config *config, struct recording *r)
{
        r->config.repeat = config->repeat;
        r->config.duration = config->duration;
        if (config->duration == 0)
                r->config.duration = r->config.command ? INFINITY : DURATION_DEFAULT;
        r->config.subprocesses = config->subprocesses;
        r->config.container = config->target.container != NULL;
        r->config.pod = config->target.pod;
        r->config.source = config->source;
        r->config.quiet = config->quiet;
        r->config.verbose = config->verbose;
}

/*
 * Opens what takes privileges, starts a helper process that keeps them, and gives them up, before anything hostile is
 * looked at. GO_ON, or an exit status, after a message.
 */
static int open_all_and_confine(const struct record_config *config, struct recording *r)
{
        struct outside_duty duties[OUTSIDE_DEEDS] = { { NULL, NULL } };
        int status = output_open(&r->output), e = 0;

        if (status != GO_ON)
                return status;
        if (r->config.command) {
                e = launch_open(&r->launch, r->config.command, r->config.subprocesses);
                launch_duties(&r->launch, &r->outside, duties);
        }
        if (e < 0)
                return say_error("signals cannot be waited for: %s", strerror(-e));
        output_duties(&r->output, &r->outside, duties);
        return confine_with(&config->confinement, &usage, sampling_role(&r->config.sampling), duties, &r->outside);
}

int record_run(int argc, char **argv)
{
        struct record_config config = { .sampling = SAMPLING_DEFAULTS, .repeat = 1 };
        struct recording r = RECORDING_NONE;
        int rest = 0;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && rest < argc && strcmp(argv[rest - 1], "--") == 0)
                r.config.command = argv + rest;
        if (status == GO_ON)
                status = check_record_options(&config, argv[rest], &r);
        if (status == GO_ON)
                status = sampling_config(&config.sampling, &usage, &r.config.sampling);
        if (config.timeline) {
                r.config.sampling.timeline_bytes = TIMELINE_BYTES;
                r.config.sampling.threads = true;
        }
        copy_options(&config, &r);
        if (status == GO_ON)
                status = open_all_and_confine(&config, &r);
        if (config.verbose)
                refusals_keep();
        if (status == GO_ON && finding_open(config.subprocesses, &r.find) != 0)
                status = say_error("/proc cannot be read");
        if (status == GO_ON && !r.config.command)
                status = target_choose(r.find, &config.target, &usage,
                                       config.subprocesses ? TARGET_FOLLOWED : TARGET_WAITED_FOR, &r.choice);
        if (status == GO_ON)
                status = recording_run(&r);
        recording_deinit(&r);
        refusals_say(0);
        refusals_end();
        return status;
}
