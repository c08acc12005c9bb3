/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening ---------------------------------------------------------------- */

/* A file to be opened: that of a mapping, or a path. */
struct opening {
        pid_t pid;
        struct nsutil_map map; /* its path is owned */
        bool is_map;
        int fd; /* -1: none */
        struct source_id id;
        uid_t uid;
        int error;
};

static void read_id(struct opening *opening)
{
        struct stat st;

        if (fstat(opening->fd, &st) < 0) {
                opening->error = -errno;
                return;
        }
        opening->uid = st.st_uid;
        opening->id = (struct source_id){
                .dev = st.st_dev,
                .inode = st.st_ino,
                .size = (uint64_t)st.st_size,
                .mtime_s = st.st_mtim.tv_sec,
                .mtime_ns = st.st_mtim.tv_nsec,
                .ctime_s = st.st_ctim.tv_sec,
                .ctime_ns = st.st_ctim.tv_nsec,
        };
}

static void run_opening(void *job)
{
        struct opening *opening = job;

        opening->error = opening->is_map ? nsutil_open_map(opening->pid, &opening->map, &opening->fd)
                                         : nsutil_open_in_root_at_once(opening->pid, opening->map.path, &opening->fd);
        if (opening->error == 0)
                read_id(opening);
}

static void discard_opening(void *job)
{
        struct opening *opening = job;

        if (opening->fd >= 0)
                close(opening->fd);
        free((char *)(uintptr_t)opening->map.path);
        free(opening);
}

static int attempt_opening(pid_t pid, const struct nsutil_map *map, bool is_map, struct source *ret)
{
        static const struct nsutil_work work = { run_opening, discard_opening, true };
        struct opening *opening = malloc(sizeof(*opening));
        char *path = strdup(map->path);
        int r;

        if (!opening || !path) {
                free(opening);
                free(path);
                return -ENOMEM;
        }
        *opening = (struct opening){ .pid = pid, .map = *map, .is_map = is_map, .fd = -1 };
        opening->map.path = path;
        r = nsutil_attempt(pid, &work, opening);
        if (r != 0)
                return r;
        r = opening->error;
        if (r == 0) {
                *ret = (struct source){ opening->fd, opening->uid, opening->id };
                opening->fd = -1;
        }
        discard_opening(opening);
        return r;
}

int source_open_map(pid_t pid, const struct nsutil_map *map, struct source *ret)
{
        return attempt_opening(pid, map, true, ret);
}

int source_open_path(pid_t pid, const char *path, struct source *ret)
{
        return attempt_opening(pid, &(struct nsutil_map){ .path = path }, false, ret);
}

/* ---- reading ------------------------------------------------------------------ */

struct loading {
        int fd;
        size_t bytes_max;
        struct source_table table;
        int error;
};

static int load_best_table(struct elfsym *elf, size_t bytes_max, struct source_table *ret)
{
        static const enum elfsym_source sources[] = { ELFSYM_SYMTAB, ELFSYM_EXPORTED };
        int r = ELFSYM_E_NOT_FOUND;

        for (size_t i = 0; r > 0 && i < sizeof(sources) / sizeof(*sources); i++) {
                ret->source = sources[i];
                r = elfsym_functions_load(elf, sources[i], bytes_max, &ret->functions);
        }
        return r;
}

static void run_loading(void *job)
{
        struct loading *loading = job;
        struct elfsym *elf = NULL;
        int r = elfsym_open_fd(loading->fd, &elf);

        if (r == 0)
                r = elfsym_build_id(elf, loading->table.build_id);
        if (elf && r >= 0)
                r = load_best_table(elf, loading->bytes_max, &loading->table);
        elfsym_close(elf);
        loading->error = r < 0 ? r : 0;
}

static void discard_loading(void *job)
{
        struct loading *loading = job;

        close(loading->fd);
        elfsym_functions_free(loading->table.functions);
        free(loading);
}

int source_load(pid_t pid, int fd, size_t bytes_max, struct source_table *ret)
{
        static const struct nsutil_work work = { run_loading, discard_loading, true };
        struct loading *loading = malloc(sizeof(*loading));
        int r;

        if (!loading) {
                close(fd);
                return -ENOMEM;
        }
        *loading = (struct loading){ .fd = fd, .bytes_max = bytes_max };
        r = nsutil_attempt(pid, &work, loading);
        if (r != 0)
                return r;
        r = loading->error;
        if (r == 0) {
                *ret = loading->table;
                loading->table.functions = NULL;
        }
        discard_loading(loading);
        return r;
}

/* ---- text ------------------------------------------------------------------------ */

struct reading {
        int fd;
        uint64_t from;
        size_t max, len;
        char *text;
        int error;
};

static void run_reading(void *job)
{
        struct reading *reading = job;

        while (reading->error == 0 && reading->len < reading->max) {
                ssize_t n = TEMP_FAILURE_RETRY(pread(reading->fd, reading->text + reading->len,
                                                     reading->max - reading->len,
                                                     (off_t)(reading->from + reading->len)));

                if (n < 0)
                        reading->error = -errno;
                if (n <= 0)
                        break;
                reading->len += (size_t)n;
        }
}

static void discard_reading(void *job)
{
        struct reading *reading = job;

        close(reading->fd);
        free(reading->text);
        free(reading);
}

int source_read(pid_t pid, int fd, uint64_t from, size_t max, char **ret_text, size_t *ret_len)
{
        static const struct nsutil_work work = { run_reading, discard_reading, true };
        struct reading *reading = malloc(sizeof(*reading));
        char *text = malloc(max);
        int r;

        if (!reading || !text) {
                free(reading);
                free(text);
                close(fd);
                return -ENOMEM;
        }
        *reading = (struct reading){ .fd = fd, .from = from, .max = max, .text = text };
        r = nsutil_attempt(pid, &work, reading);
        if (r != 0)
                return r;
        r = reading->error;
        if (r == 0) {
                *ret_text = reading->text;
                *ret_len = reading->len;
                reading->text = NULL;
        }
        discard_reading(reading);
        return r;
}
