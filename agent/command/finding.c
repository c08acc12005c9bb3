/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host's folders are, from the environment. */
#include "finding.h"

#include <stdlib.h>

int finding_open(bool follow, struct find **ret)
{
        const struct find_config config = {
                .docker_root = getenv("PODFLAME_DOCKER_ROOT"),
                .podman_root = getenv("PODFLAME_PODMAN_ROOT"),
                .log_root = getenv("PODFLAME_LOG_ROOT"),
                .run_root = getenv("PODFLAME_RUN_ROOT"),
                .follow = follow,
        };

        return find_open(&config, ret);
}
