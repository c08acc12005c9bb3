/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speedscope's own format (its file-format-schema.json): a table of frames, and samples as lists of indices into it,
 * root first, with their weights. A file cannot choose speedscope's first view, which is "Time Order". So merged stacks
 * come in the order of its view "Left Heavy", and the profile's name says that they are merged.
 *
 * Each profile has one more member, "counts": how many samples of podflame each of speedscope's stands for.
 */
#include "agent/base/base.h"
#include "formats.h"
#include "summary.h"
#include "tracks.h"

#include <inttypes.h>
#include <stdlib.h>

static void write_frames(const struct profile *all, FILE *out)
{
        for (profile_id id = 1; id <= profile_frames(all); id++) {
                const struct profile_frame *frame = profile_frame(all, id);
                const struct profile_function *function = profile_function(all, frame->function);

                fputs(id > 1 ? ",{\"name\":" : "{\"name\":", out);
                escape_json(function->name, out);
                if (*function->file) {
                        fputs(",\"file\":", out);
                        escape_json(function->file, out);
                }
                if (frame->line)
                        fprintf(out, ",\"line\":%" PRIu32, frame->line);
                putc('}', out);
        }
}

static void write_sample(const struct profile *all, profile_id stack, FILE *out)
{
        size_t n;
        const profile_id *frames = profile_stack(all, stack, &n);

        putc('[', out);
        for (size_t i = n; i-- > 0;)
                fprintf(out, "%" PRIu32 "%s", frames[i] - 1, i > 0 ? "," : "");
        putc(']', out);
}

/* What is written of each moment. Where nothing was sampled between two, a sample without frames stands for the time. */
enum part { PART_SAMPLES, PART_WEIGHTS, PART_COUNTS };

static void write_number(uint64_t number, FILE *out)
{
        fprintf(out, "%" PRIu64, number);
}

static void write_gap(enum part part, uint64_t length, FILE *out)
{
        if (part == PART_SAMPLES)
                fputs("[]", out);
        else
                write_number(part == PART_WEIGHTS ? length : 0, out);
}

static void write_part(const struct tracks *tracks, const struct track *track, enum part part, FILE *out)
{
        uint64_t at = 0;

        for (size_t i = 0; i < track->n; i++) {
                const struct track_moment *moment = &track->moments[i];

                if (i > 0)
                        putc(',', out);
                if (moment->start > at) {
                        write_gap(part, moment->start - at, out);
                        putc(',', out);
                }
                at = moment->start + moment->length;
                if (part == PART_SAMPLES)
                        write_sample(tracks->all, moment->stack, out);
                else
                        write_number(part == PART_WEIGHTS ? moment->length : moment->count, out);
        }
}

/* Writes the track's name; that of merged stacks is what speedscope has no other place for. */
static void write_track_name(const struct profile_set *set, const struct tracks *tracks, const struct track *track,
                             FILE *out)
{
        struct summary summary;
        char what[96];

        fputs("\"name\":", out);
        if (tracks->in_time) {
                escape_json(track->name, out);
                fprintf(out, ",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64, track->pid, track->tid);
                return;
        }
        summary_of(set, &summary);
        tracks_describe(tracks, what, sizeof(what));
        fprintf(out, "\"%s", what);
        if (profile_coverage(&summary.counters) >= 0)
                fprintf(out, "; coverage %.1f %%", 100 * profile_coverage(&summary.counters));
        putc('"', out);
}

static void write_profile(const struct profile_set *set, const struct tracks *tracks, const struct track *track,
                          FILE *out)
{
        fputs("{\"type\":\"sampled\",", out);
        write_track_name(set, tracks, track, out);
        fprintf(out, ",\"unit\":\"%s\",\"startValue\":0,\"endValue\":%" PRIu64 ",\"samples\":[",
                tracks->timed ? "nanoseconds" : "none", track_end(track));
        write_part(tracks, track, PART_SAMPLES, out);
        fputs("],\"weights\":[", out);
        write_part(tracks, track, PART_WEIGHTS, out);
        fputs("],\"counts\":[", out);
        write_part(tracks, track, PART_COUNTS, out);
        fputs("]}", out);
}

static int speedscope_write(const struct profile_set *set, FILE *out)
{
        struct tracks tracks;
        char what[96];
        int r = tracks_init(&tracks, set);

        if (r)
                return r;
        tracks_describe(&tracks, what, sizeof(what));
        fprintf(out,
                "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"podflame %s\","
                "\"name\":\"podflame: %s\",\"activeProfileIndex\":0,\"period_ns\":%" PRIu64 ",\"shared\":{\"frames\":[",
                PODFLAME_VERSION, what, tracks.period_ns);
        write_frames(tracks.all, out);
        fputs("]},\"profiles\":[", out);
        for (size_t i = 0; i < tracks.n; i++) {
                if (i > 0)
                        putc(',', out);
                write_profile(set, &tracks, &tracks.items[i], out);
        }
        fputs("]}\n", out);
        tracks_deinit(&tracks);
        return escape_finish(out);
}

const struct format format_speedscope = {
        .name = "speedscope",
        .endings = { ".speedscope.json" },
        .summary = "speedscope's own, which keeps files and lines",
        .timeline = true,
        .write = speedscope_write,
};
