/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a sentence of the counters of a recording. */
#include "summary.h"

#include "coverage.h"

#include "agent/command/cli/messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/*
 * Lists what became of ticks that gave no sample or took more than one reading, and of native stacks if there were any.
 * Counters of 0 are left out, unless @all.
 */
static void list_counters(const struct profile_counters *sum, bool all, char *ret, size_t size)
{
        const struct {
                const char *name;
                uint64_t n;
        } counters[] = { { "torn", sum->torn },
                         { "retried", sum->retried },
                         { "late", sum->late },
                         { "lost", sum->gone + sum->failed } };
        size_t len = 0;

        *ret = '\0';
        for (size_t i = 0; i < sizeof counters / sizeof *counters && len < size; i++)
                if (all || counters[i].n > 0)
                        len += (size_t)snprintf(ret + len, size - len, "%s%s %" PRIu64, len > 0 ? ", " : "; ",
                                                counters[i].name, counters[i].n);
        if (sum->mixed > 0 && (all || sum->unmerged > 0) && len < size)
                snprintf(ret + len, size - len, "%sunmerged %" PRIu64 " of %" PRIu64, len > 0 ? ", " : "; ",
                         sum->unmerged, sum->mixed);
}

struct program {
        long pid, run;
};

static int by_pid_and_run(const void *a, const void *b)
{
        const struct program *x = a, *y = b;

        return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid) : (x->run > y->run) - (x->run < y->run);
}

/*
 * Counts processes. One that has executed another Python counts once more, and one that has outlived its run does not.
 * The profile of descendants that ended before they were opened is of no process. Without memory, counts the profiles.
 */
static size_t count_processes(const struct profile_set *set)
{
        size_t n = 0, again = 0;
        struct program *programs = calloc(set->n + 1, sizeof *programs);

        for (size_t i = 0; i < set->n; i++) {
                const char *pid = profile_attribute(set->items[i], "process.pid");
                const char *run = profile_attribute(set->items[i], "podflame.run");
                if (pid && programs)
                        programs[n] = (struct program){ atol(pid), run ? atol(run) : 0 };
                n += pid != NULL;
        }
        if (!programs)
                return n;
        qsort(programs, n, sizeof *programs, by_pid_and_run);
        for (size_t i = 1, first = 0; i < n; i++) {
                first = programs[i].pid == programs[i - 1].pid ? first : i;
                again += programs[i].run != programs[first].run;
        }
        free(programs);
        return n - again;
}

/* A process that uses less of a CPU than this waits for most of its time. */
#define WAITING_BELOW 0.2

/*
 * Says how much CPU time the processes used, as the kernel accounts it in mode cpu. "" if that is not known, or nothing
 * was sampled: then another line says why.
 */
static void tell_use(const struct profile_set *set, const struct profile_counters *sum, char *ret, size_t size)
{
        double lived = 0, used = (double)(sum->accounted_ns - sum->unopened_ns);

        *ret = '\0';
        for (size_t i = 0; i < set->n; i++)
                lived += (double)profile_settings(set->items[i])->duration_ns;
        if (set->n == 0 || profile_settings(set->items[0])->mode != PROFILE_MODE_CPU || sum->ok == 0 || lived == 0 ||
            sum->accounted_ns == 0)
                return;
        const char *hint = used < WAITING_BELOW * lived ? ": -m wall shows where the time goes" : "";
        if (set->n == 1)
                snprintf(ret, size, "; it used %.0f %% of a CPU%s", 100 * used / lived, hint);
        else
                snprintf(ret, size, "; they used %.2f s of CPU time%s", used / 1e9, hint);
}

void summary_say(const struct profile_set *set, unsigned runs, const char *engine)
{
        char runs_text[48] = "", counters[224], use[96];
        struct profile_counters sum = { 0 };
        uint64_t longest = 0;
        size_t processes = count_processes(set);

        for (size_t i = 0; i < set->n; i++) {
                const struct profile_settings *settings = profile_settings(set->items[i]);
                profile_counters_add(&sum, profile_counters_of(set->items[i]));
                longest = settings->duration_ns > longest ? settings->duration_ns : longest;
        }
        if (runs > 1)
                snprintf(runs_text, sizeof runs_text, "%u runs of up to ", runs);
        list_counters(&sum, engine != NULL, counters, sizeof counters);
        tell_use(set, &sum, use, sizeof use);
        say("%" PRIu64 " sample%s of %zu process%s in %s%.1f s%s%s%s%s%s", sum.ok, sum.ok == 1 ? "" : "s", processes,
            processes == 1 ? "" : "es", runs_text, (double)longest / 1e9, engine ? " (" : "", engine ? engine : "",
            engine ? ")" : "", use, counters);
        if (sum.ok > 0)
                coverage_say(set, engine != NULL);
}

void summary_say_engine(const struct sampler *sampler)
{
        const char *refused = sampler_refused(sampler);

        say("engine: %s%s%s", sampler_describe(sampler), *refused ? "; not perf: " : "", refused);
}

static const char *const unmerged_reasons[PYSTACK_UNMERGED_REASONS] = {
        [PYSTACK_UNMERGED_MOVED] = "the thread may have run on before it was read",
        [PYSTACK_UNMERGED_CUT] = "the C stack could not be followed",
        [PYSTACK_UNMERGED_UNKNOWN] = "code that was mapped just before",
        [PYSTACK_UNMERGED_COSTLY] = "too much of it was new at once",
        [PYSTACK_UNMERGED_DISAGREES] = "C and Python did not fit together",
};

void summary_say_unmerged(const struct profile_set *set, const struct sampler *sampler)
{
        struct profile_counters sum = { 0 };
        uint64_t ticks[PYSTACK_UNMERGED_REASONS];
        char text[512] = "";
        size_t len = 0;

        for (size_t i = 0; i < set->n; i++)
                profile_counters_add(&sum, profile_counters_of(set->items[i]));
        if (sum.mixed == 0)
                return;
        sampler_unmerged(sampler, ticks);
        for (unsigned i = 0; i < PYSTACK_UNMERGED_REASONS && len < sizeof text; i++)
                if (unmerged_reasons[i] && ticks[i] > 0)
                        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %" PRIu64, len ? ", " : ": ",
                                                unmerged_reasons[i], ticks[i]);
        say("native stacks: %" PRIu64 " of %" PRIu64 " show Python alone%s", sum.unmerged, sum.mixed, text);
}

void summary_say_without_task(const struct sampler *sampler)
{
        uint64_t n = sampler_without_task(sampler);

        if (n > 0)
                say("tasks: of %" PRIu64
                    " stacks it was not certain which task runs them: they begin at the event loop",
                    n);
}

/* VmHWM, the peak of memory, in MiB. getrusage() would include the peak of the program that was there before exec. */
static long peak_mib(void)
{
        FILE *file = fopen("/proc/self/status", "re");
        char line[256];
        long kib = 0;

        while (file && kib == 0 && fgets(line, sizeof line, file))
                sscanf(line, "VmHWM: %ld", &kib);
        if (file)
                fclose(file);
        return kib >> 10;
}

void summary_say_cost(void)
{
        struct rusage usage;

        if (getrusage(RUSAGE_SELF, &usage) == 0)
                say("cost: %.2f s of CPU, %ld MiB of memory at most",
                    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
                    peak_mib());
}
