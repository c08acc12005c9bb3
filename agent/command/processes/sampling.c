/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to a running sampler. */
#include "sampling.h"

#include "agent/command/cli/explanations.h"
#include "agent/command/cli/messages.h"

#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>

static const struct {
        const char *name;
        enum sample_engine engine;
} engines[] = {
        { "auto", SAMPLE_ENGINE_AUTO },
        { "perf", SAMPLE_ENGINE_PERF },
        { "timer", SAMPLE_ENGINE_TIMER },
        { "blocking", SAMPLE_ENGINE_BLOCKING },
};

/* Words of --tasks. */
static const struct {
        const char *name;
        enum pystack_task_names names;
} task_names[] = {
        { "name", PYSTACK_TASKS_BY_NAME },
        { "coroutine", PYSTACK_TASKS_BY_CODE },
        { "off", PYSTACK_TASKS_OFF },
};

static bool parse_task_names(const char *word, enum pystack_task_names *ret)
{
        for (size_t i = 0; i < sizeof task_names / sizeof *task_names; i++)
                if (strcmp(task_names[i].name, word) == 0) {
                        *ret = task_names[i].names;
                        return true;
                }
        return false;
}

int sampling_config(const struct sampling_options *options, const struct usage *usage, struct sample_config *ret)
{
        struct sample_config config = {
                .rate = (unsigned)options->rate,
                .threads = options->threads,
                .native = options->native,
                .kernel = options->native && !options->no_kernel,
                .kallsyms = -1,
                .opcodes = options->opcodes,
                .no_native = options->no_native,
                .no_idle_workers = options->no_idle_workers,
                .wait_detail = true,
        };
        size_t i = 0;

        if (!profile_mode_parse(options->mode, &config.mode) || config.mode == PROFILE_MODE_BLAME)
                return options_wrong(usage, "--mode: '%s' is none of cpu, wall, gil", options->mode);
        if (options->idle && options->gil)
                return options_wrong(usage, "--idle and --gil exclude each other");
        if (options->idle)
                config.mode = PROFILE_MODE_WALL;
        if (options->gil)
                config.mode = PROFILE_MODE_GIL;
        if (options->no_idle_workers && config.mode != PROFILE_MODE_WALL)
                return options_wrong(usage,
                                     "--no-idle-workers needs --mode wall: other modes count no thread that waits");
        if (options->opcodes && config.mode != PROFILE_MODE_CPU)
                return options_wrong(usage,
                                     "--opcodes needs --mode cpu: in other modes the leaf says what is waited for");
        if (options->opcodes && options->native)
                return options_wrong(usage,
                                     "--opcodes and --native exclude each other: a leaf of C code has no opcode");
        while (i < sizeof engines / sizeof *engines && strcmp(engines[i].name, options->engine) != 0)
                i++;
        if (i == sizeof engines / sizeof *engines)
                return options_wrong(usage, "--engine: '%s' is none of auto, perf, timer, blocking", options->engine);
        if (!parse_task_names(options->tasks, &config.tasks))
                return options_wrong(usage, "--tasks: '%s' is none of name, coroutine, off", options->tasks);
        if (options->no_kernel && !options->native)
                return options_wrong(usage, "--no-kernel needs --native");
        if (config.kernel) /* before capabilities are given up: the kernel asks for CAP_SYSLOG when it is opened */
                config.kallsyms = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
        config.engine = options->blocking ? SAMPLE_ENGINE_BLOCKING : engines[i].engine;
        *ret = config;
        return GO_ON;
}

enum confine_role sampling_role(const struct sample_config *config)
{
        return config->engine == SAMPLE_ENGINE_BLOCKING ? CONFINE_RECORDER_BLOCKING : CONFINE_RECORDER;
}

/*
 * If the machine's events are refused, the events of a process's threads take one descriptor for each thread and CPU:
 * at most this many. If children are followed these events are of no use, since a child inherits those of its parent
 * and gets its own as well.
 */
#define THREAD_EVENTS_MAX 800

enum sample_scope sampling_scope(const struct choice *choice, bool subprocesses)
{
        size_t threads = 0;

        for (size_t i = 0; i < choice->n; i++) {
                struct nsutil_stat stat;
                if (nsutil_stat_read(choice->items[i].process.pid, &stat) == 0)
                        threads += (size_t)stat.threads;
        }
        return !subprocesses && threads * (size_t)get_nprocs() <= THREAD_EVENTS_MAX ? SAMPLE_SCOPE_BEST
                                                                                    : SAMPLE_SCOPE_MACHINE;
}

int sampling_open(const struct sample_config *config, struct sampler **ret)
{
        char reason[256] = "";
        const char *missing;
        int r = sampler_open(config, ret, reason, sizeof reason);

        if (r == 0 && (!config->native || sampler_tells_native(*ret, &missing)))
                return GO_ON;
        if (r == 0) {
                const char *refused = sampler_refused(*ret);
                return say_error("--native needs %s%s%s; without it, leave --native out", missing,
                                 *refused ? ", but " : "", refused);
        }
        return say_error("sampling cannot start: %s", r < 0 ? strerror(-r) : reason);
}

void sampling_say_silence(pid_t pid, struct sampling_said *said)
{
        if (!said->silence)
                say("process %d: %s; what was sampled of it last is lost", pid, pystack_strerror(PYSTACK_E_HANGS));
        said->silence = true;
}

void sampling_say_exceptions(struct sampler *sampler, const struct sample_target *target, struct sampling_said *said)
{
        if (!said->gil && sampler_lacks_gil(sampler, target)) {
                say("process %d: this Python has no GIL: every thread that runs is sampled", target->pid);
                said->gil = true;
        }
        if (!said->restraint && sampler_is_restrained(sampler, target)) {
                say("process %d: its stacks take too long to read (new functions in every one, or very long names): it "
                    "is "
                    "sampled less, and the ticks that are missing are counted as failed",
                    target->pid);
                said->restraint = true;
        }
        if (!said->calls && sampler_misses_calls(sampler, target)) {
                say_calls_refused(target->pid);
                said->calls = true;
        }
        if (!said->opcodes && sampler_lacks_opcodes(sampler, target)) {
                say("process %d: --opcodes needs CPython 3.11 or later: its stacks end at their functions",
                    target->pid);
                said->opcodes = true;
        }
        if (!said->times && sampler_misses_times(sampler, target)) {
                say("process %d: the kernel does not say which threads wait for a CPU (/proc/PID/task/TID/schedstat): "
                    "a "
                    "thread that has none counts as running",
                    target->pid);
                said->times = true;
        }
        if (!said->silence && sampler_is_silent(sampler, target))
                sampling_say_silence(target->pid, said);
}

void sampling_check(struct sampler *sampler, struct sampler_health *ret)
{
        static const char timer[] = "from now on the timer tells how long waits are";

        sampler_check(sampler, ret);
        if (ret->too_many > 0)
                say("mode wall: too many switches of threads: the kernel lost records of them before %.0f %% of looks: "
                    "%s",
                    ret->too_many * 100, timer);
        else if (ret->too_costly > 0)
                say("mode wall: the kernel's records of this machine's switches take %.1f %% of a CPU to read: %s",
                    ret->too_costly * 100, timer);
}
