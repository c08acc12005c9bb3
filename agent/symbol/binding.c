/* SPDX-License-Identifier: Apache-2.0 */
#include "binding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

/* Mappings of files with code of which the answer is kept: some 100 processes of 80 libraries each. */
#define BINDINGS_MAX 8192

/* How long an error counts that may pass, such as too many open files. */
#define RETRY_NS 10000000000

#define DEBUG_PATH "/usr/lib/debug/.build-id/"

static int64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- reading files ------------------------------------------------------------ */

static int error_of_opening(int r)
{
        return r == NSUTIL_E_HANGS ? SYMBOL_E_HANGS : r > 0 ? SYMBOL_E_NO_FILE : r;
}

/* Finds what is known of an open file, or reads it. The descriptor is consumed. */
static int take_source(struct bindings *bindings, pid_t pid, struct source *source, struct cache_file **ret)
{
        struct cache *cache = &bindings->cache;
        struct source_table table = { 0 };

        *ret = cache_find(cache, &source->id);
        if (*ret) {
                close(source->fd);
                cache_touch(cache, *ret);
                return 0;
        }

        int r = source_load(pid, source->fd, cache->bytes_max / 2, &table);

        return r != 0 ? error_of_opening(r) : cache_add(cache, &source->id, &table, ret);
}

/* A name for @pid's mapping comes only from a file that claims to be the same. */
static bool is_same_build(const struct cache_file *file, const char *build_id)
{
        return !build_id || strcmp(file->build_id, build_id) == 0;
}

static int take_mapped(struct bindings *bindings, const struct symbol_place *place, struct cache_file **ret)
{
        struct source source;
        int r = error_of_opening(source_open_map(place->pid, place->map, &source));

        if (r == 0)
                r = take_source(bindings, place->pid, &source, ret);
        return r == 0 && !is_same_build(*ret, place->build_id) ? SYMBOL_E_NO_FILE : r;
}

static bool is_complete(const struct cache_file *file)
{
        return file->table && file->source == ELFSYM_SYMTAB;
}

static int take_debug_file(struct bindings *bindings, pid_t pid, pid_t root, const char *build_id,
                           struct cache_file **ret)
{
        char path[sizeof(DEBUG_PATH) + ELFSYM_BUILD_ID_SIZE + sizeof("/.debug")];
        struct source source;
        int r;

        snprintf(path, sizeof(path), DEBUG_PATH "%.2s/%s.debug", build_id, build_id + 2);
        r = error_of_opening(source_open_path(root, path, &source));
        if (r == 0)
                r = take_source(bindings, pid, &source, ret);
        return r == 0 && (!is_complete(*ret) || !is_same_build(*ret, build_id)) ? SYMBOL_E_NO_FILE : r;
}

/* Only hexadecimal digits get into a path. */
static bool is_usable(const char *build_id)
{
        size_t len = strlen(build_id);

        return len > 2 && len < ELFSYM_BUILD_ID_SIZE && strspn(build_id, "0123456789abcdef") == len;
}

/* The debug file in the process's root, in the host's, or in podflame's own. */
static int take_any_debug_file(struct bindings *bindings, pid_t pid, const char *build_id, struct cache_file **ret)
{
        const pid_t roots[] = { pid, 1, getpid() };
        int r = SYMBOL_E_NO_FILE;

        for (size_t i = 0; r > 0 && is_usable(build_id) && i < sizeof(roots) / sizeof(*roots); i++)
                r = take_debug_file(bindings, pid, roots[i], build_id, ret);
        return r;
}

static int choose_file(struct bindings *bindings, const struct symbol_place *place, struct cache_file **ret)
{
        struct cache_file *mapped = NULL, *debug;
        struct source_id id;
        char build_id[ELFSYM_BUILD_ID_SIZE] = "";
        int r = take_mapped(bindings, place, &mapped);

        if (r < 0)
                return r;
        if (r == 0 && is_complete(mapped)) {
                *ret = mapped;
                return 0;
        }
        snprintf(build_id, sizeof(build_id), "%s", place->build_id ? place->build_id : r == 0 ? mapped->build_id : "");
        if (r == 0)
                id = mapped->id;

        int of_debug = take_any_debug_file(bindings, place->pid, build_id, &debug);

        if (of_debug < 0)
                return of_debug;
        if (of_debug == 0)
                *ret = debug;
        else if (r == 0) /* it may have been forgotten for the debug file */
                *ret = cache_find(&bindings->cache, &id);
        return of_debug == 0 || r != 0 ? (of_debug == 0 ? 0 : r) : *ret && (*ret)->table ? 0 : SYMBOL_E_NO_FILE;
}

/* ---- what is kept ---------------------------------------------------------------- */

static void forget_binding(struct bindings *bindings, struct binding *binding)
{
        HASH_DEL(bindings->items, binding);
        DL_DELETE(bindings->oldest, binding);
        bindings->n--;
        free(binding);
}

static void forget_bindings_of_file(void *ctx, const struct cache_file *file)
{
        struct bindings *bindings = ctx;
        struct binding *binding, *next;

        DL_FOREACH_SAFE(bindings->oldest, binding, next)
        if (binding->file == file)
                forget_binding(bindings, binding);
}

void bindings_init(struct bindings *bindings, size_t bytes_max)
{
        *bindings = (struct bindings){
                .cache = { .bytes_max = bytes_max, .forgets = forget_bindings_of_file, .ctx = bindings },
        };
}

void bindings_deinit(struct bindings *bindings)
{
        while (bindings->oldest)
                forget_binding(bindings, bindings->oldest);
        cache_deinit(&bindings->cache);
}

static struct binding_key key_of(const struct symbol_place *place)
{
        return (struct binding_key){
                .pid = (uint64_t)place->pid,
                .start_time = place->start_time,
                .map_start = place->map->start,
                .dev = place->map->dev,
                .inode = place->map->inode,
        };
}

static bool is_valid(const struct binding *binding, const struct symbol_place *place)
{
        if (binding->has_build_id != (place->build_id != NULL) ||
            (place->build_id && strcmp(binding->build_id, place->build_id) != 0))
                return false;
        return binding->file || binding->retry_at_ns == 0 || now_ns() < binding->retry_at_ns;
}

/* NULL if memory ran out. */
static struct binding *add_binding(struct bindings *bindings, const struct symbol_place *place)
{
        struct binding *binding = calloc(1, sizeof(*binding));

        if (!binding)
                return NULL;
        binding->key = key_of(place);
        binding->has_build_id = place->build_id;
        snprintf(binding->build_id, sizeof(binding->build_id), "%s", place->build_id ? place->build_id : "");
        HASH_ADD(hh, bindings->items, key, sizeof(binding->key), binding);
        if (!binding->hh.tbl) {
                free(binding);
                return NULL;
        }
        DL_APPEND(bindings->oldest, binding);
        bindings->n++;
        if (bindings->n > BINDINGS_MAX)
                forget_binding(bindings, bindings->oldest);
        return binding;
}

static int make_binding(struct bindings *bindings, const struct symbol_place *place, struct binding **ret)
{
        struct cache_file *file = NULL;
        int r = choose_file(bindings, place, &file);

        if (r == -ENOMEM)
                return r;

        struct binding *binding = add_binding(bindings, place);

        if (!binding)
                return -ENOMEM;
        binding->file = r == 0 ? file : NULL;
        binding->error = r < 0 ? SYMBOL_E_NO_FILE : r;
        binding->retry_at_ns = r < 0 ? now_ns() + RETRY_NS : 0;
        *ret = binding;
        return 0;
}

int bindings_get(struct bindings *bindings, const struct symbol_place *place, struct cache_file **ret)
{
        struct binding_key key = key_of(place);
        struct binding *binding;
        int r = 0;

        HASH_FIND(hh, bindings->items, &key, sizeof(key), binding);
        if (binding && !is_valid(binding, place)) {
                forget_binding(bindings, binding);
                binding = NULL;
        }
        if (!binding)
                r = make_binding(bindings, place, &binding);
        if (r != 0)
                return r;
        DL_DELETE(bindings->oldest, binding);
        DL_APPEND(bindings->oldest, binding);
        if (!binding->file)
                return binding->error;
        cache_touch(&bindings->cache, binding->file);
        *ret = binding->file;
        return 0;
}
