/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the text of a recording: they are refused, or what is read is written and read again the same. */
#include "pystack/record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool parse(const void *text, size_t len, struct record *ret)
{
        FILE *file = len > 0 ? fmemopen((void *)(uintptr_t)text, len, "r") : NULL;
        int e = file ? record_parse(file, ret) : -1;

        if (file)
                fclose(file);
        return e == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct record record, again;
        char *text = NULL;
        size_t text_len = 0;

        if (!parse(data, len, &record))
                return 0;
        FILE *out = open_memstream(&text, &text_len);
        if (!out || record_write(&record, out) != 0 || fclose(out) != 0 || !parse(text, text_len, &again))
                abort();
        if (record.n != again.n ||
            (record.n > 0 && memcmp(record.blocks, again.blocks, record.n * sizeof *record.blocks)))
                abort();
        free(text);
        record_deinit(&record);
        record_deinit(&again);
        return 0;
}
