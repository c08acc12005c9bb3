/* SPDX-License-Identifier: Apache-2.0 */
/* Tracks of threads and their moments, or one track of merged stacks. */
#include "tracks.h"

#include "flat.h"
#include "summary.h"
#include "trie.h"
#include "walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int append_track(struct tracks *tracks, const char *process, uint64_t pid, const char *name, uint64_t tid)
{
        struct track *items = reallocarray(tracks->items, tracks->n + 1, sizeof(*items));

        if (!items)
                return -ENOMEM;
        tracks->items = items;
        items[tracks->n] = (struct track){ .name = strdup(name), .process = strdup(process), .pid = pid, .tid = tid };
        const struct track *track = &items[tracks->n++];
        return track->name && track->process ? 0 : -ENOMEM;
}

static int append_moment(struct track *track, const struct track_moment *moment)
{
        if (track->n == track->capacity) {
                size_t capacity = track->capacity ? 2 * track->capacity : 64;
                struct track_moment *moments = reallocarray(track->moments, capacity, sizeof(*moments));

                if (!moments)
                        return -ENOMEM;
                track->moments = moments;
                track->capacity = capacity;
        }
        track->moments[track->n++] = *moment;
        return 0;
}

/* ---- merged stacks ------------------------------------------------------------------ */

/* The nodes on the way from the root to the one that is visited, each with a stack that ends at it. */
struct visit {
        struct track *track;
        const struct trie *trie;
        const profile_id *stack_of; /* by node; 0: no stack ends there */
        uint64_t at;
};

/*
 * Appends the stack that ends at a node. It comes behind all longer ones, so that a frame and its descendants are drawn
 * as in the view that puts the heaviest child first.
 */
static int leave_node(struct visit *visit, uint32_t node)
{
        const struct trie_node *n = &visit->trie->nodes[node];
        struct track_moment moment = { visit->at, n->self, n->self_count, visit->stack_of[node] };

        if (n->self_count == 0)
                return 0;
        visit->at += n->self;
        return append_moment(visit->track, &moment);
}

static int lay_out_nodes(struct visit *visit)
{
        const struct trie *trie = visit->trie;
        uint32_t open = 0;
        int r = 0;

        for (uint32_t i = 1; r == 0 && i < trie->n; i++) {
                for (; r == 0 && open && open != trie->nodes[i].parent; open = trie->nodes[open].parent)
                        r = leave_node(visit, open);
                open = i;
        }
        for (; r == 0 && open; open = trie->nodes[open].parent)
                r = leave_node(visit, open);
        return r;
}

static int add_merged_track(struct tracks *tracks, const struct profile_set *set)
{
        struct flat flat = { 0 };
        struct trie trie = { 0 };
        profile_id *stack_of = NULL;
        int r = append_track(tracks, "", 0, "merged stacks", 0);

        if (r == 0)
                r = flat_init(&flat, set);
        tracks->all = flat.profile;
        tracks->timed = flat.timed;
        if (r == 0)
                r = trie_init(&trie, flat.profile, flat.timed);
        if (r == 0)
                stack_of = calloc(trie.n, sizeof(*stack_of));
        if (r == 0 && !stack_of)
                r = -ENOMEM;
        for (profile_id id = 1; r == 0 && id <= profile_stacks(flat.profile); id++)
                stack_of[trie.of_stack[id]] = id;
        if (r == 0)
                r = lay_out_nodes(&(struct visit){ .track = tracks->items, .trie = &trie, .stack_of = stack_of });
        free(stack_of);
        trie_deinit(&trie);
        return r;
}

/* ---- timelines ---------------------------------------------------------------------- */

/* The stack of an idle thread whose leaf does not say why it does not run: with "(idle)" as its leaf. */
static int intern_idle_stack(struct profile *all, profile_id stack, profile_id *ret)
{
        size_t n;
        const profile_id *frames = profile_stack(all, stack, &n);
        profile_id *longer = malloc((n + 1) * sizeof(*longer)), function;
        const struct profile_function *leaf = profile_function(all, profile_frame(all, frames[0])->function);
        int r = longer ? 0 : -ENOMEM;

        *ret = stack;
        if (r == 0 && strcmp(leaf->name, WALK_IDLE) != 0 && !profile_reason_kind(leaf->name, leaf->file)) {
                memcpy(longer + 1, frames, n * sizeof(*frames));
                r = profile_intern_function(all, WALK_IDLE, "", 0, &function);
                if (r == 0)
                        r = profile_intern_frame(all, function, 0, &longer[0]);
                if (r == 0)
                        r = profile_intern_stack(all, longer, n + 1, ret);
        }
        free(longer);
        return r;
}

static int add_thread_tracks(struct tracks *tracks, const struct profile *p)
{
        const char *name = profile_attribute(p, "process.executable.name"), *pid = profile_attribute(p, "process.pid");
        uint64_t number = pid ? summary_number(pid) : 0;
        int r = append_track(tracks, name ? name : "", number, "tasks, and what has no thread", number);

        for (profile_id id = 1; r == 0 && id <= profile_threads(p); id++) {
                const char *thread;
                uint64_t tid;

                profile_thread(p, id, &tid, &thread);
                r = append_track(tracks, name ? name : "", number, thread && *thread ? thread : "thread", tid);
        }
        return r;
}

static int by_start(const void *a, const void *b)
{
        const struct track_moment *x = a, *y = b;

        return (x->start > y->start) - (x->start < y->start);
}

/*
 * A moment may begin before the one before it ends: a sample stands for the mean time between two of them, not for the
 * one that has passed. It is moved by so many periods at most.
 */
#define MOVED_MAX 4
#define MOVED_ANY (UINT64_MAX / 2) /* of a thread, which does one thing at a time */
#define LANES_MAX 4096             /* tracks of one thread; more moments at a time than that are moved further */

/* The tracks of one thread: more than one if it waits in several tasks at a time. */
struct lanes {
        size_t *tracks; /* indices */
        size_t n;
        uint64_t slack;
};

/* The first lane that has room at @start, or a new one, of the thread that has track @first. */
static int choose_lane(struct tracks *tracks, struct lanes *lanes, size_t first, uint64_t start, size_t *ret)
{
        const struct track *track = &tracks->items[first];
        char name[128];
        int r = 0;

        for (size_t i = 0; i < lanes->n; i++) {
                *ret = lanes->tracks[i];
                if (track_end(&tracks->items[*ret]) <= start + lanes->slack)
                        return 0;
        }
        if (lanes->n == LANES_MAX)
                return 0;
        *ret = first;
        if (lanes->n > 0) {
                snprintf(name, sizeof(name), "%s (at the same time: %zu)", track->name, lanes->n + 1);
                *ret = tracks->n;
                r = append_track(tracks, track->process, track->pid, name, track->tid);
        }
        lanes->tracks[lanes->n++] = *ret;
        return r;
}

/* Puts the moments of track @first in order, so that none overlaps another. Their lengths stay. */
static int arrange_moments(struct tracks *tracks, size_t first, uint64_t slack)
{
        struct track *track = &tracks->items[first];
        struct track_moment *moments = track->moments;
        size_t n = track->n, lane;
        struct lanes lanes = { .tracks = calloc(LANES_MAX, sizeof(*lanes.tracks)), .slack = slack };
        int r = lanes.tracks ? 0 : -ENOMEM;

        track->moments = NULL;
        track->n = track->capacity = 0;
        if (n > 0)
                qsort(moments, n, sizeof(*moments), by_start);
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = choose_lane(tracks, &lanes, first, moments[i].start, &lane);
                if (r == 0) {
                        uint64_t end = track_end(&tracks->items[lane]);

                        moments[i].start = moments[i].start < end ? end : moments[i].start;
                        r = append_moment(&tracks->items[lane], &moments[i]);
                }
        }
        free(moments);
        free(lanes.tracks);
        return r;
}

/* Appends a moment to its thread's track. The tracks of @p begin at @first: that of no thread, then thread 1, and so on. */
static int add_moment(struct tracks *tracks, const struct profile *p, const struct profile_moment *from, size_t first,
                      struct profile_map *map)
{
        uint64_t length = from->nanoseconds < from->end_ns ? from->nanoseconds : from->end_ns;
        struct track_moment moment = {
                .start = profile_settings(p)->start_ns - tracks->start_ns + from->end_ns - length,
                .length = from->nanoseconds,
                .count = from->count,
        };
        int r = profile_map_stack(map, from->stack, &moment.stack);

        if (r == 0 && from->state == PROFILE_IDLE)
                r = intern_idle_stack(tracks->all, moment.stack, &moment.stack);
        return r < 0 ? r : append_moment(&tracks->items[first + from->thread], &moment);
}

static int add_timeline(struct tracks *tracks, const struct profile *p)
{
        size_t first = tracks->n, n;
        uint64_t dropped;
        const struct profile_moment *moments = profile_moments(p, &n, &dropped);
        struct profile_map map = { 0 };
        int r = add_thread_tracks(tracks, p);
        size_t behind = tracks->n;

        if (r == 0)
                r = profile_map_init(&map, tracks->all, p);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_moment(tracks, p, &moments[i], first, &map);
        for (size_t i = first; r == 0 && i < behind; i++)
                r = arrange_moments(tracks, i, i == first ? MOVED_MAX * profile_settings(p)->period_ns : MOVED_ANY);
        tracks->dropped += dropped;
        profile_map_deinit(&map);
        return r;
}

static int add_timelines(struct tracks *tracks, const struct profile_set *set)
{
        int r = 0;

        tracks->in_time = tracks->timed = true;
        tracks->all = profile_new();
        for (size_t i = 0; i < set->n; i++) {
                uint64_t start = profile_settings(set->items[i])->start_ns;

                if (profile_has_timeline(set->items[i]) && (!tracks->start_ns || start < tracks->start_ns))
                        tracks->start_ns = start;
        }
        if (!tracks->all)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < set->n; i++)
                if (profile_has_timeline(set->items[i]))
                        r = add_timeline(tracks, set->items[i]);
        return r;
}

/* ------------------------------------------------------------------------------------- */

static void free_track(struct track *track)
{
        free(track->name);
        free(track->process);
        free(track->moments);
}

/* Removes the tracks of threads that have no moments. */
static void remove_empty_tracks(struct tracks *tracks)
{
        size_t kept = 0;

        for (size_t i = 0; i < tracks->n; i++) {
                if (tracks->items[i].n > 0)
                        tracks->items[kept++] = tracks->items[i];
                else
                        free_track(&tracks->items[i]);
        }
        tracks->n = kept;
}

/* Whether all samples have their time. Profiles of processes that could not be read have no samples. */
static bool has_timelines(const struct profile_set *set)
{
        bool any = false;

        for (size_t i = 0; i < set->n; i++) {
                bool has = profile_has_timeline(set->items[i]);

                any = any || has;
                if (!has && profile_samples(set->items[i]) > 0)
                        return false;
        }
        return any;
}

int tracks_init(struct tracks *tracks, const struct profile_set *set)
{
        bool in_time = has_timelines(set);

        *tracks = (struct tracks){ .period_ns = set->n > 0 ? profile_settings(set->items[0])->period_ns : 0 };
        int r = in_time ? add_timelines(tracks, set) : add_merged_track(tracks, set);
        if (r)
                tracks_deinit(tracks);
        else if (in_time)
                remove_empty_tracks(tracks);
        return r;
}

void tracks_deinit(struct tracks *tracks)
{
        for (size_t i = 0; i < tracks->n; i++)
                free_track(&tracks->items[i]);
        free(tracks->items);
        profile_free(tracks->all);
        *tracks = (struct tracks){ 0 };
}

void tracks_describe(const struct tracks *tracks, char *ret, size_t size)
{
        if (!tracks->in_time)
                snprintf(ret, size, "merged stacks, the heaviest first: the order is not that of time");
        else if (tracks->dropped)
                snprintf(ret, size, "timeline, %" PRIu64 " samples had no room", tracks->dropped);
        else
                snprintf(ret, size, "timeline");
}

uint64_t track_end(const struct track *track)
{
        return track->n > 0 ? track->moments[track->n - 1].start + track->moments[track->n - 1].length : 0;
}
