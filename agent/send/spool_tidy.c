/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of collectors that get nothing any more. Nobody would read them unless their collector is named again, so
 * they would stay for ever.
 *
 * Only files that look in every respect like podflame's are touched: the folder's name, owner and mode, and the files'
 * names must fit. A folder that a process uses is locked by that process.
 */
#include "agent/send/clock.h"
#include "agent/send/send.h"
#include "agent/send/spool_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The age up to which the protocol's servers accept what was written to a folder of this name. 0 if the folder is not
 * podflame's.
 */
static uint32_t max_age_of(const char *folder)
{
        const char *summary;
        size_t len = strlen(folder);

        if (len < 17 || len >= SPOOL_DESTINATION_SIZE || folder[len - 17] != '-' ||
            strspn(folder + len - 16, "0123456789abcdef") != 16)
                return 0;
        for (size_t i = 0;; i++) {
                const char *name = send_protocol_name(i, &summary);
                if (!name)
                        return 0;
                if (strncmp(folder, name, strlen(name)) == 0 && folder[strlen(name)] == '-')
                        return send_protocol_by_name(name)->max_age_s;
        }
}

/* The kinds of files in a folder, by their names. */
enum kind {
        BATCH, /* has the time of creation in its name */
        REST,  /* set aside, unfinished, or the lock */
        ALIEN, /* not podflame's: the folder is kept because of it */
};

static enum kind kind_of_file(const char *name, uint64_t *ret_created_ns)
{
        static const char *const suffixes[] = { SPOOL_ASIDE, SPOOL_TEMPORARY };

        if (send_spool_ends_with(name, SPOOL_SUFFIX) && sscanf(name, "%16" SCNx64 "-", ret_created_ns) == 1)
                return BATCH;
        for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
                if (send_spool_ends_with(name, suffixes[i]))
                        return REST;
        return strcmp(name, SPOOL_LOCK) == 0 ? REST : ALIEN;
}

struct folder {
        struct send_spool spool;
        uint64_t oldest_ns; /* older batches are deleted */
        uint64_t left;      /* batches that are not */
        bool aliens;
};

static int look_at_file(struct folder *f, const char *name, bool last)
{
        uint64_t created_ns = 0;
        enum kind kind = kind_of_file(name, &created_ns);
        bool old = kind == BATCH && created_ns < f->oldest_ns;

        f->left += kind == BATCH && !old;
        f->aliens = f->aliens || kind == ALIEN;
        return (old || (last && kind == REST)) && unlinkat(f->spool.directory, name, 0) < 0 ? -errno : 0;
}

/* Goes through the folder. @last: it has no batch any more, so the other files are deleted as well. */
static int walk_folder(struct folder *f, bool last)
{
        struct dirent **entries;
        int n = scandirat(f->spool.directory, ".", &entries, NULL, alphasort), r = 0;

        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;

                if (r == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
                        r = look_at_file(f, name, last);
                free(entries[i]);
        }
        free(entries);
        return r;
}

/* ---- folders ------------------------------------------------------------- */

/*
 * Deletes batches that are too old in the folder @name below @parent, and the folder if nothing is left. Returns the
 * number of batches left.
 */
static uint64_t tidy_folder(int parent, const char *name, uint32_t max_age_s)
{
        struct folder f = { .oldest_ns = send_wall_ns() - max_age_s * 1000000000ull };

        f.spool.directory = f.spool.lock = -1;
        snprintf(f.spool.destination, sizeof(f.spool.destination), "%.*s", SPOOL_DESTINATION_SIZE - 1, name);
        if (!send_spool_take(&f.spool, parent) && walk_folder(&f, false) == 0 && f.left == 0 && !f.aliens &&
            walk_folder(&f, true) == 0)
                unlinkat(parent, name, AT_REMOVEDIR);
        if (f.spool.directory >= 0)
                close(f.spool.directory);
        if (f.spool.lock >= 0)
                close(f.spool.lock);
        return f.left;
}

int send_spool_tidy(const char *spool, void (*left)(void *ctx, const char *folder, uint64_t batches), void *ctx)
{
        struct dirent **entries;
        int parent = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int n = parent < 0 ? -1 : scandirat(parent, ".", &entries, NULL, alphasort);

        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;
                uint32_t max_age_s = max_age_of(name);
                uint64_t batches = max_age_s > 0 ? tidy_folder(parent, name, max_age_s) : 0;

                if (batches > 0)
                        left(ctx, name, batches);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        n = n < 0 ? -errno : 0;
        if (parent >= 0)
                close(parent);
        return n;
}
