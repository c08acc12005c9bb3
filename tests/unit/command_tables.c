/* SPDX-License-Identifier: Apache-2.0 */
/* The option tables of all commands, by what each of them prints of its own. */
#include "agent/command/command.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

SUITE(command_tables);

#define OPTIONS_MAX 64
#define NAME_SIZE 32

struct seen {
        char names[OPTIONS_MAX][NAME_SIZE];
        size_t n;
};

static void see(struct seen *seen, const char *command, const char *name, int len)
{
        cr_assert_lt(seen->n, OPTIONS_MAX);
        snprintf(seen->names[seen->n], NAME_SIZE, "%.*s", len, name);
        for (size_t i = 0; i < seen->n; i++)
                cr_expect_str_neq(seen->names[i], seen->names[seen->n], "%s: there are two", command);
        seen->n++;
}

/* Counts the options of a usage text, each of which is in it once. */
static size_t look(const char *command, const char *text)
{
        struct seen seen = { .n = 0 };
        regmatch_t at[3];
        regex_t option;
        size_t n = 0;

        cr_assert_eq(regcomp(&option, "^ +(-[a-zA-Z]), +(--[a-z-]+)|^ +(--[a-z-]+)", REG_EXTENDED), 0);
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                regmatch_t found[4];
                if (regexec(&option, line, 4, found, 0) != 0 || found[0].rm_eo > (regoff_t)strcspn(line, "\n"))
                        continue;
                memcpy(at, &found[1], sizeof at);
                for (size_t i = 0; i < 3; i++)
                        if (at[i].rm_so >= 0)
                                see(&seen, command, line + at[i].rm_so, at[i].rm_eo - at[i].rm_so);
                n++;
        }
        regfree(&option);
        return n;
}

Test(command_tables, no_letter_and_no_name_twice)
{
        for (size_t i = 0; i < command_table_n; i++) {
                char name[NAME_SIZE], help[] = "-h", *words[] = { name, help, NULL };

                snprintf(name, sizeof name, "%s", command_table[i].name);
                capture_begin(STDOUT_FILENO);
                int e = command_table[i].run(2, words);
                const char *said = capture_end();
                cr_expect_eq(e, EXIT_OK, "%s", name);
                cr_expect_gt(look(name, said), 2, "%s", said);
        }
}

Test(command_tables, pyflame_has_no_letter_and_no_name_twice)
{
        char name[] = "pyflame", help[] = "-h", *words[] = { name, help, NULL };

        capture_begin(STDOUT_FILENO);
        int e = pyflame_run(2, words);
        const char *said = capture_end();
        cr_expect_eq(e, EXIT_OK);
        cr_expect_gt(look(name, said), 2, "%s", said);
}
