/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One html file that shows the lines of source files with their shares. It needs nothing else, not even the network.
 * heat.js draws what is written here: {"meta", "samples", "intervals", "origin", "left_out", "files": […]}. A file is
 * {"file", "count", "functions": [[name, first line, count]…], "lines": [[line, count, function, waits]…], "source":
 * […] or "why"}. A count is [self, total, the ends of self's interval, those of total's]; a wait is [reason, samples].
 */
#include "agent/base/base.h"
#include "agent/format/embed.h"
#include "agent/format/formats.h"

#include <inttypes.h>
#include <stdbool.h>

EMBED(format_heat_page, "/heat.html");

struct heat {
        const struct profile_set *set;
        const struct profile_lines *lines;
};

static void write_comma(bool wanted, FILE *out)
{
        if (wanted)
                putc(',', out);
}

static void write_count(const struct heat *heat, const struct profile_line_count *count, FILE *out)
{
        const struct profile_interval self = profile_interval(count->self, heat->lines->samples);
        const struct profile_interval total = profile_interval(count->total, heat->lines->samples);

        fprintf(out, "[%" PRIu64 ",%" PRIu64 ",%.7f,%.7f,%.7f,%.7f]", count->self, count->total, self.low, self.high,
                total.low, total.high);
}

static void write_functions_of_file(const struct heat *heat, const struct profile_line_file *file, FILE *out)
{
        fputs(",\"functions\":[", out);
        for (size_t i = 0; i < file->n_functions; i++) {
                const struct profile_line_function *function = &file->functions[i];

                fputs(i > 0 ? ",[" : "[", out);
                escape_json(function->name, out);
                fprintf(out, ",%" PRIu32 ",", function->first_line);
                write_count(heat, &function->count, out);
                putc(']', out);
        }
        putc(']', out);
}

static void write_lines(const struct heat *heat, const struct profile_line_file *file, FILE *out)
{
        fputs(",\"lines\":[", out);
        for (size_t i = 0; i < file->n_lines; i++) {
                const struct profile_line *line = &file->lines[i];

                fprintf(out, "%s[%" PRIu32 ",", i > 0 ? "," : "", line->line);
                write_count(heat, &line->count, out);
                putc(',', out);
                escape_json(line->function, out);
                fputs(",[", out);
                for (size_t w = 0; w < line->n_waits; w++) {
                        fputs(w > 0 ? ",[" : "[", out);
                        escape_json(line->waits[w].reason, out);
                        fprintf(out, ",%" PRIu64 "]", line->waits[w].samples);
                }
                fputs("]]", out);
        }
        putc(']', out);
}

static void write_source(const struct heat *heat, const struct profile_line_file *file, FILE *out)
{
        const struct profile_text *text = profile_texts_find(heat->set->texts, file->file);

        if (text && text->text)
                fputs(",\"source\":[", out);
        for (uint32_t line = 1; text && line <= text->lines; line++) {
                write_comma(line > 1, out);
                escape_json(profile_text_line(text, line), out);
        }
        if (text && text->text)
                putc(']', out);
        if (text && text->why) {
                putc(',', out);
                html_write_member("why", text->why, out);
        }
}

static void write_heat_of_file(const struct heat *heat, const struct profile_line_file *file, FILE *out)
{
        putc('{', out);
        html_write_member("file", file->file, out);
        fputs(",\"count\":", out);
        write_count(heat, &file->count, out);
        write_functions_of_file(heat, file, out);
        write_lines(heat, file, out);
        write_source(heat, file, out);
        putc('}', out);
}

static int write_heat(const void *what, FILE *out)
{
        const struct heat *heat = what;
        const struct profile_texts *texts = heat->set->texts;
        bool blame = heat->set->n > 0 && profile_settings(heat->set->items[0])->mode == PROFILE_MODE_BLAME;

        fputs("{\"meta\":", out);
        int r = html_write_meta(heat->set, out);
        fprintf(out, ",\"samples\":%" PRIu64 ",\"intervals\":%s,\"left_out\":%zu,", heat->lines->samples,
                blame ? "false" : "true", texts ? texts->left_out : 0);
        html_write_member("origin", texts ? texts->origin : "", out);
        fputs(",\"files\":[", out);
        for (size_t i = 0; i < heat->lines->n_files; i++) {
                write_comma(i > 0, out);
                write_heat_of_file(heat, &heat->lines->files[i], out);
        }
        fputs("]}", out);
        return r;
}

static int write_heat_page(const struct profile_set *set, FILE *out)
{
        const struct profile_line_choice all = { .file = NULL };
        struct profile_lines *lines;
        int r = profile_lines(set, &all, &lines);

        if (r < 0)
                return r;
        r = html_write_into(format_heat_page, format_heat_page_end, write_heat, &(struct heat){ set, lines }, out);
        profile_lines_free(lines);
        return r;
}

const struct format format_heat = {
        .name = "heat",
        .endings = { ".heat.html" },
        .summary = "the lines of source files with their shares, in one file, for any browser",
        .source = true,
        .write = write_heat_page,
};
