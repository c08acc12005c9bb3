/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people: what was profiled, the coverage, and the functions with the most samples. */
#include "agent/base/base.h"
#include "formats.h"
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define ROWS_MAX 40 /* about a screen */
#define NS_PER_S 1e9

static double percent_of(uint64_t part, uint64_t whole)
{
        return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void write_label(const char *label, FILE *out)
{
        fprintf(out, "%-10s ", label);
}

static void write_attribute(const struct profile *p, const char *label, const char *key, FILE *out)
{
        const char *value = profile_attribute(p, key);

        if (!value)
                return;
        write_label(label, out);
        escape_text(value, out);
        putc('\n', out);
}

static const struct {
        const char *label, *key;
} resource_lines[] = {
        { "Container", "container.name" },        { "Service", "service.name" },
        { "Program", "process.executable.name" }, { "PID", "process.pid" },
        { "Python", "process.runtime.version" },
};
#define RESOURCE_LINES (sizeof(resource_lines) / sizeof(resource_lines[0]))

static void write_resource(const struct profile_set *set, FILE *out)
{
        if (set->n != 1) {
                write_label("Processes", out);
                fprintf(out, "%zu\n", set->n);
                return;
        }
        for (size_t i = 0; i < RESOURCE_LINES; i++)
                write_attribute(set->items[0], resource_lines[i].label, resource_lines[i].key, out);
}

static void write_settings(const struct profile_settings *settings, FILE *out)
{
        write_label("Mode", out);
        fputs(profile_mode_name(settings->mode), out);
        if (settings->period_ns)
                fprintf(out, ", %.0f Hz", round(NS_PER_S / (double)settings->period_ns));
        if (settings->engine)
                fprintf(out, ", %s ticks", settings->engine);
        if (settings->duration_ns)
                fprintf(out, ", %.1f s", (double)settings->duration_ns / NS_PER_S);
        putc('\n', out);
}

/* Writes the counters. Zeros are left out, except the number of ticks. */
static void write_counters(const struct summary *summary, FILE *out)
{
        write_label("Samples", out);
        fprintf(out, "%" PRIu64 "\n", summary->samples);
        write_label("Ticks", out);
        for (size_t i = 0; i < SUMMARY_COUNTERS; i++) {
                uint64_t value = summary_counter_get(&summary->counters, i);

                if (summary_counters[i].is_time)
                        continue;
                if (i == 0)
                        fprintf(out, "%" PRIu64, value);
                else if (value)
                        fprintf(out, ", %s %" PRIu64, summary_counters[i].name, value);
        }
        putc('\n', out);
}

static void write_coverage_line(const struct summary *summary, FILE *out)
{
        char sentence[PROFILE_COVERAGE_SIZE];

        profile_coverage_tell(&summary->counters, summary->settings.mode, sentence, sizeof(sentence));
        if (!*sentence)
                return;
        write_label("Coverage", out);
        fprintf(out, "%s\n", sentence);
}

static void write_function_row(const struct profile_top *top, uint64_t samples, FILE *out)
{
        fprintf(out, "%8" PRIu64 " %5.1f%% %8" PRIu64 " %5.1f%%  ", top->self, percent_of(top->self, samples),
                top->total, percent_of(top->total, samples));
        escape_text(top->name, out);
        if (top->file && *top->file) {
                fputs("  ", out);
                escape_text(top->file, out);
        }
        putc('\n', out);
}

static int write_top(const struct profile *all, FILE *out)
{
        struct profile_top *top;
        size_t n;
        int r = profile_top(all, ROWS_MAX, &top, &n);

        if (r)
                return r;
        fputs("\n    SELF      %    TOTAL      %  FUNCTION\n", out);
        for (size_t i = 0; i < n; i++)
                write_function_row(&top[i], profile_total(all), out);
        free(top);
        return 0;
}

static int text_write(const struct profile_set *set, FILE *out)
{
        struct profile *all = profile_new();
        struct summary summary;
        int r = all ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < set->n; i++)
                r = profile_merge(all, set->items[i], false);
        if (r == 0) {
                summary_of(set, &summary);
                write_resource(set, out);
                write_settings(&summary.settings, out);
                write_counters(&summary, out);
                write_coverage_line(&summary, out);
                r = write_top(all, out);
        }
        profile_free(all);
        return r ? r : escape_finish(out);
}

const struct format format_text = {
        .name = "text",
        .endings = { ".txt" },
        .summary = "a table of the functions that took the most samples",
        .write = text_write,
};
