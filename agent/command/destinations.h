/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_DESTINATIONS_H
#define COMMAND_DESTINATIONS_H

/* Where the agent's profiles go: the options that say it, and the collectors that they name. */

#include "options.h"

#include "agent/profile/profile.h"

struct destination_options {
        const char *collector;
        const char *protocol;
        const char *token_file;
        const char *spool;
        uint64_t spool_max;
};

#define DESTINATION_DEFAULTS { .collector = "http://127.0.0.1:4318" }

/* The rows of an option table for a configuration whose member @member is a struct destination_options. */
#define DESTINATION_OPTIONS(type, member)                                                                     \
        { .name = "collector", .letter = 'c', .kind = OPTION_TEXT, .field = offsetof(type, member.collector), \
          .argument = "URL", .help = "where profiles go (http://127.0.0.1:4318)" },                           \
        { .name = "protocol", .kind = OPTION_TEXT, .field = offsetof(type, member.protocol),                  \
          .argument = "PROTOCOL", .help = "otlp, or pyroscope's push (otlp)" },                               \
        { .name = "token-file", .kind = OPTION_TEXT, .field = offsetof(type, member.token_file),              \
          .argument = "FILE", .help = "a bearer token for the collector is in this file" },                   \
        { .name = "spool", .kind = OPTION_TEXT, .field = offsetof(type, member.spool),                        \
          .argument = "DIR", .help = "keep what is not delivered yet in this directory (in memory)" },        \
        { .name = "spool-max", .kind = OPTION_BYTES, .field = offsetof(type, member.spool_max),               \
          .argument = "BYTES", .help = "drop the oldest beyond: 64M, 1G (256M)", .min = 1 << 20, .max = 1e15 }

struct destinations;

/* -1, or an exit status after a word about what is wrong with @options. */
int destinations_open(const struct destination_options *options, const struct usage *usage,
                      struct destinations **ret);

/* Accepts NULL. Tries to deliver what waits for at most @deadline_ms. */
void destinations_close(struct destinations *destinations, unsigned deadline_ms);

/* Hands on @set, which stays the caller's. 0 or negative errno. */
int destinations_send(struct destinations *destinations, const struct profile_set *set);

/* The collectors' URLs, for people. */
const char *destinations_describe(const struct destinations *destinations);

#endif
