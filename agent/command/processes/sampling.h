/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_SAMPLING_H
#define PROCESSES_SAMPLING_H

/* How to sample, on the command line: the options that record, top and agent share. */

#include "agent/command/cli/options.h"
#include "agent/confine/confine.h"
#include "agent/sample/sample.h"
#include "target.h"

struct sampling_options {
        uint64_t rate;
        const char *mode;
        const char *engine;
        bool threads;
        bool idle;
        bool gil;
        bool blocking;
        bool no_native;
};

#define SAMPLING_DEFAULTS                                   \
        {                                                   \
                .rate = 99, .mode = "cpu", .engine = "auto" \
        }

#define SAMPLING_OPTIONS(type, member)                                                                   \
        { .name = "rate",                                                                                \
          .letter = 'r',                                                                                 \
          .kind = OPTION_NUMBER,                                                                         \
          .field = offsetof(type, member.rate),                                                          \
          .argument = "HZ",                                                                              \
          .help = "samples per second of each CPU, 1 to 20000 (99)",                                     \
          .min = SAMPLE_RATE_MIN,                                                                        \
          .max = SAMPLE_RATE_MAX },                                                                      \
                { .name = "mode",                                                                        \
                  .letter = 'm',                                                                         \
                  .kind = OPTION_TEXT,                                                                   \
                  .field = offsetof(type, member.mode),                                                  \
                  .argument = "MODE",                                                                    \
                  .help = "cpu: threads on a CPU; wall: every thread; gil: the GIL's holder (cpu)" },    \
                { .name = "idle",                                                                        \
                  .letter = 'i',                                                                         \
                  .kind = OPTION_FLAG,                                                                   \
                  .field = offsetof(type, member.idle),                                                  \
                  .help = "count sleeping threads too: the same as --mode wall" },                       \
                { .name = "gil",                                                                         \
                  .letter = 'g',                                                                         \
                  .kind = OPTION_FLAG,                                                                   \
                  .field = offsetof(type, member.gil),                                                   \
                  .help = "only the GIL's holder, (idle) while nobody is: the same as --mode gil" },     \
                { .name = "engine",                                                                      \
                  .kind = OPTION_TEXT,                                                                   \
                  .field = offsetof(type, member.engine),                                                \
                  .argument = "ENGINE",                                                                  \
                  .help = "perf, timer, blocking; auto: the best one that works here (auto)" },          \
                { .name = "blocking",                                                                    \
                  .kind = OPTION_FLAG,                                                                   \
                  .field = offsetof(type, member.blocking),                                              \
                  .help = "stop threads by ptrace while they are read: the same as --engine blocking" }, \
        {                                                                                                \
                .name = "no-native", .kind = OPTION_FLAG, .field = offsetof(type, member.no_native),     \
                .help = "leave out threads that run no Python; the coverage still knows their time"      \
        }

/* For those whose results have threads. */
#define SAMPLING_THREADS_OPTION(type, member)                                                                   \
        {                                                                                                       \
                .name = "threads", .letter = 't', .kind = OPTION_FLAG, .field = offsetof(type, member.threads), \
                .help = "tell threads apart; their names are threading's from 3.14 on, else the kernel's"       \
        }

/* Checks the options: GO_ON and @ret filled, or an exit status, when a message has been printed. */
int sampling_config(const struct sampling_options *options, const struct usage *usage, struct sample_config *ret);

/* What a command that samples so has to be allowed. */
enum confine_role sampling_role(const struct sample_config *config);

/* Whom the kernel's clock is best to watch for these processes, and for their children if they are followed. */
enum sample_scope sampling_scope(const struct choice *choice, bool subprocesses);

/* What has been said of a process. */
struct sampling_said {
        bool gil, restraint, silence;
};

/*
 * Says, once each, that a process has no GIL in mode gil, that its stacks take too long to be read as often as others,
 * and that its memory does not answer.
 * To be called from time to time: a young interpreter has not decided yet, and an import can change it.
 */
void sampling_say_exceptions(struct sampler *sampler, const struct sample_target *target, struct sampling_said *said);

/* The last of these, of a process that is known to be so. */
void sampling_say_silence(pid_t pid, struct sampling_said *said);

/* Opens a sampler, or says why not: GO_ON, or an exit status. */
int sampling_open(const struct sample_config *config, struct sampler **ret);

#endif
