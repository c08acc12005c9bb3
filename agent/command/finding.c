/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host's folders are, from the environment. */
#include "finding.h"

#include <stdlib.h>

struct find_config finding_config(void)
{
        return (struct find_config){
                .docker_root = getenv("PODFLAME_DOCKER_ROOT"),
                .podman_root = getenv("PODFLAME_PODMAN_ROOT"),
                .log_root = getenv("PODFLAME_LOG_ROOT"),
                .run_root = getenv("PODFLAME_RUN_ROOT"),
        };
}

int finding_open(bool follow, struct find **ret)
{
        struct find_config config = finding_config();

        config.follow = follow;
        return find_open(&config, ret);
}
