/* SPDX-License-Identifier: Apache-2.0 */
/* Rules from a file and from options; labels. */
#include "agent/command/agent/labels.h"
#include "agent/command/command.h"
#include "agent/command/processes/selection.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct config {
        struct selection_options selection;
        struct option_list labels;
};

static const struct option_spec specs[] = { SELECTION_OPTIONS(struct config, selection),
                                            LABEL_OPTION(struct config, labels) };
static const struct usage usage = {
        .command = "try", .synopsis = "", .text = "", .options = specs, .n = sizeof specs / sizeof *specs
};

SUITE(command_selection);

static char path[] = "/tmp/podflame-rules-XXXXXX";

static void write_rules(const char *text)
{
        int fd = mkstemp(strcpy(path, "/tmp/podflame-rules-XXXXXX"));

        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

/* What @text as a file makes: -1, or an exit status; @ret_said is what stderr got. */
static int try_file(const char *text, struct find_rules **ret, const char **ret_said)
{
        struct config config = { .selection.file = path };

        write_rules(text);
        capture_begin(STDERR_FILENO);
        int r = selection_rules(&config.selection, &usage, ret);
        *ret_said = capture_end();
        unlink(path);
        return r;
}

Test(command_selection, files)
{
        static const struct {
                const char *text, *said; /* NULL: it is right */
        } cases[] = {
                { "", NULL },
                { "# nothing\n\n   \t\r\n", NULL },
                { "select pod=a", NULL },
                { "  drop\t pod=a  \r\nselect namespace=b,pod=c\n# drop x\n", NULL },
                { "drop cmdline=ends with a blank\\ \n", NULL },
                { "selectpod=a\n", "line 1: 'selectpod=a' is none of" },
                { "select\n", "line 1: 'select' is none of" },
                { "\n\nSELECT pod=a\n", "line 3: " },
                { "drop pod=a\ndrop pods=a\n", "line 2: 'pods=a': at character 1" },
                { "send-label a,b\n", "line 1: 'a,b': at character 2" },
                { "drop pod=[a", "line 1: 'pod=[a': at character 5" },
                { "\x1b[31m", "line 1: '" },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct find_rules *rules = NULL;
                const char *said;
                int r = try_file(cases[i].text, &rules, &said);

                cr_expect_eq(r, cases[i].said ? EXIT_USAGE : -1, "%s: %d", cases[i].text, r);
                cr_expect_eq(rules != NULL, !cases[i].said, "%s", cases[i].text);
                if (cases[i].said)
                        cr_expect(strstr(said, cases[i].said), "%s: %s", cases[i].text, said);
                find_rules_free(rules);
        }
}

Test(command_selection, files_are_bounded)
{
        static char text[1001 * 11 + 1];
        struct find_rules *rules = NULL;
        const char *said;

        for (size_t i = 0; i < 1000; i++)
                strcpy(text + i * 11, "drop pod=a\n");
        cr_expect_eq(try_file(text, &rules, &said), -1);
        find_rules_free(rules);
        strcpy(text + 1000 * 11, "drop pod=a\n");
        cr_expect_eq(try_file(text, &rules, &said), EXIT_USAGE);
        cr_expect(strstr(said, "more than 1000 lines"), "%s", said);
}

Test(command_selection, without_options_there_are_no_rules)
{
        struct config config = { 0 };
        struct find_rules *rules = (struct find_rules *)path;

        cr_expect_eq(selection_rules(&config.selection, &usage, &rules), -1);
        cr_expect_null(rules);
}

static int check(const char *label, const char **ret_said)
{
        char option[] = "--label", name[] = "try", text[2048], *words[] = { name, option, text, NULL };
        struct config config = { 0 };
        int rest;

        snprintf(text, sizeof text, "%s", label);
        cr_assert_eq(options_parse(&usage, 3, words, &config, &rest), -1);
        capture_begin(STDERR_FILENO);
        int r = labels_check(&config.labels, &usage);
        *ret_said = capture_end();
        option_list_deinit(&config.labels);
        return r;
}

Test(command_selection, labels)
{
        static const struct {
                const char *text, *said; /* NULL: it is right */
        } cases[] = {
                { "a=b", NULL },
                { "deployment.environment=prod=1, 2", NULL },
                { "k8s.cluster.name=caf\xc3\xa9", NULL },
                { "a", "KEY=VALUE" },
                { "=b", "letters" },
                { "a b=c", "letters" },
                { "a=", "1 to 1024" },
                { "a=b\nc", "control character" },
                { "service.name=x", "podflame itself" },
                { "container.id=x", "podflame itself" },
                { "process.pid=1", "podflame itself" },
        };
        char long_key[140], long_value[1200] = "a=";
        const char *said;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int r = check(cases[i].text, &said);
                cr_expect_eq(r, cases[i].said ? EXIT_USAGE : -1, "%s: %d", cases[i].text, r);
                if (cases[i].said)
                        cr_expect(strstr(said, cases[i].said), "%s: %s", cases[i].text, said);
        }
        memset(long_key, 'k', sizeof long_key);
        strcpy(long_key + 129, "=v");
        cr_expect_eq(check(long_key, &said), EXIT_USAGE);
        cr_expect_eq(check(long_key + 1, &said), -1);
        memset(long_value + 2, 'v', 1025);
        cr_expect_eq(check(long_value, &said), EXIT_USAGE);
        long_value[2 + 1024] = '\0';
        cr_expect_eq(check(long_value, &said), -1);
}

Test(command_selection, labels_are_above_claims)
{
        const struct option_spec spec = { .name = "label" };
        struct option_list labels = {
                .items = { { &spec, (char[]){ "team=ours" }, false }, { &spec, (char[]){ "a=b=c" }, false } }, .n = 2
        };
        struct profile_set set = { 0 };
        struct profile *profile = profile_new();

        profile_set_attribute(profile, "team", "theirs");
        cr_assert_eq(profile_set_add(&set, profile), 0);
        cr_expect_eq(labels_put(&labels, &set), 0);
        cr_expect_str_eq(profile_attribute(profile, "team"), "ours");
        cr_expect_str_eq(profile_attribute(profile, "a"), "b=c");
        profile_set_deinit(&set);
}
