/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats, the default first. A path names a format by its ending, whatever
 * the case; no ending is the end of another.
 */
#include "formats.h"

#include <string.h>
#include <strings.h>

const struct format *const format_table[] = {
        &format_folded,
        &format_html,
        &format_speedscope,
        &format_pprof,
        &format_otlp,
        &format_text,
};
const size_t format_table_n = sizeof(format_table) / sizeof(format_table[0]);

const struct format *format_by_name(const char *name)
{
        for (size_t i = 0; i < format_table_n; i++) {
                if (strcmp(format_table[i]->name, name) == 0)
                        return format_table[i];
        }
        return NULL;
}

const struct format *format_by_path(const char *path)
{
        size_t len = strlen(path);

        for (size_t i = 0; i < format_table_n; i++) {
                const char *extension = format_table[i]->extension;

                if (!extension)
                        continue;
                size_t n = strlen(extension);
                if (len > n && strcasecmp(path + len - n, extension) == 0)
                        return format_table[i];
        }
        return NULL;
}
