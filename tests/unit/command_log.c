/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/cli/log.h"
#include "agent/command/cli/log_options.h"
#include "agent/command/cli/messages.h"
#include "agent/command/command.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(command_log);

static const struct usage usage = { .command = "agent" };

static size_t lines(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

Test(command_log, commands_for_people_say_everything)
{
        capture_begin(2);
        for (int i = 0; i < 100; i++)
                say("line %d", i);
        const char *text = capture_end();
        cr_expect_eq(lines(text), 100);
        cr_expect_eq(strncmp(text, "podflame: line 0\n", 17), 0);
}

Test(command_log, of_one_kind_only_so_many_and_the_others_counted)
{
        struct log_options options = { 0 };

        cr_assert_eq(log_setup(&options, &usage), -1);
        capture_begin(2);
        for (int i = 0; i < 50; i++) {
                say("process %d has come", i);
                say_error("process %d has gone", i);
        }
        say("another kind");
        log_flush(false); /* their time is not over */
        cr_expect_eq(log_suppressed(), 60);
        log_flush(true);
        const char *text = capture_end();
        cr_expect_eq(lines(text), 20 + 20 + 1 + 2, "%s", text);
        cr_expect(strstr(text, "podflame: 30 more like this were left out: process 49 has come\n"), "%s", text);
        cr_expect(strstr(text, "podflame: 30 more like this were left out: process 49 has gone\n"));
        cr_expect(strstr(text, "podflame: another kind\n"));
}

Test(command_log, json_has_an_object_a_line)
{
        struct log_options options = { .format = "json" };

        cr_assert_eq(log_setup(&options, &usage), -1);
        capture_begin(2);
        say("a \"quoted\"\nline/\x01");
        say_error("wrong: %s", "\\");
        char *text = strdup(capture_end()), *rest = text;
        static const struct {
                const char *level, *message;
        } rows[] = { { "info", "a \"quoted\"\nline/\x01" }, { "error", "wrong: \\" } };
        for (size_t i = 0; i < 2; i++) {
                char *line = strsep(&rest, "\n");
                struct json_object *json = json_tokener_parse(line), *field;
                cr_assert(json, "%s", line);
                cr_expect(json_object_object_get_ex(json, "level", &field));
                cr_expect_str_eq(json_object_get_string(field), rows[i].level);
                cr_expect(json_object_object_get_ex(json, "message", &field));
                cr_expect_str_eq(json_object_get_string(field), rows[i].message);
                cr_expect(json_object_object_get_ex(json, "time", &field));
                cr_expect_eq(strlen(json_object_get_string(field)), strlen("2026-01-01T00:00:00.000Z"));
                json_object_put(json);
        }
        cr_expect_str_eq(rest, "");
        free(text);
}

Test(command_log, long_lines_are_cut)
{
        static char word[5000];

        memset(word, 'x', sizeof word - 1);
        capture_begin(2);
        say("%s", word);
        const char *text = capture_end();
        cr_expect_lt(strlen(text), 2100);
        cr_expect(strstr(text, "x…\n"));
}

Test(command_log, unknown_formats_are_refused)
{
        struct log_options options = { .format = "xml" };

        capture_begin(2);
        int r = log_setup(&options, &usage);
        const char *text = capture_end();
        cr_expect_eq(r, EXIT_USAGE);
        cr_expect(strstr(text, "'xml' is neither text nor json"), "%s", text);
}
