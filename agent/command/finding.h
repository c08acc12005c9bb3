/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_FINDING_H
#define COMMAND_FINDING_H

/*
 * Opens find as all commands want it: the folders of the container runtimes from
 * PODFLAME_DOCKER_ROOT, PODFLAME_PODMAN_ROOT, PODFLAME_LOG_ROOT, PODFLAME_RUN_ROOT
 * where they are not in the usual places (host paths mounted elsewhere).
 * @follow: learn of births from the kernel.
 */

#include "agent/find/find.h"

int finding_open(bool follow, struct find **ret);

#endif
