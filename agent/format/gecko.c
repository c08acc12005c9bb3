/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Firefox Profiler's processed profile format, version 57 (its docs-developer/CHANGELOG-formats.md and
 * src/types/profile): tables as columns, indices between them, strings in one array for all threads. Times are
 * milliseconds. The weight of a sample is podflame's number of samples. Waits and collections of garbage are markers, if
 * there is a timeline.
 */
#include "gecko.h"

#include "agent/base/base.h"
#include "formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Frames have one of these categories, by kind; the one that is grey is the profiler's default. */
enum { CATEGORY_WAIT = PROFILE_KINDS, CATEGORY_GC, CATEGORY_OTHER, CATEGORIES };
static const struct {
        const char *name, *colour;
} categories[CATEGORIES] = {
        [PROFILE_PYTHON] = { "Python", "yellow" }, [PROFILE_C] = { "C", "blue" },
        [PROFILE_KERNEL] = { "Kernel", "green" },  [CATEGORY_WAIT] = { "Waits", "purple" },
        [CATEGORY_GC] = { "GC", "orange" },        [CATEGORY_OTHER] = { "Other", "grey" },
};

static void write_ms(uint64_t ns, FILE *out)
{
        fprintf(out, "%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
}

/* Begins column @name of a table, which is not its first member. */
static void begin_column(const char *name, FILE *out)
{
        fprintf(out, ",\"%s\":[", name);
}

/* Writes a column of @n equal values. */
static void write_constant_column(const char *name, const char *value, size_t n, FILE *out)
{
        begin_column(name, out);
        for (size_t i = 0; i < n; i++)
                fprintf(out, "%s%s", i > 0 ? "," : "", value);
        putc(']', out);
}

/* Writes a column whose values @get gives: -1 is null. */
static void write_column(const struct gecko *g, const char *name, size_t n,
                         int64_t (*get)(const struct gecko *g, size_t i))
{
        begin_column(name, g->out);
        for (size_t i = 0; i < n; i++) {
                int64_t value = get(g, i);

                if (i > 0)
                        putc(',', g->out);
                if (value < 0)
                        fputs("null", g->out);
                else
                        fprintf(g->out, "%" PRId64, value);
        }
        putc(']', g->out);
}

/* ---- samples ------------------------------------------------------------------------- */

static int64_t get_sample_stack(const struct gecko *g, size_t i)
{
        return g->node_index[g->trie->of_stack[g->track->moments[i].stack]];
}

static int64_t get_sample_weight(const struct gecko *g, size_t i)
{
        return g->track->moments[i].count <= INT64_MAX ? (int64_t)g->track->moments[i].count : INT64_MAX;
}

static void write_samples(const struct gecko *g)
{
        size_t n = g->track->n;

        fprintf(g->out, "\"samples\":{\"length\":%zu,\"weightType\":\"samples\"", n);
        write_column(g, "stack", n, get_sample_stack);
        write_column(g, "weight", n, get_sample_weight);
        begin_column("time", g->out);
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        putc(',', g->out);
                write_ms(g->tracks->timed ? g->track->moments[i].start : g->track->moments[i].start * 1000000, g->out);
        }
        putc(']', g->out);
        begin_column("ns", g->out); /* podflame's own: the time that each sample stands for */
        for (size_t i = 0; i < n; i++)
                fprintf(g->out, "%s%" PRIu64, i > 0 ? "," : "", g->tracks->timed ? g->track->moments[i].length : 0);
        fputs("]},", g->out);
}

/* ---- tables -------------------------------------------------------------------------- */

static int64_t get_stack_frame(const struct gecko *g, size_t i)
{
        return g->frame_index[g->trie->nodes[g->nodes[i]].frame];
}

static int64_t get_stack_prefix(const struct gecko *g, size_t i)
{
        uint32_t parent = g->trie->nodes[g->nodes[i]].parent;

        return parent ? (int64_t)g->node_index[parent] : -1;
}

static const struct profile_function *get_function_of(const struct gecko *g, size_t i)
{
        return profile_function(g->tracks->all, profile_frame(g->tracks->all, g->frames[i])->function);
}

static int64_t get_category(const struct gecko *g, size_t i)
{
        const struct profile_function *function = get_function_of(g, i);

        if (profile_reason_kind(function->name, function->file))
                return CATEGORY_WAIT;
        return !*function->file && strcmp(function->name, GECKO_GC) == 0 ? CATEGORY_GC : (int64_t)function->kind;
}

static int64_t get_frame_function(const struct gecko *g, size_t i)
{
        return g->function_index[profile_frame(g->tracks->all, g->frames[i])->function];
}

static int64_t get_frame_line(const struct gecko *g, size_t i)
{
        uint32_t line = profile_frame(g->tracks->all, g->frames[i])->line;

        return line ? (int64_t)line : -1;
}

static int64_t get_function_name(const struct gecko *g, size_t i)
{
        return (int64_t)g->functions[i] * 2 - 2;
}

static int64_t get_function_file(const struct gecko *g, size_t i)
{
        return *profile_function(g->tracks->all, g->functions[i])->file ? (int64_t)g->functions[i] * 2 - 1 : -1;
}

static int64_t get_function_line(const struct gecko *g, size_t i)
{
        uint32_t line = profile_function(g->tracks->all, g->functions[i])->first_line;

        return line ? (int64_t)line : -1;
}

static void write_tables(const struct gecko *g)
{
        FILE *out = g->out;

        fprintf(out, "\"stackTable\":{\"length\":%zu", g->nodes_n);
        write_column(g, "frame", g->nodes_n, get_stack_frame);
        write_column(g, "prefix", g->nodes_n, get_stack_prefix);
        fprintf(out, "},\"frameTable\":{\"length\":%zu", g->frames_n);
        write_column(g, "func", g->frames_n, get_frame_function);
        write_column(g, "category", g->frames_n, get_category);
        write_column(g, "line", g->frames_n, get_frame_line);
        write_constant_column("address", "-1", g->frames_n, out);
        write_constant_column("inlineDepth", "0", g->frames_n, out);
        write_constant_column("subcategory", "0", g->frames_n, out);
        write_constant_column("nativeSymbol", "null", g->frames_n, out);
        write_constant_column("innerWindowID", "0", g->frames_n, out);
        write_constant_column("column", "null", g->frames_n, out);
        fprintf(out, "},\"funcTable\":{\"length\":%zu", g->functions_n);
        write_column(g, "name", g->functions_n, get_function_name);
        write_column(g, "fileName", g->functions_n, get_function_file);
        write_column(g, "lineNumber", g->functions_n, get_function_line);
        write_constant_column("isJS", "false", g->functions_n, out);
        write_constant_column("relevantForJS", "false", g->functions_n, out);
        write_constant_column("resource", "-1", g->functions_n, out);
        write_constant_column("columnNumber", "null", g->functions_n, out);
        fputs("},\"resourceTable\":{\"length\":0,\"lib\":[],\"name\":[],\"host\":[],\"type\":[]},"
              "\"nativeSymbols\":{\"length\":0,\"libIndex\":[],\"address\":[],\"name\":[],\"functionSize\":[]},",
              out);
}

/* ---- markers ------------------------------------------------------------------------- */

static int64_t get_span_name(const struct gecko *g, size_t i)
{
        return (int64_t)profile_frame(g->tracks->all, g->spans[i].frame)->function * 2 - 2;
}

static int64_t get_span_category(const struct gecko *g, size_t i)
{
        return g->spans[i].wait ? CATEGORY_WAIT : CATEGORY_GC;
}

static void write_markers(const struct gecko *g)
{
        fprintf(g->out, "\"markers\":{\"length\":%zu", g->spans_n);
        write_column(g, "name", g->spans_n, get_span_name);
        write_column(g, "category", g->spans_n, get_span_category);
        write_constant_column("phase", "1", g->spans_n, g->out);
        write_constant_column("data", "{\"type\":\"span\"}", g->spans_n, g->out);
        begin_column("startTime", g->out);
        for (size_t i = 0; i < g->spans_n; i++) {
                fputs(i > 0 ? "," : "", g->out);
                write_ms(g->spans[i].start, g->out);
        }
        fputs("],\"endTime\":[", g->out);
        for (size_t i = 0; i < g->spans_n; i++) {
                fputs(i > 0 ? "," : "", g->out);
                write_ms(g->spans[i].end, g->out);
        }
        fputs("]}", g->out);
}

/* ---- the document -------------------------------------------------------------------- */

static int write_thread(struct gecko *g, const struct track *track)
{
        int r = gecko_choose(g, track);

        if (r)
                return r;
        fputs("{\"processType\":\"default\",\"processStartupTime\":0,\"processShutdownTime\":null,\"registerTime\":0,"
              "\"unregisterTime\":null,\"pausedRanges\":[],\"name\":",
              g->out);
        escape_json(track->name, g->out);
        fputs(",\"processName\":", g->out);
        escape_json(*track->process ? track->process : "Python", g->out);
        fprintf(g->out, ",\"isMainThread\":%s,\"pid\":\"%" PRIu64 "\",\"tid\":%" PRIu64 ",",
                track->pid == track->tid ? "true" : "false", track->pid, track->tid);
        write_samples(g);
        write_tables(g);
        write_markers(g);
        putc('}', g->out);
        return 0;
}

static void write_meta(const struct tracks *tracks, FILE *out)
{
        char what[96];

        tracks_describe(tracks, what, sizeof(what));
        fputs("{\"meta\":{\"interval\":", out);
        write_ms(tracks->period_ns ? tracks->period_ns : 1000000, out);
        fputs(",\"startTime\":", out);
        write_ms(tracks->start_ns, out);
        fprintf(out,
                ",\"version\":31,\"preprocessedProfileVersion\":57,\"processType\":0,\"stackwalk\":0,"
                "\"product\":\"podflame: %s\",\"importedFrom\":\"podflame %s\",\"debug\":false,\"toolkit\":\"\","
                "\"abi\":\"\",\"misc\":\"\",\"oscpu\":\"\",\"platform\":\"Linux\",\"appBuildID\":\"\",\"symbolicated\":"
                "true,"
                "\"extensions\":{\"length\":0,\"id\":[],\"name\":[],\"baseURL\":[]},"
                "\"markerSchema\":[{\"name\":\"span\",\"display\":[\"marker-chart\",\"marker-table\","
                "\"timeline-overview\"],\"fields\":[]}],\"categories\":[",
                what, PODFLAME_VERSION);
        for (size_t i = 0; i < CATEGORIES; i++)
                fprintf(out, "%s{\"name\":\"%s\",\"color\":\"%s\",\"subcategories\":[\"Other\"]}", i > 0 ? "," : "",
                        categories[i].name, categories[i].colour);
        fputs("]},\"libs\":[],\"pages\":[],\"shared\":{\"stringArray\":[", out);
        for (profile_id id = 1; id <= profile_functions(tracks->all); id++) {
                const struct profile_function *function = profile_function(tracks->all, id);

                fputs(id > 1 ? "," : "", out);
                escape_json(function->name, out);
                putc(',', out);
                escape_json(function->file, out);
        }
        fputs("]},\"threads\":[", out);
}

static int gecko_write(const struct profile_set *set, FILE *out)
{
        struct tracks tracks;
        struct gecko g;
        int r = tracks_init(&tracks, set);

        if (r)
                return r;
        r = gecko_init(&g, &tracks, out);
        if (r == 0)
                write_meta(&tracks, out);
        for (size_t i = 0; r == 0 && i < tracks.n; i++) {
                if (i > 0)
                        putc(',', out);
                r = write_thread(&g, &tracks.items[i]);
        }
        fputs("]}\n", out);
        gecko_deinit(&g);
        tracks_deinit(&tracks);
        return r ? r : escape_finish(out);
}

const struct format format_gecko = {
        .name = "gecko",
        .endings = { ".gecko.json" },
        .summary = "for the Firefox Profiler",
        .timeline = true,
        .write = gecko_write,
};
