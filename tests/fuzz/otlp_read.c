/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an OTLP body: they are refused with a sentence, or read and then
 * written in every format; what is written as OTLP is read to the same again.
 */
#include "tests/fuzz/formats.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *written(const struct profile_set *set, size_t *ret_len)
{
        char *text = NULL;
        FILE *out = open_memstream(&text, ret_len);

        if (!out || format_write_otlp(set, out) != 0 || fclose(out) != 0)
                abort();
        return text;
}

static char *read_and_written(const char *text, size_t len, size_t *ret_len)
{
        struct profile_set set = { 0 };

        if (format_read_otlp(text, len, &set, NULL) != 0)
                abort();
        char *again = written(&set, ret_len);
        profile_set_deinit(&set);
        return again;
}

/* Names that become equal by being made clean are merged the first time they are read back. */
static void check_round_trip(const struct profile_set *set)
{
        size_t len[3];
        char *first = written(set, &len[0]);
        char *second = read_and_written(first, len[0], &len[1]);
        char *third = read_and_written(second, len[1], &len[2]);

        if (len[1] != len[2] || memcmp(second, third, len[1]) != 0)
                abort();
        free(first);
        free(second);
        free(third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct profile_set set = { 0 };
        const char *error = NULL;

        if (format_read_otlp((const char *)data, len, &set, &error) != 0) {
                if (!error)
                        abort();
                return 0;
        }
        check_round_trip(&set);
        write_in_every_format(&set);
        profile_set_deinit(&set);
        return 0;
}
