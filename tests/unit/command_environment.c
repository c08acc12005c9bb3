/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/record/environment.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(command_environment);

static const struct {
        const char *text, *model;
} texts[] = {
        { "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.00GHz\nflags\t\t: a b\nmodel name\t: other\n",
          "Some CPU @ 2.00GHz" },
        { "model name\t: first", "first" },
        { "model name\t:\n", "" },
        { "model name\n", "" },
        { "processor\t: 0\nBogoMIPS\t: 50.00\n", "" }, /* as on arm64 */
        { "", "" },
};

Test(command_environment, model_of_the_cpu)
{
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                char model[64] = "before";
                environment_parse_cpuinfo(texts[i].text, model, sizeof model);
                cr_expect_str_eq(model, texts[i].model, "%zu: %s", i, model);
        }
        char small[5];
        environment_parse_cpuinfo(texts[0].text, small, sizeof small);
        cr_expect_str_eq(small, "Some");
}

Test(command_environment, attributes_of_a_run)
{
        const struct environment environment = { .arch = "amd64", .kernel = "6.1.0-18-amd64", .cpu = "CPU" };
        struct profile *p = profile_new();

        cr_assert_eq(environment_describe(&environment, 3, 999, p), 0);
        cr_expect_str_eq(profile_attribute(p, "host.arch"), "amd64");
        cr_expect_str_eq(profile_attribute(p, "os.version"), "6.1.0-18-amd64");
        cr_expect_str_eq(profile_attribute(p, "host.cpu.model.name"), "CPU");
        cr_expect_str_eq(profile_attribute(p, "podflame.run"), "3");
        cr_expect_str_eq(profile_attribute(p, "podflame.rate"), "999");
        cr_expect_null(profile_attribute(p, "vcs.ref.head.revision"), "what is not known is not said");
        profile_free(p);
}

Test(command_environment, of_this_machine)
{
        struct environment environment;

        environment_read(&environment);
        cr_expect_gt(strlen(environment.arch), 2);
        cr_expect_gt(strlen(environment.kernel), 2);
        cr_expect_null(strchr(environment.cpu, '\n'));
}
