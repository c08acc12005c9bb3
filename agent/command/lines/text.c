/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as a table for each file, the hottest file and the hottest line first. */
#include "report.h"

#include "agent/base/base.h"

#include <inttypes.h>
#include <stdlib.h>

bool lines_have_intervals(const struct lines_report *report)
{
        return report->set->n == 0 || profile_settings(report->set->items[0])->mode != PROFILE_MODE_BLAME;
}

size_t lines_cut(const struct lines_report *report, struct profile_line_file *file)
{
        size_t n = file->n_lines;

        qsort(file->lines, n, sizeof *file->lines, profile_line_order);
        if (report->limit > 0 && n > report->limit)
                file->n_lines = report->limit;
        return n;
}

/* Decimals of a percentage: a small one is not 0.0. */
static int decimals_of(double percent)
{
        return percent >= 1 || percent == 0 ? 1 : percent >= 0.1 ? 2 : 3;
}

static void print_share(const struct lines_report *report, uint64_t samples, FILE *out)
{
        const struct profile_interval of = profile_interval(samples, report->lines->samples);

        fprintf(out, "%8" PRIu64 "  %5.*f %%", samples, decimals_of(100 * of.share), 100 * of.share);
        if (lines_have_intervals(report))
                fprintf(out, "  %5.*f to %5.*f", decimals_of(100 * of.low), 100 * of.low, decimals_of(100 * of.high),
                        100 * of.high);
}

static void print_source(const struct profile_text *text, uint32_t line, FILE *out)
{
        const char *source = profile_text_line(text, line);

        if (!text || !text->text)
                return;
        fputs("  | ", out);
        escape_text(source ? source : line > 0 ? "(not in the file)" : "", out);
}

static void print_line(const struct lines_report *report, const struct profile_line *line,
                       const struct profile_text *text, FILE *out)
{
        if (line->line > 0)
                fprintf(out, "%7" PRIu32, line->line);
        else
                fputs("      ?", out);
        print_share(report, line->count.self, out);
        print_share(report, line->count.total, out);
        fputs("  ", out);
        escape_text(line->function ? line->function : "(several functions)", out);
        print_source(text, line->line, out);
        putc('\n', out);
        for (size_t i = 0; i < line->n_waits; i++) {
                fputs("       ", out);
                print_share(report, line->waits[i].samples, out);
                fputs("  ", out);
                escape_text(line->waits[i].reason, out);
                putc('\n', out);
        }
}

static void print_file(const struct lines_report *report, struct profile_line_file *file, FILE *out)
{
        const struct profile_text *text = profile_texts_find(report->set->texts, file->file);
        const double all = report->lines->samples > 0 ? (double)report->lines->samples : 1;
        const char *interval = lines_have_intervals(report) ? "      95 %     " : "";
        size_t n = lines_cut(report, file);

        putc('\n', out);
        escape_text(file->file, out);
        fprintf(out, ": self %.1f %%, total %.1f %%\n", 100 * (double)file->count.self / all,
                100 * (double)file->count.total / all);
        if (report->source && (!text || !text->text))
                fprintf(out, "no source: %s\n",
                        text                 ? text->why
                        : *file->file == '<' ? "it is no file"
                                             : "too many files");
        fprintf(out, "   line    self         %s   total         %s  function\n", interval, interval);
        for (size_t i = 0; i < file->n_lines; i++)
                print_line(report, &file->lines[i], text, out);
        if (n > file->n_lines)
                fprintf(out, "and %zu more lines: --limit 0 prints all\n", n - file->n_lines);
}

void lines_print_text(const struct lines_report *report, FILE *out)
{
        const struct profile_lines *lines = report->lines;
        const struct profile_settings *settings = report->set->n > 0 ? profile_settings(report->set->items[0]) : NULL;

        fprintf(out, "%" PRIu64 " sample%s", lines->samples, lines->samples == 1 ? "" : "s");
        if (settings && profile_has_settings(report->set->items[0]))
                fprintf(out, ", mode %s", profile_mode_name(settings->mode));
        fputs("; shares are of all of them", out);
        fputs(lines_have_intervals(report) ? ", with the 95 % interval that chance allows independent samples\n" : "\n",
              out);
        if (report->set->texts && lines->n_files > 0)
                fprintf(out, "%s\n", report->set->texts->origin);
        for (size_t i = 0; i < lines->n_files; i++)
                print_file(report, &lines->files[i], out);
        if (lines->n_files == 0)
                fputs(report->chosen ? "no sample is of such a line\n" : "no sample is of a line of Python\n", out);
}
