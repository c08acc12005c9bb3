/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/cli/output.h"
#include "agent/command/command.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

SUITE(command_output);

static const struct usage usage = { .command = "try" };

static char folder[] = "/tmp/podflame-output-XXXXXX", path[64];

static void make_folder(void)
{
        cr_assert_not_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/out", folder);
}

static void remove_folder(void)
{
        unlink(path);
        rmdir(folder);
        abort_on_leaks();
}

TestSuite(command_output_file, .init = make_folder, .fini = remove_folder, .timeout = 60);

static void put(const char *text)
{
        FILE *file = fopen(path, "w");

        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
}

static long size_of(void)
{
        struct stat stat_;

        return stat(path, &stat_) == 0 ? (long)stat_.st_size : -1;
}

static struct output open_output(void)
{
        struct output output = OUTPUT_NONE;

        cr_assert_eq(output_choose(&usage, NULL, path, &output), -1);
        cr_assert_eq(output_open(&output), -1);
        return output;
}

Test(command_output, formats)
{
        struct output output = OUTPUT_NONE;

        cr_expect_eq(output_choose(&usage, NULL, "x.html", &output), -1);
        cr_expect_str_eq(output.format->name, "html");
        cr_expect_eq(output_choose(&usage, "folded", "x.html", &output), -1);
        cr_expect_str_eq(output.format->name, "folded", "what is said outright is the stronger");
        cr_expect_not(output.gzip);
        cr_expect_eq(output_choose(&usage, NULL, "x.otlp.json.GZ", &output), -1);
        cr_expect_str_eq(output.format->name, "otlp");
        cr_expect(output.gzip);
        cr_expect_eq(output_choose(&usage, NULL, "x.json.gz", &output), -1);
        cr_expect_str_eq(output.format->name, "otlp");
        cr_expect(output.gzip);
        cr_expect_eq(output_choose(&usage, "otlp", "x.unknown", &output), -1, "what is said outright needs no ending");
        cr_expect_eq(output_choose(&usage, NULL, "x.pb.gz", &output), -1);
        cr_expect_str_eq(output.format->name, "pprof");
        cr_expect_not(output.gzip, "it is of itself");
        capture_begin(STDERR_FILENO);
        int e = output_choose(&usage, "jpeg", NULL, &output);
        const char *said = capture_end();
        cr_expect_eq(e, EXIT_USAGE);
        cr_expect(strstr(said, "'jpeg'"), "%s", said);
}

Test(command_output, names_without_an_ending_are_for_folded_stacks)
{
        static const char *const paths[] = { "out", "/dev/null", "some.folder/out", "./out", ".hidden", "out.gz" };

        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
                struct output output = OUTPUT_NONE;
                cr_expect_eq(output_choose(&usage, NULL, paths[i], &output), -1, "%s", paths[i]);
                cr_expect_str_eq(output.format->name, "folded", "%s", paths[i]);
        }
}

Test(command_output, an_unknown_ending_is_refused)
{
        static const struct {
                const char *path, *needle;
        } rows[] = {
                { "x.unknown", "'x.unknown' ends in none of .folded .html" },
                { "x.pprof", ".otlp.json .json .txt; -f" },
                { "x.unknown.gz", "x.unknown.gz" },
                { "run-1.2", "'run-1.2'" },
                { "a/x.PNG", ".PNG is not among the formats here; .html is the picture" },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct output output = OUTPUT_NONE;
                capture_begin(STDERR_FILENO);
                int e = output_choose(&usage, NULL, rows[i].path, &output);
                const char *said = capture_end();
                cr_expect_eq(e, EXIT_USAGE, "%s", rows[i].path);
                cr_expect(strstr(said, rows[i].needle), "%s: %s", rows[i].path, said);
        }
}

Test(command_output, the_usage_text_has_every_format_and_ending)
{
        for (size_t i = 0; i < format_table_n; i++) {
                cr_expect(strstr(OUTPUT_FORMATS, format_table[i]->name), "%s", format_table[i]->name);
                for (const char *const *ending = format_table[i]->endings; *ending; ending++)
                        cr_expect(strstr(OUTPUT_ENDINGS, *ending), "%s", *ending);
        }
}

Test(command_output_file, an_old_one_stays_until_it_is_replaced)
{
        struct profile_set none = { 0 };

        put("old");
        struct output output = open_output();
        cr_expect_eq(size_of(), 3);
        cr_expect_eq(output_write(&output, &none), 0);
        cr_expect_eq(size_of(), 0);
        output_close(&output);
        cr_expect_eq(size_of(), 0, "what was written stays, be it nothing");
}

Test(command_output_file, gzipped_by_its_name)
{
        struct profile_set none = { 0 };
        struct output output = OUTPUT_NONE;
        unsigned char magic[2];

        snprintf(path, sizeof path, "%s/out.gz", folder);
        cr_assert_eq(output_choose(&usage, NULL, path, &output), -1);
        cr_assert_eq(output_open(&output), -1);
        cr_expect_eq(output_write(&output, &none), 0);
        FILE *file = fopen(path, "r");
        cr_assert_not_null(file);
        cr_expect_eq(fread(magic, 1, 2, file), 2);
        cr_expect_arr_eq(magic, "\x1f\x8b", 2);
        fclose(file);
}

Test(command_output_file, nothing_written_leaves_nothing)
{
        struct output output = open_output();

        cr_expect_eq(size_of(), 0);
        output_close(&output);
        cr_expect_eq(size_of(), -1);
        put("old");
        output = open_output();
        output_close(&output);
        cr_expect_eq(size_of(), 3);
}

Test(command_output_file, a_folder_that_is_not_there)
{
        struct output output = OUTPUT_NONE;

        cr_assert_eq(output_choose(&usage, NULL, "/no/such/folder/x", &output), -1);
        capture_begin(STDERR_FILENO);
        int e = output_open(&output);
        const char *said = capture_end();
        cr_expect_eq(e, EXIT_FAILED);
        cr_expect(strstr(said, "/no/such/folder/x cannot be written: No such file"), "%s", said);
}
