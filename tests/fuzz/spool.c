/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file in the spool: what is there is found, read again, unpacked and divided as for being sent. A batch
 * that was made whole comes back as it was.
 */
#include "agent/send/spool_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define URL "http://127.0.0.1:4318/v1development/profiles"
#define KEY "734fd599-6865-419e-9475-932762d8f469"
#define CREATED 0x17f0000000000000

/* In a file; see agent/send/spool_file.c. */
#define AT_CRC 32

/* The first byte of an input. */
enum how {
        MADE = 1,     /* what follows is the body of a batch; else it is the file */
        SUMMED = 2,   /* the sum of the file is made right */
        MISNAMED = 4, /* the file has another name: the 16 bytes that follow */
        PACKED = 8,   /* of a body that was made: it is packed */
        PYROSCOPE = 16,
        UNFINISHED = 32, /* its name ends as that of a temporary file */
        ASIDE = 64,      /* … or of one that was set aside */
};

static char folder[] = "/dev/shm/podflame-spool-XXXXXX";

static void remove_file(int directory, const char *name)
{
        char bad[NAME_MAX + sizeof SPOOL_ASIDE];

        snprintf(bad, sizeof bad, "%s" SPOOL_ASIDE, name);
        unlinkat(directory, bad, 0);
        unlinkat(directory, name, 0);
}

static void remove_folder(void)
{
        char command[128];

        snprintf(command, sizeof command, "rm -rf %s", folder);
        if (system(command) != 0)
                fprintf(stderr, "%s is left\n", folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void)argc;
        (void)argv;
        if (!mkdtemp(folder))
                abort();
        atexit(remove_folder);
        return 0;
}

/* ---- the file ------------------------------------------------------------------------ */

/* A file of a batch whose body is @body. NULL: out of memory. */
static uint8_t *make_batch_file(const struct send_spool *spool, const void *body, size_t len, bool gzip,
                                size_t *ret_len)
{
        struct send_spool_file head = {
                .created_ns = CREATED,
                .key = KEY,
                .gzip = gzip,
                .body = body,
                .len = len,
                .destination = spool->destination,
                .destination_len = strlen(spool->destination),
                .content_type = spool->content_type,
                .content_type_len = strlen(spool->content_type),
        };
        uint8_t *file = malloc(send_spool_file_size(&head));

        if (!file)
                return NULL;
        uint8_t prefix[SEND_SPOOL_FILE_PREFIX_MAX];
        size_t n = send_spool_file_prefix(&head, prefix);
        memcpy(file, prefix, n);
        memcpy(file + n, body, len);
        *ret_len = n + len;
        return file;
}

static uint8_t *make_file(const struct send_spool *spool, const uint8_t *text, size_t len, bool gzip, size_t *ret_len)
{
        const struct send_body body = { .text = (char *)(uintptr_t)text, .len = len };
        void *bytes;
        size_t bytes_len;

        if (send_body_pack(&body, gzip, &bytes, &bytes_len) != 0)
                return NULL;
        uint8_t *file = make_batch_file(spool, bytes, bytes_len, gzip, ret_len);
        free(bytes);
        return file;
}

static void make_sum(uint8_t *file, size_t len)
{
        if (len < AT_CRC + 4)
                return;
        uLong sum = crc32_z(crc32_z(0, file, AT_CRC), file + AT_CRC + 4, len - AT_CRC - 4);
        for (size_t i = 0; i < 4; i++)
                file[AT_CRC + i] = (uint8_t)(sum >> (8 * i));
}

static void write_file(int directory, const char *name, const void *bytes, size_t len)
{
        int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd < 0)
                return;
        if (write(fd, bytes, len) != (ssize_t)len)
                abort();
        close(fd);
}

/* ---- reading it ---------------------------------------------------------------------- */

static void halve(const struct send_protocol *protocol, const void *bytes, size_t len, bool gzip)
{
        struct send_body body, halves[2] = { { 0 } };

        if (send_body_unpack(bytes, len, gzip, &body) != 0)
                return;
        if (send_body_count(protocol, &body) > 1 && send_body_divide(protocol, &body, false, NULL, 2, halves) != 0)
                abort();
        free(halves[0].text);
        free(halves[1].text);
        free(body.text);
}

static void read_back(struct send_spool *spool, const struct send_protocol *protocol, bool must)
{
        struct send_queue queue = { .max_bytes = 1 << 20, .max_spool_bytes = 1 << 20, .spool = spool };
        void *body = NULL;

        if (send_spool_recover(spool, &queue, 0) != 0 || (must && !queue.batches))
                abort();
        for (struct send_batch *batch = queue.batches; batch; batch = batch->next)
                if (send_spool_read(spool, batch, &body) == 0) {
                        halve(protocol, body, batch->len, batch->gzip);
                        free(body);
                }
        send_queue_deinit(&queue);
}

static void name_file(uint8_t how, const uint8_t *bytes, size_t len, char ret[static NAME_MAX])
{
        const char *suffix = how & UNFINISHED ? SPOOL_TEMPORARY : how & ASIDE ? SPOOL_ASIDE : SPOOL_SUFFIX;

        snprintf(ret, NAME_MAX, "%016llx-%s%s", (unsigned long long)CREATED, KEY, suffix);
        if (!(how & MISNAMED))
                return;
        memcpy(ret, bytes, len < 16 ? len : 16);
        for (size_t i = 0; i < 16; i++)
                if (ret[i] == '/' || ret[i] == '\0')
                        ret[i] = '.';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        if (len == 0)
                return 0;
        uint8_t how = *data;
        const struct send_protocol *protocol = how & PYROSCOPE ? &send_pyroscope : &send_otlp;
        struct send_config config = { .spool = folder };
        struct send_spool *spool;
        char name[NAME_MAX];
        uint8_t *file;
        size_t file_len = len - 1;

        if (send_spool_open(&config, protocol, URL, &spool) != 0)
                abort();
        name_file(how, data + 1, len - 1, name);
        file = how & MADE ? make_file(spool, data + 1, len - 1, how & PACKED, &file_len) : malloc(len);
        if (!file)
                abort();
        if (!(how & MADE))
                memcpy(file, data + 1, len - 1);
        if (how & SUMMED)
                make_sum(file, file_len);
        write_file(spool->directory, name, file, file_len);
        read_back(spool, protocol, (how & (MADE | MISNAMED | UNFINISHED | ASIDE)) == MADE);
        remove_file(spool->directory, name);
        send_spool_close(spool);
        free(file);
        return 0;
}
