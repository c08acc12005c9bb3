/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a spool back. A file may have been cut by a crash, damaged by a disk, or put there by people. So all of it is
 * checked at the start, and again before it is sent. A file that is no batch of podflame is set aside.
 */
#include "agent/send/spool_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files are set aside for people to look at. More than this many say nothing new, and fill the disk. */
#define ASIDE_MAX 16
#define ASIDE_MAX_BYTES ((uint64_t)16 << 20)

/* A larger file is not podflame's. */
#define FILE_MAX (SEND_SPOOL_FILE_PREFIX_MAX + SEND_SPOOL_FILE_MAX_BODY)

static int read_exactly(int fd, uint8_t *data, size_t len)
{
        while (len > 0) {
                ssize_t n = read(fd, data, len);

                if (n == 0)
                        return -EINVAL;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        len -= (size_t)n;
                }
        }
        return 0;
}

static int read_file(const struct send_spool *spool, const char *name, uint8_t **ret, size_t *ret_len)
{
        int fd = openat(spool->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        uint8_t *data = NULL;
        struct stat st;
        int r = -EINVAL;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= FILE_MAX) {
                data = malloc((size_t)st.st_size);
                r = data ? read_exactly(fd, data, (size_t)st.st_size) : -ENOMEM;
        }
        close(fd);
        if (r < 0) {
                free(data);
                return r;
        }
        *ret = data;
        *ret_len = (size_t)st.st_size;
        return 0;
}

static bool is_text(const char *wanted, const char *text, size_t len)
{
        return strlen(wanted) == len && memcmp(wanted, text, len) == 0;
}

/* The content type of a file, if it is one of the protocol's. NULL: it is not. */
static const char *get_type(const struct send_spool *spool, const struct send_spool_file *file)
{
        const char *const types[] = { spool->content_type, spool->former_type };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                if (types[i] && is_text(types[i], file->content_type, file->content_type_len))
                        return types[i];
        }
        return NULL;
}

/* Reads and parses a file. @ret points into @ret_data. */
static int read_batch_file(const struct send_spool *spool, const char *name, uint8_t **ret_data,
                           struct send_spool_file *ret)
{
        struct send_spool_file file;
        uint8_t *data = NULL;
        size_t len = 0;
        int r = read_file(spool, name, &data, &len);

        if (r < 0)
                return r;
        r = send_spool_file_parse(data, len, &file);
        if (r == 0 && (!is_text(spool->destination, file.destination, file.destination_len) || !get_type(spool, &file)))
                r = -EINVAL;
        if (r < 0) {
                free(data);
                return r;
        }
        *ret_data = data;
        *ret = file;
        return 0;
}

/* Whether one more file may be set aside. Counts it if so. */
static bool count_if_room_aside(struct send_spool *spool, const char *name)
{
        struct stat st = { 0 };

        fstatat(spool->directory, name, &st, AT_SYMLINK_NOFOLLOW);
        if (spool->aside >= ASIDE_MAX || (uint64_t)st.st_size > ASIDE_MAX_BYTES - spool->aside_bytes)
                return false;
        spool->aside++;
        spool->aside_bytes += (uint64_t)st.st_size;
        return true;
}

static void set_file_aside(struct send_spool *spool, const char *name)
{
        char bad[NAME_MAX + sizeof(SPOOL_ASIDE)];

        snprintf(bad, sizeof(bad), "%s" SPOOL_ASIDE, name);
        if (!count_if_room_aside(spool, name) || renameat(spool->directory, name, spool->directory, bad) < 0)
                unlinkat(spool->directory, name, 0);
}

int send_spool_read(struct send_spool *spool, const struct send_batch *batch, void **ret)
{
        struct send_spool_file file;
        char name[SPOOL_NAME_SIZE];
        uint8_t *data;
        int r;

        send_spool_name(batch, SPOOL_SUFFIX, name);
        r = read_batch_file(spool, name, &data, &file);
        if (r == 0 && (strcmp(file.key, batch->key) != 0 || file.len != batch->len)) {
                free(data);
                r = -EINVAL;
        }
        if (r == -EINVAL)
                set_file_aside(spool, name);
        if (r < 0)
                return r;
        memmove(data, file.body, file.len);
        *ret = data;
        return 0;
}

/* ---- recovering ---------------------------------------------------------- */

bool send_spool_ends_with(const char *name, const char *suffix)
{
        size_t len = strlen(name), n = strlen(suffix);

        return len > n && strcmp(name + len - n, suffix) == 0;
}

/* Makes a batch of a file. If the file's time is in the future, since a clock was wrong, it is taken as new. */
static int make_batch(const struct send_spool *spool, const struct send_spool_file *file, int64_t now_ms,
                      struct send_batch **ret)
{
        struct send_batch *batch;
        uint64_t now_ns;
        int r = send_batch_new(NULL, file->len, file->gzip, now_ms, &batch);

        if (r < 0)
                return r;
        now_ns = batch->created_ns;
        memcpy(batch->key, file->key, sizeof(batch->key));
        batch->created_ns = file->created_ns;
        batch->content_type = get_type(spool, file);
        batch->file = send_spool_file_size(file);
        if (file->created_ns < now_ns)
                batch->created_ms = now_ms - (int64_t)((now_ns - file->created_ns) / 1000000);
        *ret = batch;
        return 0;
}

static int recover_file(struct send_spool *spool, const char *name, struct send_queue *queue, int64_t now_ms)
{
        struct send_batch *batch = NULL;
        struct send_spool_file file;
        char wanted[SPOOL_NAME_SIZE] = "";
        uint8_t *data;
        int r = read_batch_file(spool, name, &data, &file);

        if (r == 0) {
                r = make_batch(spool, &file, now_ms, &batch);
                free(data);
        }
        if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
                return r;
        if (batch)
                send_spool_name(batch, SPOOL_SUFFIX, wanted);
        if (strcmp(wanted, name) != 0) {
                send_batch_free(batch);
                set_file_aside(spool, name);
                queue->counters.spool_set_aside++;
                return 0;
        }
        send_queue_add(queue, batch);
        queue->counters.recovered++;
        return 0;
}

static int recover_entry(struct send_spool *spool, const char *name, struct send_queue *queue, int64_t now_ms)
{
        if (strcmp(name, SPOOL_LOCK) == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return 0;
        if (send_spool_ends_with(name, SPOOL_TEMPORARY)) {
                unlinkat(spool->directory, name, 0);
                return 0;
        }
        if (send_spool_ends_with(name, SPOOL_ASIDE)) {
                if (!count_if_room_aside(spool, name))
                        unlinkat(spool->directory, name, 0);
                return 0;
        }
        return recover_file(spool, name, queue, now_ms);
}

int send_spool_recover(struct send_spool *spool, struct send_queue *queue, int64_t now_ms)
{
        struct dirent **entries;
        int n = scandirat(spool->directory, ".", &entries, NULL, alphasort), r = 0;

        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = recover_entry(spool, entries[i]->d_name, queue, now_ms);
                free(entries[i]);
        }
        free(entries);
        return r;
}
