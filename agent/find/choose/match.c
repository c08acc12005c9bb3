/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which container a name means. A whole name or id takes precedence over ids that begin with it, as Docker does. Where
 * no other has that name, "web" means a user's "web@1000" as well.
 *
 * In a pod's name with one slash either side may be the pod: NAMESPACE/POD or POD/CONTAINER. Both are tried. If that
 * finds two pods, the name is ambiguous.
 */
#include "agent/find/choose/choose.h"
#include "agent/find/internal.h"

#include <stdio.h>
#include <string.h>

static bool is_called(const struct find_candidate *container, const char *name)
{
        return !strcmp(container->name, name) || !strcmp(container->id, name);
}

/* Whether @text is @a/@b, or @a alone if @b is NULL. Names that are not known ("") never match. */
static bool is_path_of(const char *text, const char *a, const char *b)
{
        size_t len = strlen(a);

        if (strncmp(text, a, len))
                return false;
        return b ? *b && text[len] == '/' && !strcmp(text + len + 1, b) : !text[len];
}

static bool is_pod(const struct find_candidate *c, const char *name)
{
        char pod[FIND_NAME_SIZE + FIND_LABEL_SIZE];

        if (!c->pod[0])
                return false;
        snprintf(pod, sizeof(pod), "%s/%s", c->pod_namespace, c->pod);
        return is_path_of(name, c->pod, NULL) || is_path_of(name, c->pod, c->k8s_container) ||
               is_path_of(name, pod, NULL) || is_path_of(name, pod, c->k8s_container);
}

static bool is_same_pod(const struct find_candidate *a, const struct find_candidate *b)
{
        return !strcmp(a->pod, b->pod) && !strcmp(a->pod_namespace, b->pod_namespace);
}

static bool id_begins_with(const struct find_candidate *container, const char *name)
{
        size_t len = strlen(name);

        return !strncmp(container->id, name, len) ||
               (!strncmp(container->name, name, len) && container->name[len] == '@');
}

/* Moves the containers that match to the front, and returns their number. */
static size_t move_matches_to_front(struct find_candidate *containers, size_t n, const char *name,
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
                found = move_matches_to_front(containers, n, name, is_called);
        if (name[0] && found == 0)
                found = move_matches_to_front(containers, n, name, id_begins_with);
        *ret_matches = found;
        if (found == 1)
                return 0;
        return found ? FIND_E_AMBIGUOUS : FIND_E_UNKNOWN;
}

int find_match_pod(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches)
{
        size_t found = move_matches_to_front(containers, n, name, is_pod);

        *ret_matches = found;
        for (size_t i = 1; i < found; i++)
                if (!is_same_pod(&containers[0], &containers[i]))
                        return FIND_E_AMBIGUOUS;
        return found ? 0 : FIND_E_UNKNOWN;
}

bool find_is_in_pod(const struct find_process *process, const char *name)
{
        struct find_candidate candidate = { 0 };

        memcpy(candidate.pod, process->pod, sizeof(candidate.pod));
        memcpy(candidate.pod_namespace, process->pod_namespace, sizeof(candidate.pod_namespace));
        memcpy(candidate.k8s_container, process->k8s_container, sizeof(candidate.k8s_container));
        return is_pod(&candidate, name);
}
