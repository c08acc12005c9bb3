/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_OPEN_FIND_H
#define PROCESSES_OPEN_FIND_H

/*
 * Opens find as all commands need it. PODFLAME_DOCKER_ROOT, PODFLAME_PODMAN_ROOT, PODFLAME_LOG_ROOT and
 * PODFLAME_RUN_ROOT name the folders of the container runtimes if they are not in the usual places (host paths mounted
 * elsewhere).
 */

#include "agent/command/cli/options.h"

#include "agent/find/find.h"

/* APIs that are asked for names; NULL: not given. */
struct finding_options {
        const char *docker_socket;
        const char *kubelet;
        const char *kubelet_token_file;
        const char *kubelet_ca_file;
};

/* The rows of an option table for a configuration whose member @member is a struct finding_options. */
#define FINDING_OPTIONS(type, member)                                                                            \
        { .name = "docker-socket",                                                                               \
          .kind = OPTION_TEXT,                                                                                   \
          .field = offsetof(type, member.docker_socket),                                                         \
          .argument = "PATH",                                                                                    \
          .help = "ask Docker for names as well, where its files cannot be read" },                              \
                { .name = "kubelet",                                                                             \
                  .kind = OPTION_TEXT,                                                                           \
                  .field = offsetof(type, member.kubelet),                                                       \
                  .argument = "URL",                                                                             \
                  .help = "ask the kubelet for names and labels of pods as well: https://127.0.0.1:10250" },     \
                { .name = "kubelet-token-file",                                                                  \
                  .kind = OPTION_TEXT,                                                                           \
                  .field = offsetof(type, member.kubelet_token_file),                                            \
                  .argument = "FILE",                                                                            \
                  .help = "a service account's token for it, read again when it changes" },                      \
        {                                                                                                        \
                .name = "kubelet-ca-file", .kind = OPTION_TEXT, .field = offsetof(type, member.kubelet_ca_file), \
                .argument = "FILE", .help = "trust the certificates in this file for it"                         \
        }

/* A configuration with the folders of the environment. The caller fills the rest for finding_open_with(). */
struct find_config finding_config(void);

/* Opens find with the APIs of @options. GO_ON, or an exit status, after a message. */
int finding_open_with(struct find_config config, const struct finding_options *options, const struct usage *usage,
                      struct find **ret);

/* Opens find without options. @follow: get births from the kernel. 0, or an error of find_open(). */
int finding_open(bool follow, struct find **ret);

#endif
