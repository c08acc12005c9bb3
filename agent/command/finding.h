/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_FINDING_H
#define COMMAND_FINDING_H

/*
 * How all commands want find: the folders of the container runtimes from
 * PODFLAME_DOCKER_ROOT, PODFLAME_PODMAN_ROOT, PODFLAME_LOG_ROOT, PODFLAME_RUN_ROOT
 * where they are not in the usual places (host paths mounted elsewhere).
 */

#include "agent/find/find.h"

/* To be filled further, for find_open(). */
struct find_config finding_config(void);

/* Opens it just like that. @follow: learn of births from the kernel. */
int finding_open(bool follow, struct find **ret);

#endif
