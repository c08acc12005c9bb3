/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/command.h"
#include "agent/command/pyflame/pyflame.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

SUITE(command_pyflame);

#define WORDS_MAX 12

static char name[] = "pyflame", text[512];
static char *words[WORDS_MAX + 1];

static int parse(const char *line, struct pyflame_options *ret)
{
        int n = 1;

        words[0] = name;
        snprintf(text, sizeof text, "%s", line);
        for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
                words[n++] = word;
        words[n] = NULL;
        return pyflame_parse(n, words, ret);
}

/* ---- what is taken ------------------------------------------------------------------------ */

static const struct {
        const char *line;
        struct pyflame_options expected;
} lines[] = {
        { "-p 12", { .pid = 12, .seconds = 1, .interval = 0.01 } },
        { "--pid=12", { .pid = 12, .seconds = 1, .interval = 0.01 } },
        { "-p 12 -p 13", { .pid = 13, .seconds = 1, .interval = 0.01 } },
        { "-s 0 -p 12", { .pid = 12, .seconds = 0, .interval = 0.01 } },
        { "-p 12 -s 2.5 -r 0.001", { .pid = 12, .seconds = 2.5, .interval = 0.001 } },
        { "-p 12 --seconds 3 --rate 0", { .pid = 12, .seconds = 3, .interval = 0 } },
        { "-xn -p12", { .pid = 12, .seconds = 1, .interval = 0.01, .exclude_idle = true, .no_lines = true } },
        { "-d -p 12", { .pid = 12, .seconds = 1, .interval = 0.01, .dump = true } },
        { "-p 12 --threads --flamechart",
          { .pid = 12, .seconds = 1, .interval = 0.01, .threads = true, .flamechart = true } },
        { "--exclude-idle --no-line-numbers --dump -p 12",
          { .pid = 12, .seconds = 1, .interval = 0.01, .exclude_idle = true, .no_lines = true, .dump = true } },
        { "-p 12 --abi 311", { .pid = 12, .seconds = 1, .interval = 0.01, .abi = 311 } },
        { "-p 12 -o file", { .pid = 12, .seconds = 1, .interval = 0.01, .output = "file" } },
};

Test(command_pyflame, options)
{
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
                const struct pyflame_options *e = &lines[i].expected;
                struct pyflame_options o;
                cr_assert_eq(parse(lines[i].line, &o), -1, "%s", lines[i].line);
                cr_expect_eq(o.pid, e->pid, "%s", lines[i].line);
                cr_expect_eq(o.seconds, e->seconds, "%s", lines[i].line);
                cr_expect_eq(o.interval, e->interval, "%s", lines[i].line);
                cr_expect_eq(o.abi, e->abi, "%s", lines[i].line);
                cr_expect_null(o.command, "%s", lines[i].line);
                cr_expect_str_eq(o.output ? o.output : "", e->output ? e->output : "", "%s", lines[i].line);
                cr_expect_eq(o.exclude_idle << 4 | o.no_lines << 3 | o.threads << 2 | o.dump << 1 | o.flamechart,
                             e->exclude_idle << 4 | e->no_lines << 3 | e->threads << 2 | e->dump << 1 | e->flamechart,
                             "%s", lines[i].line);
        }
}

Test(command_pyflame, positional_pid_is_warned_of)
{
        const char *const positional[] = { "12", "-s 0 12", "12 -s 0", "-s 0 -- 12" };

        for (size_t i = 0; i < sizeof positional / sizeof *positional; i++) {
                struct pyflame_options o = { 0 };
                capture_begin(STDERR_FILENO);
                int r = parse(positional[i], &o);
                const char *said = capture_end();
                cr_expect_eq(r, -1, "%s", positional[i]);
                cr_expect_eq(o.pid, 12, "%s", positional[i]);
                cr_expect_str_eq(said, "WARNING: Specifying a PID to trace without -p is deprecated; "
                                       "see Pyflame issue #99 for details.\n");
        }
}

Test(command_pyflame, a_command_ends_the_options)
{
        struct pyflame_options o = { 0 };

        cr_assert_eq(parse("-x -t python -s 3 --nonsense -p", &o), -1);
        cr_expect(o.exclude_idle);
        cr_expect_eq(o.pid, 0);
        cr_expect_eq(o.seconds, 1, "what follows is the command's");
        cr_assert_not_null(o.command);
        cr_expect_str_eq(o.command[0], "python");
        cr_expect_str_eq(o.command[4], "-p");
        cr_expect_null(o.command[5]);
        cr_assert_eq(parse("--trace python", &o), -1);
        cr_expect_str_eq(o.command[0], "python");
}

/* ---- what is not ---------------------------------------------------------------------------- */

static const struct {
        const char *line, *needle;
} refusals[] = {
        { "", "Usage: pyflame" },
        { "1 2", "Usage: pyflame" },
        { "-p 1 2", "Usage: pyflame" },
        { "-p 1 -- 2", "Usage: pyflame" },
        { "-t", "Option -t requires a command to run." },
        { "-t", "Usage: pyflame" },
        { "-p 1 -t python", "Options -t and -p are not mutually compatible." },
        { "-d -t python", "Options -t and -d are not mutually compatible." },
        { "1 -t python", "behind -t" },
        { "-t pyflame", "You tried to pyflame a pyflame" },
        { "-t /usr/bin/pyflame -p 1", "You tried to pyflame a pyflame" },
        { "-p -1", "Error: failed to parse \"-1\" as a PID." },
        { "-p 0", "Error: failed to parse \"0\" as a PID." },
        { "-p 12abc", "Error: failed to parse \"12abc\" as a PID." },
        { "not-a-pid", "Error: failed to parse \"not-a-pid\" as a PID." },
        { "-p 1606938044258990275541962092341162602522202993782792835301376", "as a PID." },
        { "-p 1 -s abc", "Error: failed to parse \"abc\"" },
        { "-p 1 -s -1", "\"-1\"" },
        { "-p 1 -s 1s", "\"1s\"" },
        { "-p 1 -s inf", "\"inf\"" },
        { "-p 1 -s nan", "\"nan\"" },
        { "-p 1 -s 1e9", "\"1e9\"" },
        { "-p 1 -r abc", "\"abc\"" },
        { "-p 1 -r 1e9", "\"1e9\"" },
        { "-p 1 --abi=0", "Unknown or unsupported ABI version: 0; known are 2" },
        { "-p 1 --abi pypy", "Unknown or unsupported ABI version: pypy; known are 2" },
        { "-p 1 --nonsense", "There is no such option: --nonsense" },
        { "-q -p 1", "There is no such option: -q" },
        { "-p", "This option needs a value: -p" },
        { "--abi", "This option needs a value: --abi" },
        { "-p 1 --threads=2", "There is no such option: --threads=2" },
};

Test(command_pyflame, refusals)
{
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
                struct pyflame_options o = { .pid = 4711 };
                const char *line = refusals[i].line, *needle = refusals[i].needle;
                capture_begin(STDERR_FILENO);
                int r = parse(line, &o);
                const char *said = capture_end();
                cr_expect_eq(r, EXIT_FAILED, "%s: %d", line, r);
                cr_expect_eq(o.pid, 4711, "%s: untouched", line);
                cr_expect(strstr(said, needle), "%s: '%s' does not say '%s'", line, said, needle);
        }
}

Test(command_pyflame, version_and_help)
{
        struct pyflame_options o;

        capture_begin(STDOUT_FILENO);
        int version = parse("-v", &o), help = parse("--help", &o);
        const char *said = capture_end();
        cr_expect_eq(version, EXIT_OK);
        cr_expect_eq(help, EXIT_OK);
        cr_expect(strstr(said, "pyflame " PODFLAME_VERSION " linux-gnu ") == said, "%s", said);
        cr_expect(strstr(said, " (ABI list: 2"), "%s", said);
        cr_expect(strstr(said, "\nUsage: pyflame"), "%s", said);
}
