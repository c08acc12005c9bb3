/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VITALS_H
#define AGENT_VITALS_H

/*
 * The agent's account of itself: what it may take of the machine, whether it moves, and where its metrics are served.
 */

#include "destinations.h"
#include "fleet.h"
#include "modes.h"

#include "agent/command/cli/options.h"

#include <stdbool.h>

struct vitals_options {
        const char *listen;  /* ADDR:PORT of the metrics; NULL: they are not served */
        double max_cpu;      /* per cent of one CPU; 0: no bound */
        uint64_t max_memory; /* bytes; 0: no bound */
};

/* The rows of an option table for a configuration whose member @member is a struct vitals_options. */
#define VITALS_OPTIONS(type, member)                                                                       \
        { .name = "listen",                                                                                \
          .letter = 'l',                                                                                   \
          .kind = OPTION_TEXT,                                                                             \
          .field = offsetof(type, member.listen),                                                          \
          .argument = "ADDR:PORT",                                                                         \
          .help = "serve /metrics, /healthz and /readyz here (nowhere)" },                                 \
                { .name = "max-cpu",                                                                       \
                  .kind = OPTION_PERCENT,                                                                  \
                  .field = offsetof(type, member.max_cpu),                                                 \
                  .argument = "PERCENT",                                                                   \
                  .help = "stay below this part of one CPU: sample less often (no bound)",                 \
                  .min = 0.1,                                                                              \
                  .max = 10000 },                                                                          \
        {                                                                                                  \
                .name = "max-memory", .kind = OPTION_BYTES, .field = offsetof(type, member.max_memory),    \
                .argument = "BYTES",                                                                       \
                .help = "stay below this: empty caches, end a window early, sample less often (no bound)", \
                .min = 16 << 20, .max = 1e15                                                               \
        }

struct vitals;

/* Listens. Call this before privileges are given up. GO_ON, or an exit status, after a message. */
int vitals_listen(const struct vitals_options *options, const struct usage *usage, struct vitals **ret);

/* What the vitals report on. All of it must outlive them. */
struct vitals_subject {
        struct modes *modes;
        const struct fleet *fleet;
        const struct destinations *destinations;
        double window_s;
};

/* Begins to serve metrics, and to keep to the budget. GO_ON, or an exit status, after a message. */
int vitals_open(struct vitals *vitals, const struct vitals_subject *subject);
void vitals_close(struct vitals *vitals); /* accepts NULL */

/* Call this after each scan of the machine. @starved processes were not looked at, for want of file descriptors. */
void vitals_beat(struct vitals *vitals, uint64_t starved);

/*
 * Whether the window is to end early, since more is in memory than --max-memory allows, and emptying caches was not
 * enough. @can_end: false while the window before is being handed over. Then its memory is not free yet, so only caches
 * are emptied. Call this at every turn of the loop, and at least every vitals_pause_ms(); -1: that need not be.
 */
bool vitals_is_too_large(struct vitals *vitals, bool can_end);
int vitals_pause_ms(const struct vitals *vitals);

/* Call this with the profiles of a window that has ended, for the metrics that are made of them. */
void vitals_note_profiles(struct vitals *vitals, const struct profile_set *set);

/* Call this at the end of a window. Sets the rate of the next one by the budget. */
void vitals_end_window(struct vitals *vitals);

/* Counts a window that has ended. @sent: its profiles are on their way; otherwise they are lost. */
void vitals_count_window(struct vitals *vitals, bool sent);

#endif
