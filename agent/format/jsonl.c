/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, one object a line. The first line describes the file. Each other line is a stack, root first, with its samples
 * and their time in nanoseconds ("ns", if it is known). Lines of a timeline also have their process, thread and time.
 *
 *     {"format":"podflame jsonl","version":1,"order":"…","period_ns":10000000,"start_ns":…,"mode":"cpu"}
 *     {"samples":7,"ns":70000000,"stack":[{"name":"main","file":"/app/main.py","line":3},…]}
 *     {"pid":42,"tid":43,"process":"python3","thread":"worker","at_ns":…,"samples":1,"ns":…,"stack":[…]}
 */
#include "agent/base/base.h"
#include "formats.h"
#include "tracks.h"

#include <inttypes.h>

static void write_head(const struct profile_set *set, const struct tracks *tracks, FILE *out)
{
        const struct profile_settings *settings = set->n > 0 ? profile_settings(set->items[0]) : NULL;
        char what[96];

        tracks_describe(tracks, what, sizeof(what));
        fprintf(out, JSONL_HEAD "\"version\":1,\"order\":\"%s\",\"period_ns\":%" PRIu64, what, tracks->period_ns);
        if (settings && settings->start_ns)
                fprintf(out, ",\"start_ns\":%" PRIu64 ",\"duration_ns\":%" PRIu64, settings->start_ns,
                        settings->duration_ns);
        if (settings && set->n > 0 && profile_has_settings(set->items[0]))
                fprintf(out, ",\"mode\":\"%s\"", profile_mode_name(settings->mode));
        fprintf(out, ",\"dropped\":%" PRIu64 "}\n", tracks->dropped);
}

static void write_line_frame(const struct profile *all, profile_id id, FILE *out)
{
        static const char *const kinds[PROFILE_KINDS] = { [PROFILE_C] = "c", [PROFILE_KERNEL] = "kernel" };
        const struct profile_frame *frame = profile_frame(all, id);
        const struct profile_function *function = profile_function(all, frame->function);

        fputs("{\"name\":", out);
        escape_json(function->name, out);
        if (*function->file) {
                fputs(",\"file\":", out);
                escape_json(function->file, out);
        }
        if (frame->line)
                fprintf(out, ",\"line\":%" PRIu32, frame->line);
        if (function->first_line)
                fprintf(out, ",\"first_line\":%" PRIu32, function->first_line);
        if (function->kind != PROFILE_PYTHON)
                fprintf(out, ",\"kind\":\"%s\"", kinds[function->kind]);
        putc('}', out);
}

static void write_moment(const struct tracks *tracks, const struct track *track, const struct track_moment *moment,
                         FILE *out)
{
        size_t n;
        const profile_id *frames = profile_stack(tracks->all, moment->stack, &n);

        putc('{', out);
        if (tracks->in_time) {
                fprintf(out, "\"pid\":%" PRIu64 ",\"tid\":%" PRIu64 ",\"process\":", track->pid, track->tid);
                escape_json(track->process, out);
                fputs(",\"thread\":", out);
                escape_json(track->name, out);
                fprintf(out, ",\"at_ns\":%" PRIu64 ",", moment->start);
        }
        fprintf(out, "\"samples\":%" PRIu64 ",", moment->count);
        if (tracks->timed)
                fprintf(out, "\"ns\":%" PRIu64 ",", moment->length);
        fputs("\"stack\":[", out);
        for (size_t i = n; i-- > 0;) {
                write_line_frame(tracks->all, frames[i], out);
                if (i > 0)
                        putc(',', out);
        }
        fputs("]}\n", out);
}

static int jsonl_write(const struct profile_set *set, FILE *out)
{
        struct tracks tracks;
        int r = tracks_init(&tracks, set);

        if (r)
                return r;
        write_head(set, &tracks, out);
        for (size_t i = 0; i < tracks.n; i++)
                for (size_t k = 0; k < tracks.items[i].n; k++)
                        write_moment(&tracks, &tracks.items[i], &tracks.items[i].moments[k], out);
        tracks_deinit(&tracks);
        return escape_finish(out);
}

const struct format format_jsonl = {
        .name = "jsonl",
        .endings = { ".jsonl" },
        .summary = "JSON, one stack a line, for scripts",
        .timeline = true,
        .write = jsonl_write,
};
