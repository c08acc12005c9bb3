/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of comparisons: their formats, their files, and writing them. */
#include "reports.h"

#include "agent/command/cli/messages.h"
#include "agent/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void report_options_deinit(struct report_options *options)
{
        option_list_deinit(&options->formats);
        option_list_deinit(&options->files);
}

static int add_report(struct reports *reports, const struct usage *usage, const struct compare_report *format,
                      const char *path, bool judged)
{
        if (format->judged && !judged)
                return options_wrong(usage, "%s is for judgements: podflame check writes it", format->name);
        if (reports->n == sizeof reports->items / sizeof *reports->items)
                return options_wrong(usage, "that is more than one can want of --format and --output");
        reports->items[reports->n++] = (struct report_target){
                .format = format,
                .file = { .name = path ? path : "standard output", .path = path, .fd = -1 },
        };
        return GO_ON;
}

/* Takes the format off "html:FILE". */
static const struct compare_report *take_format_prefix(const char **path)
{
        for (size_t i = 0; i < compare_reports_n; i++) {
                size_t n = strlen(compare_reports[i]->name);

                if (strncmp(*path, compare_reports[i]->name, n) == 0 && (*path)[n] == ':' && (*path)[n + 1]) {
                        *path += n + 1;
                        return compare_reports[i];
                }
        }
        return NULL;
}

static int refuse_ending(const struct usage *usage, const char *path)
{
        char known[256] = "";
        size_t len = 0;

        for (size_t i = 0; i < compare_reports_n && len < sizeof known; i++)
                if (compare_reports[i]->extension)
                        len += (size_t)snprintf(known + len, sizeof known - len, " %s", compare_reports[i]->extension);
        return output_wrong_ending(usage, path, known, "text:FILE names the format");
}

static int add_report_file(struct reports *reports, const struct usage *usage, const char *path, bool judged)
{
        const struct compare_report *format = take_format_prefix(&path);

        if (!format)
                format = compare_report_by_path(path);
        if (!format)
                return refuse_ending(usage, path);
        return add_report(reports, usage, format, path, judged);
}

int reports_choose(const struct report_options *options, const struct usage *usage, bool judged, bool quiet,
                   struct reports *ret)
{
        int status = GO_ON;

        *ret = (struct reports){ .n = 0 };
        for (size_t i = 0; status == GO_ON && i < options->formats.n; i++) {
                const struct compare_report *format = compare_report_by_name(options->formats.items[i].text);

                status = format ? add_report(ret, usage, format, NULL, judged)
                                : options_wrong(usage, "--format: there is no format '%s'",
                                                options->formats.items[i].text);
        }
        if (status == GO_ON && options->formats.n == 0 && !(quiet && options->files.n > 0))
                status = add_report(ret, usage, compare_reports[0], NULL, judged);
        for (size_t i = 0; status == GO_ON && i < options->files.n; i++)
                status = add_report_file(ret, usage, options->files.items[i].text, judged);
        return status;
}

int reports_open(struct reports *reports)
{
        int status = GO_ON;

        for (size_t i = 0; status == GO_ON && i < reports->n; i++)
                if (reports->items[i].file.path)
                        status = output_open(&reports->items[i].file);
        return status;
}

static int remove_report_file(void *ctx, int index)
{
        const struct reports *reports = ctx;

        if (index < 0 || (size_t)index >= reports->n)
                return -EINVAL;
        output_remove(&reports->items[index].file);
        return 0;
}

void reports_duties(struct reports *reports, const struct outside *outside,
                    struct outside_duty duties[static OUTSIDE_DEEDS])
{
        for (size_t i = 0; i < reports->n; i++) {
                struct output *file = &reports->items[i].file;
                file->outside = outside;
                file->index = (int)i;
                if (file->made)
                        duties[OUTSIDE_REMOVE] = (struct outside_duty){ remove_report_file, reports };
        }
}

static int write_report(struct report_target *target, const struct compare_findings *c)
{
        FILE *out = stdout;
        int r = target->file.path ? output_stream(&target->file, &out) : 0;

        if (r < 0)
                return r;
        r = target->format->write(c, out);
        if (r < 0)
                clearerr(out); /* the error is reported here: the command has an exit status for it */
        if (target->file.path && fclose(out) != 0 && r == 0)
                r = -errno;
        return r;
}

bool reports_print_text(const struct reports *reports)
{
        for (size_t i = 0; i < reports->n; i++)
                if (!reports->items[i].file.path && strcmp(reports->items[i].format->name, "text") == 0)
                        return true;
        return false;
}

int reports_write(struct reports *reports, const struct compare_findings *c)
{
        for (size_t i = 0; i < reports->n; i++) {
                int r = write_report(&reports->items[i], c);

                if (r < 0)
                        return say_error("%s cannot be written: %s", reports->items[i].file.name, strerror(-r));
        }
        return GO_ON;
}

void reports_close(struct reports *reports)
{
        for (size_t i = 0; i < reports->n; i++)
                output_close(&reports->items[i].file);
}
