/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which container is meant by a name. A whole name or id is meant as such, even
 * if an id begins with it as well: so does Docker.
 */
#include "agent/find/internal.h"

#include <string.h>

static bool is_called(const struct find_candidate *container, const char *name)
{
        return !strcmp(container->name, name) || !strcmp(container->id, name);
}

static bool id_begins_with(const struct find_candidate *container, const char *name)
{
        return !strncmp(container->id, name, strlen(name));
}

/* Moves those that match to the front, and returns how many. */
static size_t gather(struct find_candidate *containers, size_t n, const char *name,
                     bool (*matches)(const struct find_candidate *container, const char *name))
{
        size_t found = 0;

        for (size_t i = 0; i < n; i++) {
                if (!matches(&containers[i], name))
                        continue;
                struct find_candidate match = containers[i];
                containers[i] = containers[found];
                containers[found++] = match;
        }
        return found;
}

int find_match(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches)
{
        size_t found = 0;

        if (name[0])
                found = gather(containers, n, name, is_called);
        if (name[0] && found == 0)
                found = gather(containers, n, name, id_begins_with);
        *ret_matches = found;
        if (found == 1)
                return 0;
        return found ? FIND_E_AMBIGUOUS : FIND_E_UNKNOWN;
}
