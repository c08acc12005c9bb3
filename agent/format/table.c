/* SPDX-License-Identifier: Apache-2.0 */
/* The formats, the default first. The ending of a path names a format, whatever the case. */
#include "formats.h"

#include <string.h>
#include <strings.h>

const struct format *const format_table[] = {
        &format_folded,      &format_html,  &format_heat,   &format_svg,   &format_speedscope, &format_gecko,
        &format_chrometrace, &format_jsonl, &format_pstats, &format_pprof, &format_otlp,       &format_text,
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

/*
 * The length of the longest ending of @format that @path has. 0 if it has none. A path that is only an ending does not
 * count: it is a name.
 */
static size_t match_ending(const struct format *format, const char *path)
{
        size_t len = strlen(path), longest = 0;

        for (const char *const *ending = format->endings; *ending; ending++) {
                size_t n = strlen(*ending);

                if (len > n && n > longest && strcasecmp(path + len - n, *ending) == 0)
                        longest = n;
        }
        return longest;
}

const struct format *format_by_path(const char *path)
{
        const struct format *format = NULL;
        size_t longest = 0;

        for (size_t i = 0; i < format_table_n; i++) {
                size_t n = match_ending(format_table[i], path);

                if (n > longest) {
                        longest = n;
                        format = format_table[i];
                }
        }
        return format;
}
