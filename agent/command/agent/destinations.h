/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DESTINATIONS_H
#define AGENT_DESTINATIONS_H

/* The collectors that the agent sends its profiles to, and the options that name them. */

#include "agent/command/cli/options.h"
#include "agent/profile/profile.h"

struct destination_options {
        struct option_list list; /* --collector and the options of a collector, in their order */
        bool all_labels;         /* also send as labels what multiplies a backend's series */
        const char *spool;       /* directory; NULL: batches wait in memory */
        uint64_t spool_max;      /* bytes of each destination's files; 0: send's default */
        uint64_t queue_max;      /* bytes in memory, of all destinations together; 0: send's default for each */
};

#define DESTINATION_OPTION(type, member, option, word, text)                                                 \
        {                                                                                                    \
                .name = option, .kind = OPTION_LIST, .field = offsetof(type, member.list), .argument = word, \
                .help = text                                                                                 \
        }

/*
 * The rows of an option table for a configuration whose member @member is a struct destination_options. An option
 * between --collector and --spool is for the collector before it. It is for all collectors if there is none before it,
 * or if it comes from the environment.
 */
#define DESTINATION_OPTIONS(type, member)                                                                             \
        { .name = "collector",                                                                                        \
          .letter = 'c',                                                                                              \
          .kind = OPTION_LIST,                                                                                        \
          .field = offsetof(type, member.list),                                                                       \
          .argument = "URL",                                                                                          \
          .help = "where profiles go (http://127.0.0.1:4318); several: to each of them.\n"                            \
                  "The next nine are for the collector that they follow; for all of them,\n"                          \
                  "if they come before the first" },                                                                  \
                DESTINATION_OPTION(type, member, "protocol", "PROTOCOL",                                              \
                                   "otlp, or the push of pyroscope or parca (otlp)"),                                 \
                DESTINATION_OPTION(type, member, "token-file", "FILE", "a bearer token is in this file"),             \
                DESTINATION_OPTION(type, member, "basic-auth-file", "FILE", "USER:PASSWORD is in this file"),         \
                DESTINATION_OPTION(type, member, "header", "'NAME: VALUE'", "add this header to each request"),       \
                DESTINATION_OPTION(type, member, "headers-file", "FILE", "add the headers in this file, one a line"), \
                DESTINATION_OPTION(type, member, "ca-file", "FILE",                                                   \
                                   "trust the certificates in this file (the system's)"),                             \
                DESTINATION_OPTION(type, member, "cert-file", "FILE", "show the client certificate in this file"),    \
                DESTINATION_OPTION(type, member, "key-file", "FILE", "its key, if that is not in the same file"),     \
                DESTINATION_OPTION(type, member, "proxy", "URL",                                                      \
                                   "go through this proxy; '': through none\n"                                        \
                                   "(as http_proxy, HTTPS_PROXY, NO_PROXY say)"),                                     \
                { .name = "all-labels",                                                                               \
                  .kind = OPTION_FLAG,                                                                                \
                  .field = offsetof(type, member.all_labels),                                                         \
                  .help = "tell IDs of containers and pods, PIDs, images, runtimes and reasons of waits so that\n"    \
                          "backends make labels, and so more series, of them" },                                      \
                { .name = "spool",                                                                                    \
                  .kind = OPTION_TEXT,                                                                                \
                  .field = offsetof(type, member.spool),                                                              \
                  .argument = "DIR",                                                                                  \
                  .help = "keep what is not delivered yet in this directory (in memory)" },                           \
        {                                                                                                             \
                .name = "spool-max", .kind = OPTION_BYTES, .field = offsetof(type, member.spool_max),                 \
                .argument = "BYTES", .help = "drop the oldest when there is more than this: 64M, 1G (256M)",          \
                .min = 1 << 20, .max = 1e15                                                                           \
        }

void destination_options_deinit(struct destination_options *options);

struct destinations;
struct send;

/*
 * Opens all destinations. GO_ON, or an exit status, after a message about what is wrong. @options have to live longer
 * than @ret. OpenTelemetry's variables fill in what the options leave open.
 */
int destinations_open(const struct destination_options *options, const struct usage *usage, struct destinations **ret);

/* Tries to deliver what waits to all destinations at the same time, for at most @deadline_ms. Accepts NULL. */
void destinations_close(struct destinations *destinations, unsigned deadline_ms);

/* Queues the profiles of @set for all destinations. @set stays the caller's. 0 or negative errno. */
int destinations_send(struct destinations *destinations, const struct profile_set *set);

/*
 * Reads credentials and certificates again, which may have changed. Prints which files cannot be read, and tries at
 * once to deliver what waits.
 */
void destinations_reload(struct destinations *destinations);

/* The number of destinations, and the @i'th. @ret_url is its URL. Both pointers live as long as @destinations. */
size_t destinations_count(const struct destinations *destinations);
struct send *destinations_at(const struct destinations *destinations, size_t i, const char **ret_url);

/* The collectors' URLs, for people. */
const char *destinations_describe(const struct destinations *destinations);

#endif
