/* SPDX-License-Identifier: Apache-2.0 */
/* From profiles of processes to those of programs or containers. The first process of a group gives its circumstances. */
#include "grouping.h"

#include "agent/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PID "process.pid"
#define NO_CONTAINER "(no container)"

static const struct {
        const char *word;
        const char *same[4]; /* attributes in which the processes of a group agree */
        const char *lost[3]; /* attributes that a group has no more */
} kinds[GROUPINGS] = {
        [GROUPING_PROCESS] = { "process", { "podflame.run", PID }, { NULL } },
        [GROUPING_PROGRAM] = { "program", { "podflame.run", "container.id", GROUPING_ATTRIBUTE }, { PID } },
        [GROUPING_CONTAINER] = { "container", { "podflame.run", "container.id" }, { PID, GROUPING_ATTRIBUTE } },
};

int grouping_parse(const struct usage *usage, const char *word, enum grouping *ret)
{
        *ret = GROUPING_PROCESS;
        for (int i = 0; word && i < GROUPINGS; i++)
                if (strcmp(kinds[i].word, word) == 0) {
                        *ret = (enum grouping)i;
                        return GO_ON;
                }
        return word ? options_wrong(usage, "--by: '%s' is none of process, program, container", word) : GO_ON;
}

static const char *get_text(const struct profile *p, const char *key)
{
        const char *value = profile_attribute(p, key);

        return value ? value : "";
}

/* The script or module, or the executable where there is none. */
static const char *get_program(const struct profile *p)
{
        const char *const keys[] = { GROUPING_ATTRIBUTE, "process.executable.name", "service.name" };
        const char *name = "";

        for (size_t i = 0; !*name && i < sizeof keys / sizeof *keys; i++)
                name = get_text(p, keys[i]);
        return *name ? name : "process";
}

static const char *get_container(const struct profile *p)
{
        const char *name = get_text(p, "container.name");

        if (!*name)
                name = get_text(p, "container.id");
        return *name ? name : NO_CONTAINER;
}

void grouping_name(const struct profile *p, enum grouping by, char ret[static GROUPING_NAME_SIZE])
{
        const char *pid = get_text(p, PID);

        if (by == GROUPING_CONTAINER)
                snprintf(ret, GROUPING_NAME_SIZE, "%s", get_container(p));
        else if (by == GROUPING_PROCESS && *pid)
                snprintf(ret, GROUPING_NAME_SIZE, "%.280s (pid %s)", get_program(p), pid);
        else
                snprintf(ret, GROUPING_NAME_SIZE, "%s", get_program(p));
}

/* ---- merging --------------------------------------------------------------------------------- */

static bool is_of_group(const struct profile *a, const struct profile *b, enum grouping by)
{
        for (size_t i = 0; kinds[by].same[i]; i++)
                if (strcmp(get_text(a, kinds[by].same[i]), get_text(b, kinds[by].same[i])) != 0)
                        return false;
        return true;
}

/* Adds a profile to that of its group in @groups, which is made if there is none. */
static int add_to_group(struct profile_set *groups, const struct profile *profile, enum grouping by)
{
        struct profile *group = NULL;
        bool single = !profile_attribute(profile, PID);

        for (size_t i = 0; !single && !group && i < groups->n; i++)
                if (profile_attribute(groups->items[i], PID) && is_of_group(groups->items[i], profile, by))
                        group = groups->items[i];
        if (group)
                return profile_merge(group, profile, true);
        group = profile_new();
        int e = group ? profile_merge(group, profile, true) : -ENOMEM;
        if (e == 0)
                e = profile_set_add(groups, group);
        if (e != 0)
                profile_free(group);
        return e;
}

static int forget_lost(struct profile *group, enum grouping by)
{
        int e = 0;

        for (size_t i = 0; e == 0 && kinds[by].lost[i]; i++)
                e = profile_set_attribute(group, kinds[by].lost[i], NULL);
        if (e == 0 && by == GROUPING_CONTAINER && !*get_text(group, "container.id"))
                e = profile_set_attribute(group, GROUPING_ATTRIBUTE, NO_CONTAINER);
        return e;
}

int grouping_merge(const struct profile_set *set, enum grouping by, struct profile_set *ret)
{
        struct profile_set groups = { 0 };
        int e = 0;

        for (size_t i = 0; e == 0 && i < set->n; i++)
                e = add_to_group(&groups, set->items[i], by);
        for (size_t i = 0; e == 0 && i < groups.n; i++)
                if (profile_attribute(groups.items[i], PID))
                        e = forget_lost(groups.items[i], by);
        if (e != 0)
                profile_set_deinit(&groups);
        *ret = groups;
        return e;
}
