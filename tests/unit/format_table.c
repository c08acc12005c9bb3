/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"

#include <string.h>

SUITE(table);

Test(table, first_is_folded)
{
        cr_assert_str_eq(format_table[0]->name, "folded");
}

Test(table, names_and_endings_are_found_and_unique)
{
        for (size_t i = 0; i < format_table_n; i++) {
                cr_expect_eq(format_by_name(format_table[i]->name), format_table[i]);
                for (const char *const *ending = format_table[i]->endings; *ending; ending++) {
                        char path[64];

                        snprintf(path, sizeof(path), "/tmp/x%s", *ending);
                        cr_expect_eq(format_by_path(path), format_table[i], "%s", path);
                }
        }
}

Test(table, paths)
{
        static const struct {
                const char *path, *name;
        } rows[] = {
                { "a.html", "html" },
                { "a.HTML", "html" },
                { "dir.html/a.txt", "text" },
                { "a.pb.gz", "pprof" },
                { "a.otlp.json", "otlp" },
                { "a.folded", "folded" },
                { "a.speedscope.json", "speedscope" },
                { "a.json", "otlp" },
                { "a.svg", "svg" },
                { "a.gecko.json", "gecko" },
                { "a.trace.json", "chrometrace" },
                { "a.perfetto.json", "chrometrace" },
                { "a.jsonl", "jsonl" },
                { "a.pstats", "pstats" },
                { "a.prof", "pstats" },
                { "speedscope.json", "otlp" },
                { ".html", NULL },
                { "a.gz", NULL },
                { "html", NULL },
                { "", NULL },
                { "a.html.bak", NULL },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct format *format = format_by_path(rows[i].path);

                if (rows[i].name)
                        cr_expect(format && strcmp(format->name, rows[i].name) == 0, "%s", rows[i].path);
                else
                        cr_expect_eq(format, NULL, "%s", rows[i].path);
        }
}

Test(table, unknown_name)
{
        cr_assert_eq(format_by_name("png"), NULL);
        cr_assert_eq(format_by_name(""), NULL);
}

Test(table, every_format_writes_an_empty_set)
{
        for (size_t i = 0; i < format_table_n; i++) {
                struct profile_set none = { 0 }, empty = helper_set(profile_new());
                FILE *out = fopen("/dev/null", "w");

                cr_expect_eq(format_table[i]->write(&none, out), 0, "%s", format_table[i]->name);
                cr_expect_eq(format_table[i]->write(&empty, out), 0, "%s", format_table[i]->name);
                fclose(out);
                profile_set_deinit(&empty);
        }
}

Test(table, every_format_reports_a_full_disk)
{
        for (size_t i = 0; i < format_table_n; i++) {
                struct profile_set set = helper_set(helper_service());
                FILE *full = fopen("/dev/full", "w");

                cr_expect_lt(format_table[i]->write(&set, full), 0, "%s", format_table[i]->name);
                fclose(full);
                profile_set_deinit(&set);
        }
}
