/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_SAMPLING_H
#define PROCESSES_SAMPLING_H

/* The options for sampling that record, top and agent share. */

#include "agent/command/cli/options.h"
#include "agent/confine/confine.h"
#include "agent/sample/sample.h"
#include "target.h"

struct sampling_options {
        uint64_t rate;
        const char *mode;
        const char *engine;
        const char *tasks;
        bool threads;
        bool idle;
        bool gil;
        bool blocking;
        bool native;
        bool opcodes;
        bool no_kernel;
        bool no_native;
        bool no_idle_workers;
};

#define SAMPLING_DEFAULTS                                                    \
        {                                                                    \
                .rate = 99, .mode = "cpu", .engine = "auto", .tasks = "name" \
        }

/* What --tasks says. */
#define SAMPLING_TASKS_HELP                                                                                   \
        "stacks begin at their asyncio task, or go on behind a greenlet: name, coroutine, off (name; agent: " \
        "coroutine)"

/* A fleet's tasks have names without number. */
#define SAMPLING_DEFAULTS_OF_AGENT                                                \
        {                                                                         \
                .rate = 99, .mode = "cpu", .engine = "auto", .tasks = "coroutine" \
        }

/* What --mode says in the help of a command that samples in one mode. */
#define SAMPLING_MODES_HELP "cpu: threads on a CPU; wall: every thread; gil: the GIL's holder (cpu)"

#define SAMPLING_OPTIONS(type, member, modes_help)                                                               \
        { .name = "rate",                                                                                        \
          .letter = 'r',                                                                                         \
          .kind = OPTION_NUMBER,                                                                                 \
          .field = offsetof(type, member.rate),                                                                  \
          .argument = "HZ",                                                                                      \
          .help = "samples per second of each CPU, 1 to 20000 (99)",                                             \
          .min = SAMPLE_RATE_MIN,                                                                                \
          .max = SAMPLE_RATE_MAX },                                                                              \
                { .name = "mode",                                                                                \
                  .letter = 'm',                                                                                 \
                  .kind = OPTION_TEXT,                                                                           \
                  .field = offsetof(type, member.mode),                                                          \
                  .argument = "MODE",                                                                            \
                  .help = modes_help },                                                                          \
                { .name = "idle",                                                                                \
                  .letter = 'i',                                                                                 \
                  .kind = OPTION_FLAG,                                                                           \
                  .field = offsetof(type, member.idle),                                                          \
                  .help = "count sleeping threads too: the same as --mode wall" },                               \
                { .name = "gil",                                                                                 \
                  .letter = 'g',                                                                                 \
                  .kind = OPTION_FLAG,                                                                           \
                  .field = offsetof(type, member.gil),                                                           \
                  .help = "only the GIL's holder, (idle) while nobody is: the same as --mode gil" },             \
                { .name = "engine",                                                                              \
                  .kind = OPTION_TEXT,                                                                           \
                  .field = offsetof(type, member.engine),                                                        \
                  .argument = "ENGINE",                                                                          \
                  .help = "perf, timer, blocking; auto: the best one that works here (auto)" },                  \
                { .name = "blocking",                                                                            \
                  .kind = OPTION_FLAG,                                                                           \
                  .field = offsetof(type, member.blocking),                                                      \
                  .help = "stop threads by ptrace while they are read: the same as --engine blocking" },         \
                { .name = "tasks",                                                                               \
                  .kind = OPTION_TEXT,                                                                           \
                  .field = offsetof(type, member.tasks),                                                         \
                  .argument = "HOW",                                                                             \
                  .help = SAMPLING_TASKS_HELP },                                                                 \
                { .name = "native",                                                                              \
                  .kind = OPTION_FLAG,                                                                           \
                  .field = offsetof(type, member.native),                                                        \
                  .help = "stacks with the functions of C code and of the kernel; needs engine perf" },          \
                { .name = "no-kernel",                                                                           \
                  .kind = OPTION_FLAG,                                                                           \
                  .field = offsetof(type, member.no_kernel),                                                     \
                  .help = "with --native: leave out the functions of the kernel" },                              \
                { .name = "no-native",                                                                           \
                  .kind = OPTION_FLAG,                                                                           \
                  .field = offsetof(type, member.no_native),                                                     \
                  .help = "leave out threads that run no Python; the coverage still knows their time" },         \
        {                                                                                                        \
                .name = "no-idle-workers", .kind = OPTION_FLAG, .field = offsetof(type, member.no_idle_workers), \
                .help = "mode wall: leave out threads that wait for work; the coverage knows their time"         \
        }

/* For commands whose results have threads. */
#define SAMPLING_THREADS_OPTION(type, member)                                                                   \
        {                                                                                                       \
                .name = "threads", .letter = 't', .kind = OPTION_FLAG, .field = offsetof(type, member.threads), \
                .help = "tell threads apart; their names are threading's, else the kernel's"                    \
        }

/* For record alone: each stack gets as many forms as it has opcodes. */
#define SAMPLING_OPCODES_OPTION(type, member)                                                               \
        {                                                                                                   \
                .name = "opcodes", .kind = OPTION_FLAG, .field = offsetof(type, member.opcodes),            \
                .help = "mode cpu: a leaf frame with the opcode at which the function stands, as CPython\n" \
                        "3.11 and later has specialised it: [opcode: LOAD_ATTR_INSTANCE_VALUE]"             \
        }

/* Checks the options. GO_ON with @ret filled, or an exit status, after a message. */
int sampling_config(const struct sampling_options *options, const struct usage *usage, struct sample_config *ret);

/* What a command that samples with @config has to be allowed. */
enum confine_role sampling_role(const struct sample_config *config);

/* Which processes' clock events are best for these processes; @subprocesses: and for their descendants. */
enum sample_scope sampling_scope(const struct choice *choice, bool subprocesses);

/* What messages have said about a process. */
struct sampling_said {
        bool gil, restraint, silence, calls, times, opcodes;
};

/*
 * Prints, once each: that a process has no GIL in mode gil; that it is sampled less often since its stacks take too
 * long to read; that in mode wall reasons are unknown, or waits for a CPU; that it has no opcodes to tell; that its
 * memory does not answer. Call it from time to time: a young interpreter has not decided yet about its GIL, and an
 * import can change that.
 */
void sampling_say_exceptions(struct sampler *sampler, const struct sample_target *target, struct sampling_said *said);

/* Prints, once, that the memory of a process does not answer. */
void sampling_say_silence(pid_t pid, struct sampling_said *said);

/* sampler_check(), which is to be called every few seconds. Prints that the engine is another one from now on. */
void sampling_check(struct sampler *sampler, struct sampler_health *ret);

/* Opens a sampler. GO_ON, or an exit status, after a message. */
int sampling_open(const struct sample_config *config, struct sampler **ret);

#endif
