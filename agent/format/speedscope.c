/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speedscope's own format (its file-format-schema.json): a table of frames, and samples as lists of indices into it,
 * root first. The table comes first in the file, but is known last. So samples go to a memory stream, while the frames
 * that they name are collected.
 */
#include "agent/base/base.h"
#include "formats.h"
#include "summary.h"
#include "walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* A frame as one key: no name or file has a NUL. */
struct known {
        size_t index;
        UT_hash_handle hh;
        size_t len;
        char key[];
};

struct speedscope {
        FILE *frames, *samples, *weights;
        struct known *known;
        size_t n;
        uint64_t total;
        bool begun;
};

static struct known *make_frame_key(const struct walk_frame *frame)
{
        size_t name = strlen(frame->name) + 1, file = strlen(frame->file) + 1;
        size_t len = name + file + sizeof frame->line;
        struct known *known = malloc(sizeof *known + len);

        if (!known)
                return NULL;
        known->len = len;
        memcpy(known->key, frame->name, name);
        memcpy(known->key + name, frame->file, file);
        memcpy(known->key + name + file, &frame->line, sizeof frame->line);
        return known;
}

static void write_frame(const struct walk_frame *frame, bool first, FILE *out)
{
        fputs(first ? "{\"name\":" : ",{\"name\":", out);
        escape_json(frame->name, out);
        if (*frame->file) {
                fputs(",\"file\":", out);
                escape_json(frame->file, out);
        }
        if (frame->line)
                fprintf(out, ",\"line\":%" PRIu32, frame->line);
        putc('}', out);
}

static int get_or_add_frame(struct speedscope *s, const struct walk_frame *frame, size_t *ret)
{
        struct known *key = make_frame_key(frame), *known;

        if (!key)
                return -ENOMEM;
        HASH_FIND(hh, s->known, key->key, key->len, known);
        if (known) {
                free(key);
        } else {
                known = key;
                HASH_ADD_KEYPTR(hh, s->known, known->key, known->len, known);
                if (!known->hh.tbl) {
                        free(known);
                        return -ENOMEM;
                }
                known->index = s->n++;
                write_frame(frame, known->index == 0, s->frames);
        }
        *ret = known->index;
        return 0;
}

static int add_speedscope_sample(void *ctx, const struct walk_frame *frames, size_t n, uint64_t count)
{
        struct speedscope *s = ctx;

        fputs(s->begun ? ",[" : "[", s->samples);
        for (size_t i = 0; i < n; i++) {
                size_t index;
                int r = get_or_add_frame(s, &frames[i], &index);
                if (r < 0)
                        return r;
                fprintf(s->samples, "%s%zu", i > 0 ? "," : "", index);
        }
        putc(']', s->samples);
        fprintf(s->weights, "%s%" PRIu64, s->begun ? "," : "", count);
        s->total += count;
        s->begun = true;
        return 0;
}

static void forget_frames(struct speedscope *s)
{
        struct known *known, *next;

        HASH_ITER(hh, s->known, known, next) {
                HASH_DEL(s->known, known);
                free(known);
        }
}

/* Makes the profile's name, the only text that speedscope shows. */
static void name_profile(const struct profile_set *set, char *ret, size_t size)
{
        struct summary summary;

        summary_of(set, &summary);
        double coverage = profile_coverage(&summary.counters);
        if (coverage < 0)
                snprintf(ret, size, "podflame");
        else
                snprintf(ret, size, "podflame, coverage %.1f %%", 100 * coverage);
}

static int write_document(FILE *out, const struct speedscope *s, const char *name, char *const texts[3])
{
        fprintf(out,
                "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"podflame %s\","
                "\"shared\":{\"frames\":[%s]},\"profiles\":[{\"type\":\"sampled\",\"name\":\"%s\",\"unit\":\"none\","
                "\"startValue\":0,\"endValue\":%" PRIu64 ",\"samples\":[%s],\"weights\":[%s]}]}\n",
                PODFLAME_VERSION, texts[0], name, s->total, texts[1], texts[2]);
        return escape_finish(out);
}

static int close_stream(FILE *stream, int r)
{
        return stream && fclose(stream) == 0 ? r : -ENOMEM;
}

static int speedscope_write(const struct profile_set *set, FILE *out)
{
        char *texts[3] = { NULL }, name[64];
        size_t lens[3];
        struct speedscope s = {
                .frames = open_memstream(&texts[0], &lens[0]),
                .samples = open_memstream(&texts[1], &lens[1]),
                .weights = open_memstream(&texts[2], &lens[2]),
        };
        int r = s.frames && s.samples && s.weights ? walk_samples(set, add_speedscope_sample, &s) : -ENOMEM;

        r = close_stream(s.frames, r);
        r = close_stream(s.samples, r);
        r = close_stream(s.weights, r);
        name_profile(set, name, sizeof name);
        if (r == 0)
                r = write_document(out, &s, name, texts);
        for (size_t i = 0; i < 3; i++)
                free(texts[i]);
        forget_frames(&s);
        return r;
}

const struct format format_speedscope = {
        .name = "speedscope",
        .endings = { ".speedscope.json" },
        .summary = "speedscope's own, which keeps files and lines",
        .write = speedscope_write,
};
