/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translates ids of one profile to ids of another, by arrays. A thing is interned when its id is first asked for, so
 * that translating a part of a profile costs only that part.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

static size_t depth_of_deepest_stack(const struct profile *p)
{
        size_t most = 0;

        for (uint32_t id = 1; id <= p->stacks.n; id++) {
                size_t n;

                profile_stack(p, id, &n);
                most = n > most ? n : most;
        }
        return most;
}

int profile_map_init(struct profile_map *map, struct profile *to, const struct profile *from)
{
        *map = (struct profile_map){
                .to = to,
                .from = from,
                .functions = calloc(from->functions.n + 1, sizeof(profile_id)),
                .frames = calloc(from->frames.n + 1, sizeof(profile_id)),
                .stacks = calloc(from->stacks.n + 1, sizeof(profile_id)),
                .threads = calloc(from->threads.n + 1, sizeof(profile_id)),
                .path = calloc(depth_of_deepest_stack(from) + 1, sizeof(profile_id)),
        };
        if (map->functions && map->frames && map->stacks && map->threads && map->path)
                return 0;
        profile_map_deinit(map);
        return -ENOMEM;
}

void profile_map_deinit(struct profile_map *map)
{
        free(map->functions);
        free(map->frames);
        free(map->stacks);
        free(map->threads);
        free(map->path);
        *map = (struct profile_map){ 0 };
}

static int map_function(struct profile_map *map, profile_id id)
{
        struct profile_function f = *profile_function(map->from, id);

        if (map->rename)
                map->rename(map->ctx, &f);
        if (map->no_lines) {
                f.first_line = 0;
                f.build_id = "";
        }
        return profile_copy_function(map->to, &f, &map->functions[id]);
}

static int map_frame(struct profile_map *map, profile_id id)
{
        const struct profile_frame *frame = profile_frame(map->from, id);
        int r = map->functions[frame->function] ? 0 : map_function(map, frame->function);

        if (r < 0)
                return r;

        struct profile_frame copy = { .function = map->functions[frame->function] };

        if (!map->no_lines) {
                copy.line = frame->line;
                copy.address = frame->address;
        }
        return profile_copy_frame(map->to, &copy, &map->frames[id]);
}

static int map_stack(struct profile_map *map, profile_id id)
{
        size_t n;
        const profile_id *frames = profile_stack(map->from, id, &n);

        for (size_t i = 0; i < n; i++) {
                int r = map->frames[frames[i]] ? 0 : map_frame(map, frames[i]);

                if (r < 0)
                        return r;
                map->path[i] = map->frames[frames[i]];
        }
        return profile_intern_stack(map->to, map->path, n, &map->stacks[id]);
}

static int map_thread(struct profile_map *map, profile_id id)
{
        uint64_t tid;
        const char *name;

        profile_thread(map->from, id, &tid, &name);
        return profile_intern_thread(map->to, tid, name, &map->threads[id]);
}

/* Translates @id. 0 means none and stays 0. */
static int look_up(struct profile_map *map, const profile_id *ids, profile_id id,
                   int (*add)(struct profile_map *map, profile_id id), profile_id *ret)
{
        int r = id == 0 || ids[id] ? 0 : add(map, id);

        if (r == 0)
                *ret = ids[id];
        return r;
}

int profile_map_frame(struct profile_map *map, profile_id id, profile_id *ret)
{
        return look_up(map, map->frames, id, map_frame, ret);
}

int profile_map_stack(struct profile_map *map, profile_id id, profile_id *ret)
{
        return look_up(map, map->stacks, id, map_stack, ret);
}

int profile_map_thread(struct profile_map *map, profile_id id, profile_id *ret)
{
        return look_up(map, map->threads, id, map_thread, ret);
}

int profile_map_frames(struct profile_map *map)
{
        int r = 0;

        for (uint32_t id = 1; r == 0 && id <= map->from->frames.n; id++)
                r = map->frames[id] ? 0 : map_frame(map, id);
        return r;
}

int profile_map_all(struct profile_map *map, bool threads)
{
        int r = 0;

        for (uint32_t id = 1; r == 0 && id <= map->from->functions.n; id++)
                r = map->functions[id] ? 0 : map_function(map, id);
        if (r == 0)
                r = profile_map_frames(map);
        for (uint32_t id = 1; r == 0 && id <= map->from->stacks.n; id++)
                r = map->stacks[id] ? 0 : map_stack(map, id);
        for (uint32_t id = 1; r == 0 && threads && id <= map->from->threads.n; id++)
                r = map->threads[id] ? 0 : map_thread(map, id);
        return r;
}
