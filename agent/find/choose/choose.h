/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_CHOOSE_H
#define FIND_CHOOSE_H

/* What users choose: processes by rules, and containers and pods by name. */

#include "agent/find/find.h"

/* ---- rules (select.c) ---------------------------------------------------- */

/* Facts about a process that only rules need. */
struct find_facts {
        const char *cgroup; /* the path of its cgroup */
        const char *labels; /* as in struct find_names */
};

/* Sets process->selected, rule and python_only. @rules may be NULL. */
void find_rules_apply(const struct find_rules *rules, const struct find_facts *facts, struct find_process *process);

/* Whether a rule compares or sends labels, which not every source knows. */
bool find_rules_want_labels(const struct find_rules *rules);

/* Adds the labels that the rules send, of @labels (as in struct find_names), to process->resource. @rules may be NULL. */
void find_rules_add_labels(const struct find_rules *rules, const char *labels, struct find_process *process);

/* ---- containers by name (match.c) ---------------------------------------- */

/*
 * Chooses the container @name among @n containers: by name or whole id, or else by the beginning of an id. Moves the
 * @ret_matches containers that match to the front. 0 if exactly one matches, otherwise FIND_E_UNKNOWN or
 * FIND_E_AMBIGUOUS.
 */
int find_match(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches);

/* Chooses, in the same way, by [NAMESPACE/]POD[/CONTAINER]. 0 if all that match are of one pod. */
int find_match_pod(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches);

#endif
