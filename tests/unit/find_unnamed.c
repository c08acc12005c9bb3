/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of a container whose names come late: one of them asks for all, and none misses what is learnt. */
#include "tests/unit/find_stage.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define N 3

static char root[64], group[NSUTIL_CGROUP_PATH_SIZE + 160], folder[256];
static pid_t pids[N];
static struct find_events events;
static size_t n_named;
static struct find_process last[N];

static void note_named(void *ctx, const struct find_process *process)
{
        (void)ctx;
        n_named++;
        for (size_t i = 0; i < N; i++)
                if (pids[i] == process->pid)
                        last[i] = *process;
}

static void join_group(pid_t pid)
{
        char path[sizeof(group) + 16], text[16];
        FILE *file;

        snprintf(path, sizeof(path), "%s/cgroup.procs", group);
        snprintf(text, sizeof(text), "%d", pid);
        file = fopen(path, "we");
        cr_assert_not_null(file, "%s", path);
        fputs(text, file);
        cr_assert_eq(fclose(file), 0);
}

static void set_up(void)
{
        struct nsutil_freezers freezers;

        require_root();
        require(nsutil_freezers_find(&freezers) == 0 && freezers.n > 0, "needs a hierarchy of cgroups");
        stage_set_up();
        temp_make(root, sizeof(root));
        snprintf(folder, sizeof(folder), "%s/containers/" ID, root);
        free(stage.find->roots.docker);
        stage.find->roots.docker = strdup(root);
        snprintf(group, sizeof(group), "%s/podflame-unnamed-%d", freezers.items[0].point, getpid());
        require(mkdir(group, 0755) == 0, "needs to make cgroups");
        strcat(group, "/" ID);
        require(mkdir(group, 0755) == 0, "needs to make cgroups");
        events = stage_events;
        events.named = note_named;
        for (size_t i = 0; i < N; i++)
                join_group(pids[i] = stage_start("py-good"));
        stage_scan(N, 0);
}

static void remove_file(const char *path)
{
        if (root[0])
                remove(path);
}

static void tear_down(void)
{
        char path[PATH_MAX];

        for (size_t i = 0; i < N; i++)
                if (pids[i] > 0)
                        child_end(pids[i]);
        if (stage.find)
                stage_tear_down();
        rmdir(group);
        if (group[0])
                *strrchr(group, '/') = '\0';
        rmdir(group);
        snprintf(path, sizeof(path), "%s/config.v2.json", folder);
        remove_file(path);
        remove_file(folder);
        snprintf(path, sizeof(path), "%s/containers", root);
        remove_file(path);
        remove_file(root);
}

TestSuite(find_unnamed, .init = set_up, .fini = tear_down);

/* All ask as soon as the scan comes to them. How many were told an answer. */
static size_t ask_at_once(void)
{
        n_named = 0;
        for (size_t i = 0; i < N; i++) {
                struct find_entry *entry = find_known_get(stage.find, pids[i]);

                cr_assert_not_null(entry);
                cr_assert_neq(entry->name_at, 0, "its names are not known");
                entry->name_at = entry->look_at = 1;
        }
        stage.find->full_at = 0;
        cr_assert_eq(find_scan(stage.find, &events), 0);
        return n_named;
}

/* No answer is too young to be asked for again. */
static size_t ask_again(void)
{
        usleep(210000);
        return ask_at_once();
}

static void write_config(const char *config)
{
        char above[256], file[512];

        snprintf(file, sizeof(file), "%s/config.v2.json", folder);
        remove(file);
        snprintf(above, sizeof(above), "%s/containers", root);
        mkdir(above, 0755);
        mkdir(folder, 0755);
        temp_write(folder, "config.v2.json", config, strlen(config));
}

Test(find_unnamed, one_asks_for_all)
{
        for (unsigned i = 0; i < 3; i++) {
                cr_expect_eq(ask_again(), 1, "of a container one process asks");
                for (size_t j = 0; j < N; j++)
                        cr_expect_gt(find_known_get(stage.find, pids[j])->name_at, find_now(), "they ask later");
        }
}

Test(find_unnamed, all_learn_a_part_of_the_names)
{
        ask_again();
        write_config("{\"Name\":\"/web\"}");
        cr_expect_eq(ask_again(), N);
        for (size_t i = 0; i < N; i++)
                cr_expect_str_eq(last[i].container_name, "web");
        cr_expect_eq(ask_again(), 1, "the image is still missing");
        write_config("{\"Name\":\"/web\",\"Config\":{\"Image\":\"shop\"}}");
        cr_expect_eq(ask_again(), N);
        for (size_t i = 0; i < N; i++) {
                cr_expect_str_eq(last[i].image, "shop");
                cr_expect_eq(find_known_get(stage.find, pids[i])->name_at, 0);
        }
}

/* The first has all names, so what was missing a moment ago says nothing about them. */
Test(find_unnamed, none_takes_an_answer_that_was_true_before)
{
        struct find_place place = { .pid = pids[0], .id = ID, .pod_uid = "" };
        struct find_names names;

        ask_again();
        write_config("{\"Name\":\"/web\",\"Config\":{\"Image\":\"shop\"}}");
        cr_expect(find_names_get(stage.find, &place, &names));
        cr_expect_eq(ask_at_once(), N);
}
