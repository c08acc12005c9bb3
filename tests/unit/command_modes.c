/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's modes: what its options make of them, and how they share a rate and memory. */
#include "agent/command/agent/modes.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(command_modes);

static const struct usage usage = { .command = "try", .synopsis = "", .text = "" };

static struct sampling_options options_of(const char *mode)
{
        struct sampling_options options = SAMPLING_DEFAULTS;

        options.mode = mode;
        return options;
}

static struct modes configured(const char *mode, uint64_t wall_rate)
{
        struct sampling_options options = options_of(mode);
        struct modes modes;

        cr_assert_eq(modes_config(&options, wall_rate, false, &usage, &modes), -1);
        return modes;
}

Test(command_modes, one_mode_has_the_rate)
{
        struct modes modes = configured("wall", 0);

        cr_expect_eq(modes.n, 1);
        cr_expect_eq(modes.configs[0].mode, PROFILE_MODE_WALL);
        cr_expect_eq(modes.configs[0].rate, 99);
}

Test(command_modes, two_modes_are_in_one_order_and_wall_has_its_own_rate)
{
        static const char *const names[] = { "cpu,wall", "wall,cpu" };

        for (size_t i = 0; i < 2; i++) {
                struct modes modes = configured(names[i], 0);
                cr_expect_eq(modes.n, 2);
                cr_expect_eq(modes.configs[0].mode, PROFILE_MODE_CPU);
                cr_expect_eq(modes.configs[0].rate, 99);
                cr_expect_eq(modes.configs[1].mode, PROFILE_MODE_WALL);
                cr_expect_eq(modes.configs[1].rate, WALL_RATE_DEFAULT);
                cr_expect_eq(configured(names[i], 20).configs[1].rate, 20);
        }
}

Test(command_modes, three_are_sampled_beside_each_other)
{
        static const enum profile_mode order[] = { PROFILE_MODE_CPU, PROFILE_MODE_WALL, PROFILE_MODE_BLAME };
        struct modes modes = configured("blame,cpu,wall", 20);
        char text[MODES_RATES_SIZE];

        cr_assert_eq(modes.n, 3);
        for (size_t i = 0; i < 3; i++) {
                cr_expect_eq(modes.configs[i].mode, order[i]);
                cr_expect_eq(modes.configs[i].rate, i == 0 ? 99 : 20);
        }
        modes_describe_rates(&modes, modes_rate(&modes), text);
        cr_expect_str_eq(text, "cpu 99 Hz, wall 20 Hz and blame 20 Hz");
        modes = configured("blame", 0);
        cr_expect_eq(modes.n, 1);
        cr_expect_eq(modes.configs[0].mode, PROFILE_MODE_BLAME);
        cr_expect_eq(modes.configs[0].rate, 99);
}

Test(command_modes, lists_of_other_modes_are_refused)
{
        static const char *const names[] = { "",
                                             ",",
                                             "cpu,",
                                             ",cpu",
                                             "cpu,,wall",
                                             "cpu,cpu",
                                             "gil,blame",
                                             "cpu,gil",
                                             "cpu wall",
                                             "cpu,wall,blame,gil",
                                             "blame blame blame blame" };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct sampling_options options = options_of(names[i]);
                struct modes modes;
                cr_expect_eq(modes_config(&options, 0, false, &usage, &modes), 2, "%s", names[i]);
        }
}

Test(command_modes, options_choose_a_mode_as_in_other_commands)
{
        struct sampling_options idle = options_of("cpu"), gil = idle;
        struct modes modes;

        idle.idle = gil.gil = true;
        idle.no_idle_workers = true;
        cr_assert_eq(modes_config(&idle, 0, false, &usage, &modes), -1);
        cr_expect_eq(modes.configs[0].mode, PROFILE_MODE_WALL);
        cr_expect(modes.configs[0].no_idle_workers);
        cr_assert_eq(modes_config(&gil, 0, false, &usage, &modes), -1);
        cr_expect_eq(modes.configs[0].mode, PROFILE_MODE_GIL);
}

Test(command_modes, the_engine_asked_for_is_for_both)
{
        static const struct {
                const char *name;
                enum sample_engine wall;
        } rows[] = { { "perf", SAMPLE_ENGINE_PERF },
                     { "timer", SAMPLE_ENGINE_TIMER },
                     { "blocking", SAMPLE_ENGINE_BLOCKING } };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct sampling_options options = options_of("cpu,wall");
                struct modes modes;
                options.engine = rows[i].name;
                cr_assert_eq(modes_config(&options, 0, true, &usage, &modes), -1);
                cr_expect_eq(modes.configs[1].engine, rows[i].wall, "%s", rows[i].name);
        }
}

Test(command_modes, idle_workers_are_left_out_of_wall_only)
{
        struct sampling_options options = options_of("cpu,wall");
        struct modes modes;

        options.no_idle_workers = true;
        cr_assert_eq(modes_config(&options, 0, true, &usage, &modes), -1);
        cr_expect_not(modes.configs[0].no_idle_workers);
        cr_expect(modes.configs[1].no_idle_workers);
        cr_expect(modes.configs[1].wait_detail);
        options.mode = "cpu";
        cr_expect_eq(modes_config(&options, 0, true, &usage, &modes), 2);
}

Test(command_modes, contradictions_are_refused)
{
        struct sampling_options idle = options_of("cpu,wall"), gil = idle, one = options_of("cpu");
        struct sampling_options unknown = options_of("cpu,gil");
        struct modes modes;

        idle.idle = gil.gil = true;
        cr_expect_eq(modes_config(&idle, 0, false, &usage, &modes), 2);
        cr_expect_eq(modes_config(&gil, 0, false, &usage, &modes), 2);
        cr_expect_eq(modes_config(&one, 11, false, &usage, &modes), 2);
        cr_expect_eq(modes_config(&unknown, 0, false, &usage, &modes), 2);
}

Test(command_modes, a_lower_rate_is_lower_for_each)
{
        struct modes one = configured("cpu", 0), both = configured("cpu,wall", 0);
        char text[MODES_RATES_SIZE];

        cr_expect_eq(modes_rate(&one), 99);
        modes_describe_rates(&one, 50, text);
        cr_expect_str_eq(text, "50 Hz");
        cr_expect_eq(modes_rate(&both), 110);
        modes_describe_rates(&both, 110, text);
        cr_expect_str_eq(text, "cpu 99 Hz and wall 11 Hz");
        modes_describe_rates(&both, 55, text);
        cr_expect_str_eq(text, "cpu 49 Hz and wall 5 Hz");
        modes_describe_rates(&both, 1, text);
        cr_expect_str_eq(text, "cpu 1 Hz and wall 1 Hz");
}

Test(command_modes, the_bound_of_memory_is_for_all_together)
{
        struct modes modes = configured("cpu,wall", 0);

        modes.configs[0].engine = SAMPLE_ENGINE_TIMER;
        cr_assert_eq(modes_open(&modes, 0), -1);
        modes_limit_memory(&modes, 1000);
        cr_expect_eq(modes_memory(&modes).max, 1000);
        cr_expect_eq(sampler_memory(modes.samplers[1]).max, 500);
        cr_expect_eq(modes_memory(&modes).leased, 0);
        modes_close(&modes);
}
