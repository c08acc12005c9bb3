/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a profile file: they are refused with a sentence, or read and then
 * written in every format; what is written in one that can be read is read again
 * with as many samples.
 */
#include "tests/fuzz/formats.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t samples_of(const struct profile_set *set)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < set->n; i++)
                sum += profile_total(set->items[i]);
        return sum;
}

static void check_again(const struct profile_set *set, const char *name)
{
        struct profile_set again = { 0 };
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        if (!out || format_by_name(name)->write(set, out) != 0 || fclose(out) != 0)
                abort();
        if (format_read(text, len, &again, NULL) != 0 ? samples_of(set) != 0 : samples_of(&again) != samples_of(set))
                abort();
        profile_set_deinit(&again);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static const char *const readable[] = {
                "pprof", "otlp", "folded", "speedscope", "gecko", "chrometrace", "jsonl"
        };
        struct profile_set set = { 0 };
        const char *error = NULL;
        int r = format_read(data, len, &set, &error);

        if (r != 0) {
                if (r == -EINVAL && !error)
                        abort();
                return 0;
        }
        for (size_t i = 0; i < sizeof readable / sizeof *readable; i++)
                check_again(&set, readable[i]);
        write_in_every_format(&set);
        profile_set_deinit(&set);
        return 0;
}
