/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/processes/sampling.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

SUITE(command_sampling);

static const struct option_spec specs[] = {
        SAMPLING_OPTIONS(
                struct { struct sampling_options options; }, options, SAMPLING_MODES_HELP),
        SAMPLING_OPCODES_OPTION(
                struct { struct sampling_options options; }, options),
};

static const struct usage usage = {
        .command = "try",
        .synopsis = "[OPTION]...",
        .text = "Tries the options of sampling.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

#define WORDS_MAX 8

/* What the options of @line, words between spaces, become. */
static struct sample_config configured(const char *line)
{
        static char text[128], name[] = "try";
        struct sampling_options options = SAMPLING_DEFAULTS;
        struct sample_config config;
        char *words[WORDS_MAX] = { name };
        int n = 1, rest;

        snprintf(text, sizeof text, "%s", line);
        for (char *word = strtok(text, " "); word && n < WORDS_MAX - 1; word = strtok(NULL, " "))
                words[n++] = word;
        cr_assert_eq(options_parse(&usage, n, words, &options, &rest), -1);
        cr_assert_eq(rest, n);
        cr_assert_eq(sampling_config(&options, &usage, &config), -1);
        return config;
}

Test(command_sampling, threads_without_python_are_left_out_only_if_asked_for)
{
        cr_expect(!configured("").no_native);
        cr_expect(configured("--no-native").no_native);
}

Test(command_sampling, modes_have_options_of_their_own)
{
        cr_expect_eq(configured("").mode, PROFILE_MODE_CPU);
        cr_expect_eq(configured("-i").mode, PROFILE_MODE_WALL);
        cr_expect_eq(configured("--mode gil").mode, PROFILE_MODE_GIL);
}

Test(command_sampling, opcodes_are_asked_for)
{
        cr_expect_not(configured("").opcodes);
        cr_expect(configured("--opcodes").opcodes);
        cr_expect(configured("--opcodes --mode cpu --engine timer").opcodes);
}

Test(command_sampling, opcodes_need_a_leaf_that_nothing_else_has)
{
        static const struct sampling_options refused[] = {
                { .rate = 99, .mode = "wall", .engine = "auto", .tasks = "name", .opcodes = true },
                { .rate = 99, .mode = "gil", .engine = "auto", .tasks = "name", .opcodes = true },
                { .rate = 99, .mode = "cpu", .engine = "auto", .tasks = "name", .opcodes = true, .idle = true },
                { .rate = 99, .mode = "cpu", .engine = "auto", .tasks = "name", .opcodes = true, .native = true },
        };

        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
                struct sample_config config;

                capture_begin(STDERR_FILENO);
                int e = sampling_config(&refused[i], &usage, &config);
                const char *said = capture_end();
                cr_expect_eq(e, EXIT_USAGE);
                cr_expect(strstr(said, "--opcodes") && strstr(said, refused[i].native ? "--native" : "--mode cpu"),
                          "%s", said);
        }
}
