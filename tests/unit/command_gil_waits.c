/* SPDX-License-Identifier: Apache-2.0 */
/* How much of their time a container's threads waited for the GIL, of profiles whose samples are known. */
#include "agent/command/agent/gil_waits.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(command_gil_waits);

static struct profile *of_container(struct profile_set *set, enum profile_mode mode, const char *key, const char *name)
{
        struct profile *p = profile_new();

        profile_set_settings(p, &(struct profile_settings){ .mode = mode, .period_ns = 1 });
        if (key)
                cr_assert_eq(profile_set_attribute(p, key, name), 0);
        cr_assert_eq(profile_set_add(set, p), 0);
        return p;
}

/* @leaf: NULL if the thread runs. */
static void add_time(struct profile *p, const char *leaf, const char *function, uint64_t ns)
{
        profile_id frames[2], stack, id;
        size_t n = 0;

        for (const char *name = leaf; n < 2; name = function) {
                if (name) {
                        cr_assert_eq(
                                profile_intern_function(p, name, name == leaf || *name == '(' ? "" : "a.py", 0, &id),
                                0);
                        cr_assert_eq(profile_intern_frame(p, id, 0, &frames[n++]), 0);
                }
                if (name == function)
                        break;
        }
        cr_assert_eq(profile_intern_stack(p, frames, n, &stack), 0);
        cr_assert_eq(profile_add(p, stack, 0, leaf ? PROFILE_IDLE : PROFILE_RUNNING, 1, ns), 0);
}

static struct health_gil_waits *read_waits(struct profile_set *set)
{
        struct health_gil_waits *waits = calloc(1, sizeof *waits);

        cr_assert_eq(gil_waits_read(set, waits), 0);
        profile_set_deinit(set);
        return waits;
}

Test(command_gil_waits, waiting_is_a_part_of_running_and_waiting)
{
        struct profile_set set = { 0 };
        struct profile *p = of_container(&set, PROFILE_MODE_WALL, "container.name", "web");

        add_time(p, NULL, "hog", 100);
        add_time(p, "[waits: CPU]", "hog", 30);
        add_time(p, "[throttled]", "hog", 20);
        add_time(p, "[waits: GIL]", "wants", 300);
        add_time(p, "[sleeps]", "naps", 1000);
        add_time(p, "[waits: lock]", "naps", 1000);
        add_time(p, "[waits: unknown]", "naps", 40);
        add_time(p, NULL, PROFILE_NATIVE, 1000);
        add_time(p, "[waits: CPU]", PROFILE_NATIVE, 1000);
        add_time(p, "[waits: unknown]", PROFILE_NATIVE, 1000);
        struct health_gil_waits *waits = read_waits(&set);
        cr_assert_eq(waits->n, 1);
        cr_expect_str_eq(waits->rows[0].container, "web");
        cr_expect_float_eq(waits->rows[0].ratio, 0.75, 1e-9);
        cr_expect_eq(waits->untold, 0);
        free(waits);
}

Test(command_gil_waits, what_is_not_known_is_not_told)
{
        struct profile_set set = { 0 };
        struct profile *p = of_container(&set, PROFILE_MODE_WALL, "container.name", "musl");

        add_time(p, NULL, "hog", 100);
        add_time(p, "[waits: lock or GIL]", "wants", 300);
        add_time(of_container(&set, PROFILE_MODE_WALL, "container.name", "asleep"), "[sleeps]", "naps", 100);
        add_time(of_container(&set, PROFILE_MODE_CPU, "container.name", "cpu"), NULL, "hog", 100);
        add_time(of_container(&set, PROFILE_MODE_GIL, "container.name", "gil"), NULL, "hog", 100);
        add_time(of_container(&set, PROFILE_MODE_WALL, "service.name", "of the host"), NULL, "hog", 100);
        struct health_gil_waits *waits = read_waits(&set);
        cr_expect_eq(waits->n, 0);
        cr_expect_eq(waits->untold, 1, "musl's");
        free(waits);
}

Test(command_gil_waits, containers_of_the_same_names_are_one)
{
        struct profile_set set = { 0 };

        for (int i = 0; i < 2; i++) {
                struct profile *p = of_container(&set, PROFILE_MODE_WALL, "container.id", i ? "1111" : "2222");
                profile_set_attribute(p, "k8s.namespace.name", "shop");
                profile_set_attribute(p, "k8s.pod.name", "web-0");
                profile_set_attribute(p, "k8s.container.name", "main");
                profile_set_attribute(p, "container.name", "k8s_main_web-0");
                add_time(p, i ? NULL : "[waits: GIL]", "f", i ? 300 : 100);
        }
        add_time(of_container(&set, PROFILE_MODE_WALL, "container.id", "0123456789abcdef"), NULL, "f", 1);
        struct health_gil_waits *waits = read_waits(&set);
        cr_assert_eq(waits->n, 2);
        cr_expect_str_eq(waits->rows[0].pod_namespace, "shop");
        cr_expect_str_eq(waits->rows[0].pod, "web-0");
        cr_expect_str_eq(waits->rows[0].container, "main");
        cr_expect_float_eq(waits->rows[0].ratio, 0.25, 1e-9);
        cr_expect_str_eq(waits->rows[1].container, "0123456789ab");
        cr_expect_eq(waits->rows[1].ratio, 0);
        free(waits);
}

Test(command_gil_waits, those_that_waited_most_have_the_room)
{
        struct profile_set set = { 0 };
        char name[16];

        for (unsigned i = 1; i <= HEALTH_GIL_WAITS_MAX + 3; i++) {
                snprintf(name, sizeof name, "c%u", i);
                struct profile *p = of_container(&set, PROFILE_MODE_WALL, "container.name", name);
                add_time(p, NULL, "f", 100);
                add_time(p, "[waits: GIL]", "f", i);
        }
        struct health_gil_waits *waits = read_waits(&set);
        cr_expect_eq(waits->n, HEALTH_GIL_WAITS_MAX);
        cr_expect_eq(waits->untold, 3);
        cr_expect_str_eq(waits->rows[0].container, "c259");
        cr_expect_str_eq(waits->rows[HEALTH_GIL_WAITS_MAX - 1].container, "c4");
        free(waits);
}
