/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any lines as a command line and environment: of each command, up to -h, so that it says how it is used and does
 * nothing; of the agent up to what its values mean; of Pyflame. And as files of rules and of allowances. The first
 * byte says which.
 */
#include "agent/command/agent/agent_options.h"
#include "agent/command/check/allow.h"
#include "agent/command/command.h"
#include "agent/command/processes/abi.h"
#include "agent/command/pyflame/pyflame.h"
#include "agent/find/choose/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WORDS_MAX 40
#define VARIABLES_MAX 16
#define VARIABLE "PODFLAME_"

struct line {
        char *words[WORDS_MAX + 4];
        int n;
        char *variables[VARIABLES_MAX]; /* names of those that were set */
        size_t variables_n;
};

/* "PODFLAME_NAME=VALUE", with \r for a line's end in it. True if it was one. */
static bool set_variable(struct line *line, char *text)
{
        char *value = strchr(text, '=');

        if (strncmp(text, VARIABLE, strlen(VARIABLE)) != 0 || !value || line->variables_n == VARIABLES_MAX)
                return false;
        *value++ = '\0';
        for (char *c = value; *c; c++)
                *c = *c == '\r' ? '\n' : *c;
        setenv(text, value, 1);
        line->variables[line->variables_n++] = text;
        return true;
}

/* @text is written over. @options: only words that cannot end the options before -h is reached. */
static void split(struct line *line, char *text, bool options)
{
        static char name[] = "try";
        char *word;

        *line = (struct line){ .words = { name }, .n = 1 };
        while ((word = strsep(&text, "\n")) && line->n < WORDS_MAX)
                if (!set_variable(line, word) && (!options || (word[0] == '-' && word[1] && strcmp(word, "--") != 0)))
                        line->words[line->n++] = word;
        line->words[line->n] = NULL;
}

static void forget_variables(struct line *line)
{
        for (size_t i = 0; i < line->variables_n; i++)
                unsetenv(line->variables[i]);
}

/* ---- what a line may be -------------------------------------------------------------- */

/* Twice, as the first one may be the value of an option. */
static void run_command(const struct command *command, char *text)
{
        static char help[] = "-h";
        struct line line;

        split(&line, text, true);
        line.words[line.n++] = help;
        line.words[line.n++] = help;
        line.words[line.n] = NULL;
        int status = command->run(line.n, line.words);
        if (status < 0 || status > 3)
                abort();
        forget_variables(&line);
}

/* To a process whose names are the text itself. */
static void apply(const struct find_rules *rules, const char *text)
{
        struct find_process *process = calloc(1, sizeof *process);
        char labels[FIND_NAME_SIZE + 2] = "";

        if (!process)
                return;
        snprintf(process->pod, sizeof process->pod, "%s", text);
        snprintf(process->cmdline, sizeof process->cmdline, "%s", text);
        snprintf(labels, FIND_NAME_SIZE, "%s", text);
        find_rules_apply(rules, &(struct find_facts){ .cgroup = text, .labels = labels }, process);
        find_rules_add_labels(rules, labels, process);
        free(process);
}

/* A rules file is none of the disk's: it could be any. */
static void check_agent(char *text)
{
        struct agent_config config = AGENT_DEFAULTS;
        struct modes modes;
        struct find_rules *rules = NULL;
        struct line line;
        int rest;

        split(&line, text, false);
        if (options_parse(&agent_usage, line.n, line.words, &config, &rest) < 0) {
                if (rest < 1 || rest > line.n)
                        abort();
                config.selection.file = NULL;
                (void)modes_config(&config.sampling, config.wall_rate, config.wait_detail, &agent_usage, &modes);
                (void)labels_check(&config.labels, &agent_usage);
                if (selection_rules(&config.selection, &agent_usage, &rules) < 0)
                        apply(rules, line.words[line.n - 1]);
                find_rules_free(rules);
        }
        agent_config_deinit(&config);
        forget_variables(&line);
}

static void check_pyflame(char *text)
{
        struct pyflame_options options = { 0 };
        struct line line;

        split(&line, text, false);
        if (pyflame_parse(line.n, line.words, &options) < 0 && !options.pid == !options.command)
                abort();
        forget_variables(&line);
}

static void check_rules(char *text)
{
        struct selection_options selection = { 0 };
        struct find_rules *rules = NULL;
        char path[64];
        int fd = memfd_create("rules", MFD_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                abort();
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        selection.file = path;
        if (selection_rules(&selection, &agent_usage, &rules) < 0)
                apply(rules, text);
        find_rules_free(rules);
        close(fd);
}

static void check_allowances(char *text)
{
        char reason[ALLOW_REASON_SIZE] = "";
        struct allow allow = { 0 };
        uint32_t abi;

        if (allow_parse(text, &allow, reason) != 0 && !*reason)
                abort();
        allow_deinit(&allow);
        (void)abi_parse(text, &abi);
}

static void (*const others[])(char *text) = { check_agent, check_pyflame, check_rules, check_allowances };
#define OTHERS (sizeof others / sizeof *others)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        size_t which = len > 0 ? *data % (OTHERS + command_table_n) : 0;
        char *text = len > 0 ? strndup((const char *)data + 1, len - 1) : NULL;

        if (!text)
                return 0;
        if (which < OTHERS)
                others[which](text);
        else
                run_command(&command_table[which - OTHERS], text);
        free(text);
        return 0;
}
