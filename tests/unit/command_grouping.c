/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/processes/grouping.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

SUITE(command_grouping);

/* A process that has two samples of work() in main(). */
static struct profile *process(const char *pid, const char *program, const char *container, const char *run)
{
        struct profile *p = profile_new();
        profile_id frames[] = { interned_frame(p, interned_function(p, "work", "/app/m.py", 1), 2),
                                interned_frame(p, interned_function(p, "main", "/app/m.py", 5), 6) };

        cr_assert_eq(profile_add(p, interned_stack(p, frames, 2), 0, PROFILE_RUNNING, 2, 20), 0);
        *profile_counters(p) = (struct profile_counters){ .ticks = 2, .ok = 2 };
        profile_set_attribute(p, "process.pid", pid);
        profile_set_attribute(p, "process.executable.name", "python3.11");
        profile_set_attribute(p, GROUPING_ATTRIBUTE, program);
        profile_set_attribute(p, "container.id", container);
        profile_set_attribute(p, "container.name", container);
        profile_set_attribute(p, "podflame.run", run);
        return p;
}

static struct profile_set example(void)
{
        struct profile_set set = { 0 };

        profile_set_add(&set, process("7", "gunicorn", "web", "0"));
        profile_set_add(&set, process("8", "gunicorn", "web", "0"));
        profile_set_add(&set, process("9", "job.py", "web", "0"));
        profile_set_add(&set, process("10", "gunicorn", "api", "0"));
        profile_set_add(&set, process("11", "job.py", NULL, "0"));
        profile_set_add(&set, process("12", "other.py", NULL, "0"));
        profile_set_add(&set, process("13", "other.py", NULL, "1"));
        profile_set_add(&set, process(NULL, NULL, NULL, "0")); /* of descendants that were not opened */
        return set;
}

/* "NAME SAMPLES, …" of the groups. */
static const char *grouped(enum grouping by)
{
        static char text[512];
        struct profile_set set = example(), groups;
        size_t len = 0;

        cr_assert_eq(grouping_merge(&set, by, &groups), 0);
        cr_expect_eq(set.n, 8, "the profiles themselves stay");
        for (size_t i = 0; i < groups.n; i++) {
                char name[GROUPING_NAME_SIZE];
                grouping_name(groups.items[i], by, name);
                cr_expect_eq(profile_counters_of(groups.items[i])->ok, profile_total(groups.items[i]));
                cr_expect(by == GROUPING_PROCESS || !profile_attribute(groups.items[i], "process.pid"));
                len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %d", i > 0 ? ", " : "", name,
                                        (int)profile_total(groups.items[i]));
        }
        profile_set_deinit(&set);
        profile_set_deinit(&groups);
        return text;
}

Test(command_grouping, processes_of_a_program_or_of_a_container_are_one)
{
        cr_expect_str_eq(grouped(GROUPING_PROGRAM),
                         "gunicorn 4, job.py 2, gunicorn 2, job.py 2, other.py 2, other.py 2, python3.11 2");
        cr_expect_str_eq(grouped(GROUPING_CONTAINER),
                         "web 6, api 2, (no container) 4, (no container) 2, (no container) 2");
        cr_expect_str_eq(grouped(GROUPING_PROCESS),
                         "gunicorn (pid 7) 2, gunicorn (pid 8) 2, job.py (pid 9) 2, gunicorn (pid 10) 2, "
                         "job.py (pid 11) 2, other.py (pid 12) 2, other.py (pid 13) 2, python3.11 2");
}

Test(command_grouping, equal_stacks_of_a_group_are_one)
{
        struct profile_set set = example(), groups;

        cr_assert_eq(grouping_merge(&set, GROUPING_CONTAINER, &groups), 0);
        cr_expect_eq(profile_samples(groups.items[0]), 1);
        cr_expect_eq(profile_sample(groups.items[0], 0)->count, 6);
        cr_expect_eq(profile_sample(groups.items[0], 0)->nanoseconds, 60);
        profile_set_deinit(&set);
        profile_set_deinit(&groups);
}

Test(command_grouping, words)
{
        static const struct usage usage = { .command = "try", .synopsis = "", .text = "" };
        enum grouping by;

        cr_expect_eq(grouping_parse(&usage, NULL, &by), GO_ON);
        cr_expect_eq(by, GROUPING_PROCESS);
        cr_expect_eq(grouping_parse(&usage, "container", &by), GO_ON);
        cr_expect_eq(by, GROUPING_CONTAINER);
        cr_expect_eq(grouping_parse(&usage, "pod", &by), EXIT_USAGE);
}
