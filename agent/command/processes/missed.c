/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that gave no profile, and why. */
#include "missed.h"

#include "agent/command/cli/messages.h"

#include <stdlib.h>

/* Children that cannot be read may be many, and alike, as on a build farm. At most this many are printed. */
#define CHILDREN_MAX 20

static struct missed *get_missed(const struct missed_list *list, pid_t pid, uint64_t start_time)
{
        for (size_t i = 0; i < list->n; i++)
                if (list->items[i].pid == pid && list->items[i].start_time == start_time)
                        return &list->items[i];
        return NULL;
}

void missed_add(struct missed_list *list, const struct missed *missed)
{
        struct missed *item = get_missed(list, missed->pid, missed->start_time);

        if (!item) {
                struct missed *items = reallocarray(list->items, list->n + 1, sizeof *items);
                if (!items)
                        return;
                list->items = items;
                item = &items[list->n++];
        }
        *item = *missed;
}

void missed_remove(struct missed_list *list, pid_t pid, uint64_t start_time)
{
        struct missed *item = get_missed(list, pid, start_time);

        if (item)
                *item = list->items[--list->n];
}

static void say_missed(const struct missed *missed)
{
        say_error("process %d was not profiled: %s%s%s%s", missed->pid, missed->why, *missed->program ? " (" : "",
                  missed->program, *missed->program ? ")" : "");
}

size_t missed_say(struct missed_list *list, bool profiled, bool quiet)
{
        size_t asked = 0, children = 0;

        for (size_t i = 0; i < list->n; i++) {
                const struct missed *missed = &list->items[i];
                if (missed->parent && profiled)
                        continue;
                asked += missed->asked;
                children += !missed->asked;
                if (!missed->said && (missed->asked || (!quiet && children <= CHILDREN_MAX)))
                        say_missed(missed);
        }
        if (!quiet && children > CHILDREN_MAX)
                say_error("%zu more processes were not profiled", children - CHILDREN_MAX);
        return asked;
}

void missed_deinit(struct missed_list *list)
{
        free(list->items);
        *list = (struct missed_list){ 0 };
}
