/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- tables ----------------------------------------------------------------- */

static void release_table(struct cache *cache, struct cache_table *table)
{
        if (!table || --table->files > 0)
                return;
        cache->bytes -= table->bytes;
        DL_DELETE(cache->tables, table);
        elfsym_functions_free(table->functions);
        free(table);
}

static struct cache_table *get_equal_table(struct cache *cache, const struct elfsym_functions *functions)
{
        struct cache_table *table;

        DL_FOREACH(cache->tables, table)
                if (elfsym_functions_equal(table->functions, functions))
                        return table;
        return NULL;
}

/* Consumes @functions. NULL if memory ran out. */
static struct cache_table *share_table(struct cache *cache, struct elfsym_functions *functions)
{
        struct cache_table *table = get_equal_table(cache, functions);

        if (table) {
                elfsym_functions_free(functions);
                table->files++;
                return table;
        }
        table = calloc(1, sizeof(*table));
        if (!table) {
                elfsym_functions_free(functions);
                return NULL;
        }
        table->functions = functions;
        table->bytes = sizeof(*table) + elfsym_functions_bytes(functions);
        table->files = 1;
        cache->bytes += table->bytes;
        DL_APPEND(cache->tables, table);
        return table;
}

/* ---- files -------------------------------------------------------------------- */

static void forget_file(struct cache *cache, struct cache_file *file)
{
        HASH_DEL(cache->files, file);
        DL_DELETE(cache->oldest, file);
        if (cache->forgets)
                cache->forgets(cache->ctx, file);
        release_table(cache, file->table);
        cache->bytes -= sizeof(*file);
        free(file);
}

void cache_deinit(struct cache *cache)
{
        cache->forgets = NULL;
        while (cache->oldest)
                forget_file(cache, cache->oldest);
}

void cache_touch(struct cache *cache, struct cache_file *file)
{
        DL_DELETE(cache->oldest, file);
        DL_APPEND(cache->oldest, file);
}

static bool append_file(struct cache *cache, struct cache_file *file)
{
        HASH_ADD(hh, cache->files, id, sizeof(file->id), file);
        if (!file->hh.tbl)
                return false;
        DL_APPEND(cache->oldest, file);
        return true;
}

struct cache_file *cache_find(struct cache *cache, const struct source_id *id)
{
        struct cache_file *file;

        HASH_FIND(hh, cache->files, id, sizeof(*id), file);
        return file;
}

int cache_add(struct cache *cache, const struct source_id *id, struct source_table *table, struct cache_file **ret)
{
        struct cache_file *file = calloc(1, sizeof(*file));

        if (!file) {
                elfsym_functions_free(table->functions);
                return -ENOMEM;
        }
        file->id = *id;
        file->source = table->source;
        memcpy(file->build_id, table->build_id, sizeof(file->build_id));
        if (table->functions) {
                file->table = share_table(cache, table->functions);
                if (!file->table) {
                        free(file);
                        return -ENOMEM;
                }
        }
        if (!append_file(cache, file)) {
                release_table(cache, file->table);
                free(file);
                return -ENOMEM;
        }
        cache->bytes += sizeof(*file);
        while (cache->bytes > cache->bytes_max && cache->oldest != file)
                forget_file(cache, cache->oldest);
        *ret = file;
        return 0;
}
