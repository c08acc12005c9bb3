/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/cli/options.h"
#include "agent/command/command.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct config {
        bool flag, wide_flag;
        const char *text;
        uint64_t number, bytes;
        double seconds, share;
        struct pid_list pids;
        struct option_list list;
};

#define FIELD(name) offsetof(struct config, name)

static const struct option_spec specs[] = {
        { .name = "flag", .letter = 'f', .kind = OPTION_FLAG, .field = FIELD(flag), .help = "a flag" },
        { .name = "wide-flag", .kind = OPTION_FLAG, .field = FIELD(wide_flag), .help = "another" },
        { .name = "text",
          .letter = 't',
          .kind = OPTION_TEXT,
          .field = FIELD(text),
          .argument = "WORD",
          .help = "text" },
        { .name = "number",
          .letter = 'n',
          .kind = OPTION_NUMBER,
          .field = FIELD(number),
          .argument = "N",
          .help = "1 to 20000",
          .min = 1,
          .max = 20000 },
        { .name = "bytes",
          .kind = OPTION_BYTES,
          .field = FIELD(bytes),
          .argument = "N",
          .help = "size",
          .min = 1024,
          .max = 1e15 },
        { .name = "seconds",
          .letter = 's',
          .kind = OPTION_SECONDS,
          .field = FIELD(seconds),
          .argument = "TIME",
          .help = "time",
          .min = 0.001,
          .max = 86400 },
        { .name = "share",
          .kind = OPTION_PERCENT,
          .field = FIELD(share),
          .argument = "PERCENT",
          .help = "a share",
          .min = 0.1,
          .max = 100 },
        { .name = "pid", .letter = 'p', .kind = OPTION_PIDS, .field = FIELD(pids), .argument = "PID", .help = "pids" },
        { .name = "with", .letter = 'w', .kind = OPTION_LIST, .field = FIELD(list), .argument = "X", .help = "a list" },
        { .name = "without", .kind = OPTION_LIST, .field = FIELD(list), .argument = "X", .help = "the same list" },
};

static const struct usage usage = {
        .command = "try",
        .synopsis = "[OPTION]...",
        .text = "Tries options.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* Each test has a process and so an environment of its own. */
SUITE(command_options);

#define WORDS_MAX 12

/* Splits @line at spaces; a word "''" is empty. */
static int parse(const char *line, struct config *config, int *rest)
{
        static char text[512], name[] = "try", empty[] = "";
        char *words[WORDS_MAX] = { name };
        int n = 1, unused;

        snprintf(text, sizeof text, "%s", line);
        for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
                words[n++] = strcmp(word, "''") == 0 ? empty : word;
        return options_parse(&usage, n, words, config, rest ? rest : &unused);
}

/* Expects @line to be refused, in one sentence that has @needle. */
static void refused(const char *line, struct config *config, const char *needle)
{
        capture_begin(STDERR_FILENO);
        int r = parse(line, config, NULL);
        const char *said = capture_end();

        cr_expect_eq(r, EXIT_USAGE, "%s: %d", line, r);
        cr_expect(strstr(said, needle), "%s: '%s' does not say '%s'", line, said, needle);
        cr_expect(strstr(said, "podflame try: ") == said, "%s: '%s' does not say who speaks", line, said);
        cr_expect(*said && strchr(said, '\n') == said + strlen(said) - 1, "%s: '%s' is not one line", line, said);
}

/* ---- values ---------------------------------------------------------------------------- */

static const struct {
        const char *line;
        double expected;
} times[] = {
        { "--seconds 10", 10 }, { "--seconds=0.5", 0.5 }, { "-s 10s", 10 },     { "-s5m", 300 },
        { "-s 2h", 7200 },      { "-s 1d", 86400 },       { "-s 250ms", 0.25 }, { "-s .5", 0.5 },
        { "-s 0.001", 0.001 },  { "-s 86400", 86400 },    { "-s 1e2", 100 },    { "-s 1 -s 2", 2 },
        { "--sec 3", 3 },
};

Test(command_options, times)
{
        for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
                struct config config = { 0 };
                cr_expect_eq(parse(times[i].line, &config, NULL), -1, "%s", times[i].line);
                cr_expect(fabs(config.seconds - times[i].expected) < 1e-9, "%s: %g", times[i].line, config.seconds);
        }
}

Test(command_options, percents)
{
        struct config config = { 0 };

        cr_expect_eq(parse("--share 0.5", &config, NULL), -1);
        cr_expect(fabs(config.share - 0.5) < 1e-9, "%g", config.share);
        cr_expect_eq(parse("--share 12%", &config, NULL), -1);
        cr_expect(fabs(config.share - 12) < 1e-9, "%g", config.share);
        refused("--share 0", &config, "--share: '0' is not a number from 0.1 to 100");
        refused("--share 101%", &config, "--share");
        refused("--share 5s", &config, "--share");
}

static const struct {
        const char *line;
        uint64_t expected;
} sizes[] = {
        { "--bytes 1024", 1024 },       { "--bytes 2K", 2048 },       { "--bytes 64M", 64u << 20 },
        { "--bytes 1.5G", 3ull << 29 }, { "--bytes 1T", 1ull << 40 },
};

Test(command_options, sizes)
{
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct config config = { 0 };
                cr_expect_eq(parse(sizes[i].line, &config, NULL), -1, "%s", sizes[i].line);
                cr_expect_eq(config.bytes, sizes[i].expected, "%s", sizes[i].line);
        }
}

Test(command_options, numbers_at_their_bounds)
{
        struct config config = { 0 };

        cr_expect_eq(parse("-n 1", &config, NULL), -1);
        cr_expect_eq(config.number, 1);
        cr_expect_eq(parse("-n 20000", &config, NULL), -1);
        cr_expect_eq(config.number, 20000);
}

Test(command_options, flags_and_text)
{
        struct config config = { .text = "before" };

        cr_expect_eq(parse("-f --wide-flag", &config, NULL), -1);
        cr_expect(config.flag && config.wide_flag);
        cr_expect_str_eq(config.text, "before", "a default stays");
        cr_expect_eq(parse("-t --flag", &config, NULL), -1);
        cr_expect_str_eq(config.text, "--flag", "a value may look like an option");
        cr_expect_eq(parse("-t ''", &config, NULL), -1);
        cr_expect_str_eq(config.text, "");
}

Test(command_options, pids)
{
        struct config config = { 0 };

        cr_expect_eq(parse("-p 1,22 -p 333 --pid=2147483647", &config, NULL), -1);
        cr_assert_eq(config.pids.n, 4);
        cr_expect_eq(config.pids.pids[0], 1);
        cr_expect_eq(config.pids.pids[1], 22);
        cr_expect_eq(config.pids.pids[2], 333);
        cr_expect_eq(config.pids.pids[3], 2147483647);
}

Test(command_options, pids_have_a_bound)
{
        struct config config = { 0 };
        char list[512] = "-p 1";
        const size_t max = sizeof config.pids.pids / sizeof *config.pids.pids;

        for (size_t i = 1; i < max; i++)
                strcat(list, ",1");
        cr_expect_eq(parse(list, &config, NULL), -1);
        cr_expect_eq(config.pids.n, max);
        refused("-p 1", &config, "'1'");
}

/* ---- what is refused -------------------------------------------------------------------- */

static const struct {
        const char *line, *needle;
} refusals[] = {
        { "-n 0", "from 1 to 20000" },
        { "-n 20001", "'20001'" },
        { "-n -5", "'-5'" },
        { "-n ten", "'ten'" },
        { "-n ''", "''" },
        { "-n 10x", "'10x'" },
        { "-n 10s", "'10s'" },
        { "-n 0x10", "'0x10'" },
        { "-n inf", "'inf'" },
        { "-n nan", "'nan'" },
        { "-n +5", "'+5'" },
        { "-n 1e400", "'1e400'" },
        { "-s 0", "time (as in 0.5, 10s, 5m)" },
        { "-s 10q", "'10q'" },
        { "-s -1s", "'-1s'" },
        { "-s 2d", "'2d'" },
        { "-s 1M", "'1M'" },
        { "--bytes 1", "--bytes" },
        { "--bytes 5m", "'5m'" },
        { "--bytes 1e16", "'1e16'" },
        { "-p 0", "process id" },
        { "-p -1", "process id" },
        { "-p 2147483648", "process id" },
        { "-p 1,,2", "process id" },
        { "-p ,1", "process id" },
        { "-p 1;2", "process id" },
        { "-p 12abc", "'12abc'" },
        { "-p ''", "process id" },
        { "-p web", "'web'" },
        { "--nonsense", "'--nonsense'" },
        { "-f --nonsense=1", "'--nonsense=1'" },
        { "-z", "'-z'" },
        { "-fz", "'-fz'" },
        { "-n", "needs a value" },
        { "--text", "needs a value" },
        { "--flag=yes", "'--flag=yes'" },
};

Test(command_options, refusals)
{
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
                struct config config = { 0 };
                refused(refusals[i].line, &config, refusals[i].needle);
        }
}

/* ---- the environment ---------------------------------------------------------------------- */

Test(command_options, environment)
{
        struct config config = { 0 };

        setenv("PODFLAME_NUMBER", "77", 1);
        setenv("PODFLAME_SECONDS", "5m", 1);
        setenv("PODFLAME_WIDE_FLAG", "1", 1);
        setenv("PODFLAME_TEXT", "", 1);
        setenv("PODFLAME_FLAG", "0", 1);
        setenv("PODFLAME_PID", "4,5", 1);
        cr_expect_eq(parse("-n 78 -p 6", &config, NULL), -1);
        cr_expect_eq(config.number, 78, "the command line is the stronger");
        cr_expect_eq(config.seconds, 300);
        cr_expect(config.wide_flag);
        cr_expect_null(config.text, "empty counts as not set");
        cr_expect_not(config.flag, "0 is no");
        cr_expect_eq(config.pids.n, 3);
}

Test(command_options, environment_is_checked)
{
        struct config config = { 0 };

        setenv("PODFLAME_NUMBER", "many", 1);
        refused("-n 5", &config, "--number: 'many'");
}

/* ---- what is left --------------------------------------------------------------------------- */

static const struct {
        const char *line;
        int rest;
} ends[] = {
        { "-f", 2 }, { "-f -- python -n x", 3 }, { "word -f", 1 }, { "-n 5 --", 4 }, { "", 1 }, { "-f -- -- x", 3 },
};

Test(command_options, options_end_at_the_first_argument)
{
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                struct config config = { 0 };
                int rest = -1;
                cr_expect_eq(parse(ends[i].line, &config, &rest), -1, "%s", ends[i].line);
                cr_expect_eq(rest, ends[i].rest, "%s: %d", ends[i].line, rest);
                cr_expect_eq(config.number, strstr(ends[i].line, "-n 5") ? 5 : 0, "%s", ends[i].line);
        }
}

Test(command_options, help_names_every_option)
{
        struct config config = { 0 };

        capture_begin(STDOUT_FILENO);
        int r = parse("-h", &config, NULL);
        const char *text = capture_end();
        cr_expect_eq(r, EXIT_OK);
        cr_expect(strstr(text, "Usage: podflame try [OPTION]...\nTries options.\n") == text, "%s", text);
        for (size_t i = 0; i < usage.n; i++) {
                cr_expect(strstr(text, specs[i].name), "%s is missing", specs[i].name);
                cr_expect(strstr(text, specs[i].help), "%s is missing", specs[i].help);
        }
}

/* ---- lists ------------------------------------------------------------------------------ */

/* Expects the items of the list to be "OPTION=TEXT OPTION=TEXT …", and frees them. */
static void expect_list(struct option_list *list, const char *expected)
{
        char all[512] = "";
        size_t len = 0;

        for (size_t i = 0; i < list->n; i++)
                len += (size_t)snprintf(all + len, sizeof all - len, "%s%s=%s", i > 0 ? " " : "",
                                        list->items[i].option->name, list->items[i].text);
        cr_expect_str_eq(all, expected);
        option_list_deinit(list);
        cr_expect_eq(list->n, 0);
}

Test(command_options, lists_keep_the_order_of_their_options)
{
        struct config config = { 0 };

        cr_expect_eq(parse("--with a --without b,c -wd --with=", &config, NULL), -1);
        expect_list(&config.list, "with=a without=b,c with=d with=");
}

Test(command_options, lists_from_the_environment_have_an_item_a_line)
{
        struct config config = { 0 };

        setenv("PODFLAME_WITHOUT", "x y\n\nz\n", 1);
        setenv("PODFLAME_WITH", "a", 1);
        cr_expect_eq(parse("", &config, NULL), -1);
        cr_expect(config.list.items[0].from_environment);
        expect_list(&config.list, "with=a without=x y without=z");
}

Test(command_options, a_list_of_the_command_line_replaces_that_of_the_environment)
{
        struct config config = { 0 };

        setenv("PODFLAME_WITH", "a\nb", 1);
        setenv("PODFLAME_WITHOUT", "c", 1);
        cr_expect_eq(parse("--with d --with e", &config, NULL), -1);
        expect_list(&config.list, "without=c with=d with=e");
}

Test(command_options, lists_are_bounded)
{
        struct config config = { 0 };
        char lines[2 * OPTION_LIST_MAX + 3] = "", bound[32];

        for (size_t i = 0; i < OPTION_LIST_MAX; i++)
                strcat(lines, "x\n");
        setenv("PODFLAME_WITH", lines, 1);
        cr_expect_eq(parse("", &config, NULL), -1);
        cr_expect_eq(config.list.n, OPTION_LIST_MAX);
        option_list_deinit(&config.list);
        strcat(lines, "x");
        setenv("PODFLAME_WITH", lines, 1);
        snprintf(bound, sizeof bound, "--with: more than %d", OPTION_LIST_MAX);
        refused("", &config, bound);
        option_list_deinit(&config.list);
}

/* ---- a word that is no option --------------------------------------------------------------- */

static const struct option_spec of_targets[] = {
        { .name = "pid", .letter = 'p', .kind = OPTION_PIDS, .field = FIELD(pids), .argument = "PID", .help = "pids" },
        { .name = "container", .letter = 'c', .kind = OPTION_TEXT, .field = FIELD(text), .argument = "C", .help = "c" },
        { .name = "pod", .kind = OPTION_TEXT, .field = FIELD(text), .argument = "POD", .help = "p" },
};

static const char *refusal_of_word(const char *word, const char *hint)
{
        const struct usage with_targets = {
                .command = "try", .synopsis = "", .text = "", .options = of_targets, .n = 3
        };

        capture_begin(STDERR_FILENO);
        cr_assert_eq(options_wrong_word(&with_targets, word, hint), EXIT_USAGE);
        return capture_end();
}

Test(command_options, a_word_may_be_meant_for_a_target)
{
        static const struct {
                const char *word, *hint, *said;
        } words[] = {
                { "1234", NULL, "'1234' is not an option; did you mean -p 1234?; " },
                { "web", NULL, "'web' is not an option; did you mean -c web?; " },
                { "web.1-a_b", NULL, "did you mean -c web.1-a_b?; " },
                { "12ab", NULL, "did you mean -c 12ab?; " },
                { "shop/web-0", NULL, "did you mean --pod shop/web-0?; " },
                { "web", "a command is told by --", "did you mean -c web? Or: a command is told by --; " },
                { "./app.py", "a command is told by --", "'./app.py' is not an option; a command is told by --; " },
                { "/bin/x", NULL, "'/bin/x' is not an option; `" },
                { "shop/", NULL, "'shop/' is not an option; `" },
                { "", NULL, "'' is not an option; `" },
        };

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                const char *said = refusal_of_word(words[i].word, words[i].hint);
                cr_expect_not_null(strstr(said, words[i].said), "%s", said);
        }
}
