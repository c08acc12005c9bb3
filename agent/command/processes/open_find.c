/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host's folders and APIs are. */
#include "open_find.h"

#include "refusals.h"

#include "agent/command/cli/messages.h"

#include <stdlib.h>
#include <string.h>

struct find_config finding_config(void)
{
        return (struct find_config){
                .docker_root = getenv("PODFLAME_DOCKER_ROOT"),
                .podman_root = getenv("PODFLAME_PODMAN_ROOT"),
                .log_root = getenv("PODFLAME_LOG_ROOT"),
                .run_root = getenv("PODFLAME_RUN_ROOT"),
                .trace = refusals_trace(),
        };
}

static void say_api_state(void *ctx, const char *api, const char *problem)
{
        (void)ctx;
        if (problem)
                say("%s does not tell names: %s", api, problem);
        else
                say("%s tells names again", api);
}

int finding_open_with(struct find_config config, const struct finding_options *options, const struct usage *usage,
                      struct find **ret)
{
        char reason[HTTP_CLIENT_REASON_SIZE] = "";
        /* Docker's API has no host, but every URL needs one. */
        const struct http_client_config docker = { .url = "http://docker",
                                                   .unix_socket = options->docker_socket,
                                                   .reason = reason,
                                                   .reason_size = sizeof reason };
        const struct http_client_config kubelet = { .url = options->kubelet,
                                                    .token_file = options->kubelet_token_file,
                                                    .ca_file = options->kubelet_ca_file,
                                                    .reason = reason,
                                                    .reason_size = sizeof reason };

        config.docker_api = options->docker_socket ? &docker : NULL;
        config.kubelet = options->kubelet ? &kubelet : NULL;
        config.on_api = say_api_state;
        int r = find_open(&config, ret);
        if (r == 0)
                return GO_ON;
        if (r == HTTP_CLIENT_E_URL)
                return options_wrong(usage, "--kubelet: '%s': %s", options->kubelet, reason);
        return say_error(r > 0 ? "the kubelet cannot be asked: %s" : "/proc cannot be read: %s",
                         r > 0 ? reason : strerror(-r));
}

int finding_open(bool follow, struct find **ret)
{
        struct find_config config = finding_config();

        config.follow = config.at_once = follow;
        return find_open(&config, ret);
}
