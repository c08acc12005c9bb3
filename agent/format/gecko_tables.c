/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread uses of the tables of all threads: numbered anew for each. */
#include "gecko.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED UINT32_MAX

int gecko_init(struct gecko *g, const struct tracks *tracks, FILE *out)
{
        *g = (struct gecko){ .tracks = tracks, .out = out };
        int r = trie_init(&g->own, tracks->all, tracks->timed);
        size_t frames = profile_frames(tracks->all) + 1, functions = profile_functions(tracks->all) + 1;

        if (r)
                return r;
        g->trie = &g->own;
        g->nodes = calloc(g->trie->n, sizeof(*g->nodes));
        g->node_index = calloc(g->trie->n, sizeof(*g->node_index));
        g->frames = calloc(frames, sizeof(*g->frames));
        g->frame_index = calloc(frames, sizeof(*g->frame_index));
        g->functions = calloc(functions, sizeof(*g->functions));
        g->function_index = calloc(functions, sizeof(*g->function_index));
        return g->nodes && g->node_index && g->frames && g->frame_index && g->functions && g->function_index ? 0
                                                                                                             : -ENOMEM;
}

void gecko_deinit(struct gecko *g)
{
        trie_deinit(&g->own);
        free(g->nodes);
        free(g->node_index);
        free(g->frames);
        free(g->frame_index);
        free(g->functions);
        free(g->function_index);
        free(g->spans);
}

static void use_function(struct gecko *g, profile_id id)
{
        if (g->function_index[id] == UNUSED) {
                g->function_index[id] = (uint32_t)g->functions_n;
                g->functions[g->functions_n++] = id;
        }
}

static void use_frame(struct gecko *g, profile_id id)
{
        if (g->frame_index[id] == UNUSED) {
                g->frame_index[id] = (uint32_t)g->frames_n;
                g->frames[g->frames_n++] = id;
                use_function(g, profile_frame(g->tracks->all, id)->function);
        }
}

/* Marks a node and all before it. Their numbers come later: a prefix must have a lower one. */
static void mark_nodes(struct gecko *g, uint32_t node)
{
        for (; node && g->node_index[node] == UNUSED; node = g->trie->nodes[node].parent)
                g->node_index[node] = 0;
}

static void number_nodes(struct gecko *g)
{
        for (uint32_t i = 1; i < g->trie->n; i++) {
                if (g->node_index[i] == UNUSED)
                        continue;
                g->node_index[i] = (uint32_t)g->nodes_n;
                g->nodes[g->nodes_n++] = i;
                use_frame(g, g->trie->nodes[i].frame);
        }
}

/* ---- spans --------------------------------------------------------------------------- */

/* The frame that makes a moment part of a span: the leaf that says why the thread waits, or "<GC>". 0: there is none. */
static profile_id get_span_frame(const struct profile *all, profile_id stack, bool *ret_wait)
{
        size_t n;
        const profile_id *frames = profile_stack(all, stack, &n);

        for (size_t i = 0; i < n; i++) {
                const struct profile_function *f = profile_function(all, profile_frame(all, frames[i])->function);

                *ret_wait = i == 0 && profile_reason_kind(f->name, f->file);
                if (*ret_wait || (!*f->file && strcmp(f->name, GECKO_GC) == 0))
                        return frames[i];
        }
        return 0;
}

static int append_span(struct gecko *g, const struct gecko_span *span)
{
        if (g->spans_n == g->spans_capacity) {
                size_t capacity = g->spans_capacity ? 2 * g->spans_capacity : 64;
                struct gecko_span *spans = reallocarray(g->spans, capacity, sizeof(*spans));

                if (!spans)
                        return -ENOMEM;
                g->spans = spans;
                g->spans_capacity = capacity;
        }
        g->spans[g->spans_n++] = *span;
        return 0;
}

/* A span goes on as long as moments follow one another. */
static int add_to_spans(struct gecko *g, const struct track_moment *moment)
{
        struct gecko_span span = { .start = moment->start, .end = moment->start + moment->length };
        struct gecko_span *last = g->spans_n > 0 ? &g->spans[g->spans_n - 1] : NULL;

        span.frame = get_span_frame(g->tracks->all, moment->stack, &span.wait);
        if (!span.frame)
                return 0;
        if (!last || last->frame != span.frame || last->end != span.start)
                return append_span(g, &span);
        last->end = span.end;
        return 0;
}

int gecko_choose(struct gecko *g, const struct track *track)
{
        int r = 0;

        memset(g->node_index, 0xff, g->trie->n * sizeof(*g->node_index));
        memset(g->frame_index, 0xff, (profile_frames(g->tracks->all) + 1) * sizeof(*g->frame_index));
        memset(g->function_index, 0xff, (profile_functions(g->tracks->all) + 1) * sizeof(*g->function_index));
        g->nodes_n = g->frames_n = g->functions_n = g->spans_n = 0;
        g->track = track;
        for (size_t i = 0; i < track->n; i++)
                mark_nodes(g, g->trie->of_stack[track->moments[i].stack]);
        number_nodes(g);
        for (size_t i = 0; r == 0 && g->tracks->in_time && i < track->n; i++)
                r = add_to_spans(g, &track->moments[i]);
        return r;
}
