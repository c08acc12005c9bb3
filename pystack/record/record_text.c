/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording as a text file. It has comments that begin with '#', a line that says what it is, lines "KEY HEX" that
 * say where the runtime is, and a line "file PATH". Then each block of memory follows: a line "@ADDRESS", and lines
 * "OFFSET BYTES" in hexadecimal. Rows of zeros are left out.
 */
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "podflame recording 1\n"

/* Bytes a row. */
#define ROW 32

/* The longest line is the one of the file's path. */
#define LINE_MAX_SIZE 512

static const struct {
        const char *key;
        size_t at;
} fields[] = {
        { "runtime", offsetof(struct record, location.runtime) },
        { "runtime-size", offsetof(struct record, location.runtime_size) },
        { "tstate-current", offsetof(struct record, location.tstate_current) },
        { "interp-head", offsetof(struct record, location.interp_head) },
        { "code-type", offsetof(struct record, location.code_type) },
        { "type-type", offsetof(struct record, location.type_type) },
        { "version-at", offsetof(struct record, location.version_at) },
        { "inner-pid", offsetof(struct record, inner_pid) },
        { "abi", offsetof(struct record, abi) },
        { "machine", offsetof(struct record, location.machine) }, /* not said: x86-64 */
};
#define FIELDS (sizeof fields / sizeof *fields)

/* ---- writing ----------------------------------------------------------------- */

static void write_block(const struct record_block *block, FILE *file)
{
        static const uint8_t zeros[ROW];

        fprintf(file, "@%" PRIx64 "\n", block->addr);
        for (size_t at = 0; at < RECORD_BLOCK; at += ROW) {
                if (memcmp(block->bytes + at, zeros, ROW) == 0)
                        continue;
                fprintf(file, "%02zx ", at);
                for (size_t i = 0; i < ROW; i++)
                        fprintf(file, "%02x", block->bytes[at + i]);
                fputc('\n', file);
        }
}

int record_write(const struct record *record, FILE *file)
{
        fputs(MAGIC, file);
        for (size_t i = 0; i < FIELDS; i++) {
                uint64_t value;
                memcpy(&value, (const char *)record + fields[i].at, sizeof value);
                fprintf(file, "%s %" PRIx64 "\n", fields[i].key, value);
        }
        fprintf(file, "ladder %" PRIx32 "\nfile %s\n", record->location.ladder, record->location.file);
        for (size_t i = 0; i < record->n; i++)
                write_block(&record->blocks[i], file);
        errno = 0;
        if (fflush(file) != 0 || ferror(file))
                return errno ? -errno : -EIO;
        return 0;
}

/* ---- reading ----------------------------------------------------------------- */

static bool parse_hex(const char *text, uint64_t *ret)
{
        char *end;

        errno = 0;
        uint64_t value = strtoull(text, &end, 16);
        if (errno != 0 || end == text || *end != '\0')
                return false;
        *ret = value;
        return true;
}

static bool parse_field(const char *key, const char *value, struct record *record)
{
        uint64_t number;

        if (strcmp(key, "file") == 0) {
                snprintf(record->location.file, sizeof record->location.file, "%s", value);
                return true;
        }
        if (!parse_hex(value, &number))
                return false;
        if (strcmp(key, "ladder") == 0)
                record->location.ladder = (uint32_t)number;
        for (size_t i = 0; i < FIELDS; i++)
                if (strcmp(key, fields[i].key) == 0)
                        memcpy((char *)record + fields[i].at, &number, sizeof number);
        return true;
}

static bool parse_row(const char *offset, const char *bytes, struct record_block *block)
{
        uint64_t at, byte;

        if (!parse_hex(offset, &at) || at > RECORD_BLOCK - ROW || strlen(bytes) != 2 * ROW)
                return false;
        for (size_t i = 0; i < ROW; i++) {
                const char digits[3] = { bytes[2 * i], bytes[2 * i + 1], '\0' };
                if (!parse_hex(digits, &byte))
                        return false;
                block->bytes[at + i] = (uint8_t)byte;
        }
        return true;
}

/* Adds the block that has been read so far, if there is one. */
static int finish_block(struct record *record, struct record_block *block, bool *begun)
{
        int e = *begun ? record_add(record, block) : 0;

        *begun = false;
        return e == -EEXIST ? -EBADMSG : e;
}

static int parse_record_line(char *line, struct record *record, struct record_block *block, bool *begun)
{
        char *space = strchr(line, ' ');
        int e = 0;

        if (line[0] == '@') {
                e = finish_block(record, block, begun);
                *block = (struct record_block){ 0 };
                if (e == 0 && (!parse_hex(line + 1, &block->addr) || block->addr % RECORD_BLOCK != 0))
                        e = -EBADMSG;
                *begun = true;
        } else if (!space) {
                e = -EBADMSG;
        } else {
                *space = '\0';
                if (!(*begun ? parse_row(line, space + 1, block) : parse_field(line, space + 1, record)))
                        e = -EBADMSG;
        }
        return e;
}

int record_parse(FILE *file, struct record *ret)
{
        struct record record = { 0 };
        struct record_block block;
        char line[LINE_MAX_SIZE] = "";
        bool begun = false;
        int e = 0;

        while (fgets(line, sizeof line, file) && line[0] == '#')
                ;
        if (strcmp(line, MAGIC) != 0)
                return -EBADMSG;
        while (e == 0 && fgets(line, sizeof line, file)) {
                size_t len = strcspn(line, "\n");
                if (line[len] != '\n')
                        e = -EBADMSG;
                line[len] = '\0';
                if (e == 0)
                        e = parse_record_line(line, &record, &block, &begun);
        }
        if (e == 0)
                e = ferror(file) ? -EIO : finish_block(&record, &block, &begun);
        if (e == 0)
                *ret = record;
        else
                record_deinit(&record);
        return e;
}
