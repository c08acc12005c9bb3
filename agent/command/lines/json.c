/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for programs: {samples, mode, files: [{file, self, total, lines: […], functions: […]}]}. */
#include "report.h"

#include "agent/command/cli/json.h"

static struct json_object *make_share(const struct lines_report *report, uint64_t samples)
{
        const struct profile_interval of = profile_interval(samples, report->lines->samples);
        struct json_object *json = json_map();

        json_put_number(json, "samples", (int64_t)samples);
        json_put_real(json, "share", of.share);
        if (lines_have_intervals(report)) {
                json_put_real(json, "low", of.low);
                json_put_real(json, "high", of.high);
        }
        return json;
}

static void put_counts(const struct lines_report *report, struct json_object *json,
                       const struct profile_line_count *count)
{
        json_put(json, "self", make_share(report, count->self));
        json_put(json, "total", make_share(report, count->total));
}

static void put_line_number(struct json_object *json, const char *key, uint32_t line)
{
        if (line > 0)
                json_put_number(json, key, line);
        else
                json_put(json, key, NULL);
}

static struct json_object *make_line(const struct lines_report *report, const struct profile_line *line,
                                     const struct profile_text *text)
{
        const char *source = profile_text_line(text, line->line);
        struct json_object *json = json_map(), *waits = json_list(), *opcodes = json_list();

        put_line_number(json, "line", line->line);
        json_put_name(json, "function", line->function ? line->function : "");
        put_counts(report, json, &line->count);
        for (size_t i = 0; i < line->n_waits; i++) {
                struct json_object *wait = make_share(report, line->waits[i].samples);
                bool is_opcode = profile_is_opcode(line->waits[i].reason, "");

                json_put_name(wait, is_opcode ? "opcode" : "reason", line->waits[i].reason);
                json_append(is_opcode ? opcodes : waits, wait);
        }
        json_put(json, "waits", waits);
        json_put(json, "opcodes", opcodes);
        if (text && text->text) {
                if (source && *source)
                        json_put_name(json, "source", source);
                json_put_flag(json, "in_file", source != NULL);
        }
        return json;
}

static struct json_object *make_function(const struct lines_report *report,
                                         const struct profile_line_function *function)
{
        struct json_object *json = json_map();

        json_put_name(json, "function", function->name);
        put_line_number(json, "first_line", function->first_line);
        put_counts(report, json, &function->count);
        return json;
}

static struct json_object *make_file_lines(const struct lines_report *report, struct profile_line_file *file)
{
        const struct profile_text *text = profile_texts_find(report->set->texts, file->file);
        struct json_object *json = json_map(), *lines = json_list(), *functions = json_list();

        json_put_name(json, "file", file->file);
        put_counts(report, json, &file->count);
        json_put_number(json, "n_lines", (int64_t)lines_cut(report, file));
        for (size_t i = 0; i < file->n_lines; i++)
                json_append(lines, make_line(report, &file->lines[i], text));
        for (size_t i = 0; i < file->n_functions; i++)
                json_append(functions, make_function(report, &file->functions[i]));
        json_put(json, "lines", lines);
        json_put(json, "functions", functions);
        if (text && !text->text)
                json_put_text(json, "no_source", text->why);
        return json;
}

void lines_print_json(const struct lines_report *report)
{
        struct json_object *json = json_map(), *files = json_list();
        const struct profile *first = report->set->n > 0 ? report->set->items[0] : NULL;
        bool told = first && profile_has_settings(first);

        json_put_number(json, "samples", (int64_t)report->lines->samples);
        json_put_text(json, "mode", told ? profile_mode_name(profile_settings(first)->mode) : "");
        if (report->set->texts)
                json_put_text(json, "source", report->set->texts->origin);
        for (size_t i = 0; i < report->lines->n_files; i++)
                json_append(files, make_file_lines(report, &report->lines->files[i]));
        json_put(json, "files", files);
        json_print(json);
}
