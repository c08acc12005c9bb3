/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One html file that draws a flame graph and needs nothing else, not even the network. esbuild makes the page from
 * flame/, and it is embedded here. The profile replaces the page's placeholder, as {"meta", "tree"}.
 */
#include "html.h"

#include "agent/base/base.h"
#include "embed.h"
#include "formats.h"
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#define PLACEHOLDER "@PODFLAME_PROFILE@"
#define NS_PER_MS 1000000

EMBED(format_html_page, "/flame.html");

void html_write_member(const char *key, const char *value, FILE *out)
{
        escape_json(key, out);
        putc(':', out);
        escape_json(value, out);
}

static void write_resource(const struct profile *p, FILE *out)
{
        putc('{', out);
        for (size_t i = 0; i < profile_attributes(p); i++) {
                const char *key, *value;

                profile_attribute_at(p, i, &key, &value);
                if (i > 0)
                        putc(',', out);
                html_write_member(key, value, out);
        }
        putc('}', out);
}

/* Writes the settings. Times are in milliseconds: nanoseconds would not fit JavaScript's numbers. */
static void write_settings(const struct profile_settings *settings, FILE *out)
{
        html_write_member("mode", profile_mode_name(settings->mode), out);
        if (settings->engine) {
                putc(',', out);
                html_write_member("engine", settings->engine, out);
        }
        fprintf(out, ",\"period_ns\":%" PRIu64 ",\"start_ms\":%" PRIu64 ",\"duration_ms\":%" PRIu64,
                settings->period_ns, settings->start_ns / NS_PER_MS, settings->duration_ns / NS_PER_MS);
}

int html_write_coverage(const struct profile_counters *counters, const struct profile_settings *settings, FILE *out)
{
        if (profile_coverage(counters) < 0)
                return 0;

        struct json_object *coverage = format_coverage(counters, settings->mode, settings->period_ns);
        const char *text = coverage ? json_object_to_json_string_ext(coverage, JSON_C_TO_STRING_PLAIN) : NULL;

        if (text)
                fprintf(out, ",\"coverage\":%s", text);
        json_object_put(coverage);
        return text ? 0 : -ENOMEM;
}

int html_write_meta(const struct profile_set *set, FILE *out)
{
        struct summary summary;

        summary_of(set, &summary);
        putc('{', out);
        html_write_member("version", PODFLAME_VERSION, out);
        putc(',', out);
        write_settings(&summary.settings, out);
        fprintf(out, ",\"samples\":%" PRIu64 ",\"counters\":{", summary.samples);
        for (size_t i = 0; i < SUMMARY_COUNTERS; i++)
                if (summary_counter_is_told(&summary.counters, i))
                        fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", summary_counters[i].name,
                                summary_counter_get(&summary.counters, i));
        putc('}', out);
        int r = html_write_coverage(&summary.counters, &summary.settings, out);
        fputs(",\"resources\":[", out);
        for (size_t i = 0; i < set->n; i++) {
                if (i > 0)
                        putc(',', out);
                write_resource(set->items[i], out);
        }
        fputs("]}", out);
        return r;
}

int html_write_into(const char *page, const char *end, int (*write)(const void *what, FILE *out), const void *what,
                    FILE *out)
{
        const char *place = memmem(page, (size_t)(end - page), PLACEHOLDER, strlen(PLACEHOLDER));

        if (!place)
                return -EINVAL;
        fwrite(page, 1, (size_t)(place - page), out);
        int r = write(what, out);
        if (r)
                return r;
        place += strlen(PLACEHOLDER);
        fwrite(place, 1, (size_t)(end - place), out);
        return escape_finish(out);
}

int html_write_page(int (*write)(const void *what, FILE *out), const void *what, FILE *out)
{
        return html_write_into(format_html_page, format_html_page_end, write, what, out);
}

int html_write_profile(const struct profile_set *set, FILE *out)
{
        fputs("\"meta\":", out);
        int r = html_write_meta(set, out);
        fputs(",\"tree\":", out);
        return r == 0 ? format_write_tree(set, out) : r;
}

static int write_data(const void *what, FILE *out)
{
        putc('{', out);
        int r = html_write_profile(what, out);
        putc('}', out);
        return r;
}

static int html_write(const struct profile_set *set, FILE *out)
{
        return html_write_page(write_data, set, out);
}

const struct format format_html = {
        .name = "html",
        .endings = { ".html" },
        .summary = "a flame graph in one file, for any browser",
        .write = html_write,
};
