/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pyflame's command line. Calls that made sense mean the same as in Pyflame. Calls that Pyflame accepted although they
 * made no sense (an unknown option, junk behind a number) are refused.
 */
#include "pyflame.h"

#include "agent/command/command.h"
#include "agent/command/processes/abi.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define SECONDS_DEFAULT 1
#define INTERVAL_DEFAULT 0.01

/* Larger values are taken for mistakes: more than a month, more than an hour. */
#define SECONDS_MAX (30 * 86400.0)
#define INTERVAL_MAX 3600.0

static const struct option longs[] = {
        { "abi", required_argument, NULL, 'a' },    { "dump", no_argument, NULL, 'd' },
        { "exclude-idle", no_argument, NULL, 'x' }, { "flamechart", no_argument, NULL, 'F' },
        { "help", no_argument, NULL, 'h' },         { "no-line-numbers", no_argument, NULL, 'n' },
        { "output", required_argument, NULL, 'o' }, { "pid", required_argument, NULL, 'p' },
        { "rate", required_argument, NULL, 'r' },   { "seconds", required_argument, NULL, 's' },
        { "threads", no_argument, NULL, 'L' },      { "trace", no_argument, NULL, 't' },
        { "version", no_argument, NULL, 'v' },      { NULL, 0, NULL, 0 },
};

/* "-": arguments are taken in their order, and one that is no option is reported as option 1. */
static const char shorts[] = "-:dhno:p:r:s:tvx";

static const char help[] =
        "Usage: pyflame [OPTION]... [-p] PID\n"
        "       pyflame [OPTION]... -t COMMAND [ARGUMENT]...\n"
        "Samples a Python process and prints folded stacks, as Pyflame did. This is podflame.\n\n"
        "  -p, --pid PID           the process\n"
        "  -t, --trace             run COMMAND and sample it until it ends; its exit status is passed on\n"
        "  -s, --seconds SECONDS   how long, 0: one sample (1)\n"
        "  -r, --rate SECONDS      time between two samples (0.01)\n"
        "  -o, --output FILE       where to write (standard output)\n"
        "  -x, --exclude-idle      leave out the time in which nobody holds the GIL\n"
        "  -n, --no-line-numbers   functions without their lines\n"
        "  -d, --dump              every thread's stack, once\n"
        "      --threads           sample every thread, not only the one that holds the GIL\n"
        "      --flamechart        every sample with its time, in order\n"
        "      --abi VERSION       take the process for this Python: 27, 36, 312\n"
        "  -h, --help              this text\n"
        "  -v, --version           version, and what --abi takes\n";

static int report_wrong_usage(const char *sentence, const char *word)
{
        if (sentence)
                fprintf(stderr, "%s%s%s\n", sentence, word ? ": " : "", word ? word : "");
        fputs(help, stderr);
        return EXIT_FAILED;
}

static int print_version(void)
{
        struct utsname system = { 0 };
        char abis[256];

        uname(&system);
        abi_list(abis, sizeof abis);
        printf("pyflame " PODFLAME_VERSION " linux-gnu %s (ABI list: %s)\n", system.machine, abis);
        return EXIT_OK;
}

/* ---- values ------------------------------------------------------------------------------ */

static int parse_pid(const char *text, pid_t *ret)
{
        char *end;
        long pid = strtol(text, &end, 10);

        if (end == text || *end || pid <= 0 || pid > INT32_MAX) {
                fprintf(stderr, "Error: failed to parse \"%s\" as a PID.\n", text);
                return EXIT_FAILED;
        }
        *ret = (pid_t)pid;
        return GO_ON;
}

static int parse_seconds(const char *text, double max, double *ret)
{
        char *end;
        double seconds = strtod(text, &end);

        if (end == text || *end || !isfinite(seconds) || seconds < 0 || seconds > max) {
                fprintf(stderr, "Error: failed to parse \"%s\" as a number of seconds from 0 to %g.\n", text, max);
                return EXIT_FAILED;
        }
        *ret = seconds;
        return GO_ON;
}

static int parse_abi(const char *text, uint32_t *ret)
{
        char known[256];

        if (abi_parse(text, ret))
                return GO_ON;
        abi_list(known, sizeof known);
        fprintf(stderr, "Unknown or unsupported ABI version: %s; known are %s\n", text, known);
        return EXIT_FAILED;
}

/* ---- the line ---------------------------------------------------------------------------- */

/* The arguments so far that are no options. */
struct words {
        const char *first;
        size_t n;
};

static bool set_flag(struct pyflame_options *options, int c)
{
        bool *const flags[128] = {
                ['d'] = &options->dump,    ['n'] = &options->no_lines,   ['x'] = &options->exclude_idle,
                ['L'] = &options->threads, ['F'] = &options->flamechart,
        };

        if (c <= 0 || c >= 128 || !flags[c])
                return false;
        *flags[c] = true;
        return true;
}

static int take_option(struct pyflame_options *options, int c, const char *word, struct words *words)
{
        if (set_flag(options, c))
                return GO_ON;
        switch (c) {
        case 1:
                words->first = words->n++ == 0 ? optarg : words->first;
                return GO_ON;
        case 'p':
                return parse_pid(optarg, &options->pid);
        case 's':
                return parse_seconds(optarg, SECONDS_MAX, &options->seconds);
        case 'r':
                return parse_seconds(optarg, INTERVAL_MAX, &options->interval);
        case 'a':
                return parse_abi(optarg, &options->abi);
        case 'o':
                options->output = optarg;
                return GO_ON;
        case 'h':
                fputs(help, stdout);
                return EXIT_OK;
        case 'v':
                return print_version();
        default:
                return report_wrong_usage(c == ':' ? "This option needs a value" : "There is no such option", word);
        }
}

static const char *basename_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int check_command(const struct pyflame_options *options, const struct words *words)
{
        if (!*options->command)
                return report_wrong_usage("Option -t requires a command to run.", NULL);
        if (options->pid || options->dump) {
                fprintf(stderr, "Options -t and %s are not mutually compatible.\n", options->dump ? "-d" : "-p");
                return EXIT_FAILED;
        }
        if (words->n > 0)
                return report_wrong_usage("The command stands behind -t, and nothing but options before", words->first);
        if (strcmp(basename_of(*options->command), "pyflame") == 0) {
                fputs("You tried to pyflame a pyflame: name the program that is to be profiled.\n", stderr);
                return EXIT_FAILED;
        }
        return GO_ON;
}

static int check_process(struct pyflame_options *options, const struct words *words)
{
        if (words->n != (options->pid ? 0 : 1))
                return report_wrong_usage(NULL, NULL);
        if (options->pid)
                return GO_ON;
        fputs("WARNING: Specifying a PID to trace without -p is deprecated; see Pyflame issue #99 for details.\n",
              stderr);
        return parse_pid(words->first, &options->pid);
}

int pyflame_parse(int argc, char **argv, struct pyflame_options *ret)
{
        struct pyflame_options options = { .seconds = SECONDS_DEFAULT, .interval = INTERVAL_DEFAULT };
        struct words words = { 0 };
        int c, status = GO_ON;

        optind = 0; /* glibc: begin anew, and keep nothing of another command line */
        opterr = 0;
        while (status == GO_ON && !options.command) {
                int at = optind > 0 ? optind : 1;
                c = getopt_long(argc, argv, shorts, longs, NULL);
                if (c < 0)
                        break;
                if (c == 't')
                        options.command = argv + optind;
                else
                        status = take_option(&options, c, argv[optind > at ? optind - 1 : at], &words);
        }
        for (int i = optind; status == GO_ON && !options.command && i < argc; i++)
                words.first = words.n++ == 0 ? argv[i] : words.first;
        if (status == GO_ON)
                status = options.command ? check_command(&options, &words) : check_process(&options, &words);
        if (status == GO_ON)
                *ret = options;
        return status;
}
