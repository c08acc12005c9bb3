/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the spool. A file gets its name only when the disk has all of it: it is written under another name, then
 * fsync, rename, fsync of the folder. It is deleted once the collector has answered. If the process is killed in
 * between, the batch is sent again after the next start.
 *
 * Stacks and names belong to other people's processes: only the owner can read the files. Credentials are never written
 * here.
 */
#include "agent/send/spool_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

void send_spool_name(const struct send_batch *batch, const char *suffix, char name[static SPOOL_NAME_SIZE])
{
        snprintf(name, SPOOL_NAME_SIZE, "%016" PRIx64 "-%s%s", batch->created_ns, batch->key, suffix);
}

/* ---- opening ------------------------------------------------------------- */

/* Whether a character of a host's name may be in a folder's name. */
static bool is_plain(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
}

/* Makes a name that people recognise and that no other destination has. */
static void name_destination(char name[static SPOOL_DESTINATION_SIZE], const char *protocol, const char *url)
{
        const char *slashes = strstr(url, "//"), *host = slashes ? slashes + 2 : url;
        size_t len;

        snprintf(name, SPOOL_DESTINATION_SIZE, "%.16s-%.64s", protocol, host);
        for (char *c = name; *c; c++) {
                if (*c == '/' || *c == '?')
                        *c = '\0';
                else if (!is_plain(*c))
                        *c = '_';
        }
        len = strlen(name);
        snprintf(name + len, SPOOL_DESTINATION_SIZE - len, "-%016" PRIx64, (uint64_t)XXH3_64bits(url, strlen(url)));
}

/* Checks that only podflame's user can write to the folder, since its files are sent. */
static const char *check_folder(int fd)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return strerror(errno);
        if (st.st_uid != geteuid())
                return "it belongs to another user";
        if (st.st_mode & 077)
                return "others may look into it: its mode should be 0700";
        return NULL;
}

static const char *lock_folder(struct send_spool *spool)
{
        spool->lock = openat(spool->directory, SPOOL_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (spool->lock < 0)
                return strerror(errno);
        if (flock(spool->lock, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? "another process is using it" : strerror(errno);
        return NULL;
}

const char *send_spool_take(struct send_spool *spool, int parent)
{
        spool->directory = openat(parent, spool->destination, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (spool->directory < 0)
                return strerror(errno);
        const char *why = check_folder(spool->directory);
        return why ? why : lock_folder(spool);
}

static const char *open_folder(struct send_spool *spool, int parent)
{
        if (mkdirat(parent, spool->destination, 0700) < 0 && errno != EEXIST)
                return strerror(errno);
        if (fsync(parent) < 0)
                return strerror(errno);
        return send_spool_take(spool, parent);
}

int send_spool_open(const struct send_config *config, const struct send_protocol *protocol, const char *url,
                    struct send_spool **ret)
{
        int parent = open(config->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct send_spool *spool;
        const char *why;
        int r;

        if (parent < 0)
                return http_client_refuse(&config->client, SEND_E_SPOOL, "%s: %s", config->spool, strerror(errno));
        spool = calloc(1, sizeof(*spool));
        if (!spool) {
                close(parent);
                return -ENOMEM;
        }
        spool->content_type = protocol->content_type;
        spool->former_type = protocol->former_type;
        spool->directory = spool->lock = -1;
        name_destination(spool->destination, protocol->name, url);
        why = open_folder(spool, parent);
        close(parent);
        if (why) {
                r = http_client_refuse(&config->client, SEND_E_SPOOL, "%s/%s: %s", config->spool, spool->destination,
                                       why);
                send_spool_close(spool);
                return r;
        }
        *ret = spool;
        return 0;
}

void send_spool_close(struct send_spool *spool)
{
        if (!spool)
                return;
        if (spool->directory >= 0)
                close(spool->directory);
        if (spool->lock >= 0)
                close(spool->lock);
        free(spool);
}

/* ---- writing ------------------------------------------------------------- */

static struct send_spool_file file_of(const struct send_spool *spool, const struct send_batch *batch)
{
        struct send_spool_file file = {
                .created_ns = batch->created_ns,
                .gzip = batch->gzip,
                .destination = spool->destination,
                .destination_len = strlen(spool->destination),
                .content_type = batch->content_type ? batch->content_type : spool->content_type,
                .body = batch->body,
                .len = batch->len,
        };

        file.content_type_len = strlen(file.content_type);
        memcpy(file.key, batch->key, sizeof(file.key));
        return file;
}

size_t send_spool_size(const struct send_spool *spool, const struct send_batch *batch)
{
        struct send_spool_file file = file_of(spool, batch);

        return send_spool_file_size(&file);
}

static int write_all(int fd, const void *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, data, len);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data = (const char *)data + n;
                        len -= (size_t)n;
                }
        }
        return 0;
}

static int write_file(int fd, const struct send_spool_file *file)
{
        uint8_t prefix[SEND_SPOOL_FILE_PREFIX_MAX];
        int r = write_all(fd, prefix, send_spool_file_prefix(file, prefix));

        if (r == 0)
                r = write_all(fd, file->body, file->len);
        return r == 0 && fsync(fd) < 0 ? -errno : r;
}

int send_spool_write(const struct send_spool *spool, struct send_batch *batch)
{
        struct send_spool_file file = file_of(spool, batch);
        char name[SPOOL_NAME_SIZE], temporary[SPOOL_NAME_SIZE];
        int fd, r;

        send_spool_name(batch, SPOOL_SUFFIX, name);
        send_spool_name(batch, SPOOL_TEMPORARY, temporary);
        fd = openat(spool->directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = write_file(fd, &file);
        if (close(fd) < 0 && r == 0)
                r = -errno;
        if (r == 0 && renameat(spool->directory, temporary, spool->directory, name) < 0)
                r = -errno;
        if (r < 0) {
                unlinkat(spool->directory, temporary, 0);
                return r;
        }
        if (fsync(spool->directory) < 0) {
                r = -errno;
                unlinkat(spool->directory, name, 0);
                return r;
        }
        batch->file = send_spool_file_size(&file);
        return 0;
}

void send_spool_remove(const struct send_spool *spool, const struct send_batch *batch)
{
        char name[SPOOL_NAME_SIZE];

        send_spool_name(batch, SPOOL_SUFFIX, name);
        unlinkat(spool->directory, name, 0);
}
