/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules from a file and from options. The last rule that matches decides, so those of the file come first: the command
 * line overrules them.
 */
#include "selection.h"

#include "agent/command/cli/messages.h"
#include "agent/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each rule is tried on each process that is found, so a file has at most this many lines. */
#define FILE_RULES_MAX 1000

/* Room for what is wrong with a rule, and where. */
#define WHY_SIZE (FIND_RULE_ERROR_SIZE + 256)

static const struct {
        const char *word;
        const char *option;
        enum find_action action;
} actions[] = { { "select", "select", FIND_SELECT },
                { "drop", "drop", FIND_DROP },
                { "native", "native-for", FIND_NATIVE },
                { "send-label", "send-label", FIND_SEND_LABEL } };

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* The rule of a line that begins with @word and a blank; NULL if it does not. */
static const char *rule_behind(const char *line, const char *word)
{
        size_t len = strlen(word);

        if (strncmp(line, word, len) != 0 || !is_blank(line[len]))
                return NULL;
        for (line += len; is_blank(*line);)
                line++;
        return line;
}

static void trim_end(char *line)
{
        size_t len = strlen(line);

        /* A blank with a backslash before it is part of the glob. */
        while (len > 0 && strchr(" \t\r\n", line[len - 1]) && !(len > 1 && line[len - 2] == '\\'))
                line[--len] = '\0';
}

/*
 * Adds the rule of one line. Empty lines and those that begin with # have none. @why says what is wrong with the line.
 */
static int add_rule_line(struct find_rules *rules, char *line, char why[static FIND_RULE_ERROR_SIZE])
{
        while (is_blank(*line))
                line++;
        trim_end(line);
        if (!*line || *line == '#')
                return 0;
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
                const char *rule = rule_behind(line, actions[i].word);
                if (rule)
                        return find_rules_add(rules, actions[i].action, rule, why);
        }
        snprintf(why, FIND_RULE_ERROR_SIZE,
                 "'%.200s' is none of `select RULE`, `drop RULE`, `native RULE` and `send-label GLOB`", line);
        return FIND_E_RULE;
}

/* 0, or @why says what is wrong. */
static int add_rule_lines(struct find_rules *rules, const char *path, FILE *file, char why[static WHY_SIZE])
{
        char *line = NULL, reason[FIND_RULE_ERROR_SIZE] = "";
        size_t size = 0, number = 0;
        int r = 0;

        while (r == 0 && number < FILE_RULES_MAX && getline(&line, &size, file) >= 0) {
                number++;
                r = add_rule_line(rules, line, reason);
        }
        free(line);
        if (r < 0)
                snprintf(reason, sizeof reason, "%s", strerror(-r));
        if (r == 0 && ferror(file))
                r = snprintf(reason, sizeof reason, "%s", strerror(errno));
        if (r == 0 && !feof(file) && fgetc(file) != EOF)
                r = snprintf(reason, sizeof reason, "more than %d lines", FILE_RULES_MAX);
        if (r != 0 && number == 0)
                snprintf(why, WHY_SIZE, "--rules: %.200s: %s", path, reason);
        else if (r != 0)
                snprintf(why, WHY_SIZE, "--rules: %.200s, line %zu: %s", path, number, reason);
        return r;
}

static int add_rules_file(struct find_rules *rules, const char *path, char why[static WHY_SIZE])
{
        FILE *file = path ? fopen(path, "re") : NULL;

        if (!path)
                return 0;
        if (!file)
                return snprintf(why, WHY_SIZE, "--rules: %.200s: %s", path, strerror(errno));
        int r = add_rule_lines(rules, path, file, why);
        fclose(file);
        return r;
}

static enum find_action action_of_option(const char *name)
{
        size_t i = sizeof actions / sizeof *actions;

        while (--i > 0 && strcmp(actions[i].option, name) != 0)
                ;
        return actions[i].action;
}

static int add_rule_options(struct find_rules *rules, const struct option_list *list, char why[static WHY_SIZE])
{
        char reason[FIND_RULE_ERROR_SIZE] = "";
        int r = 0;

        for (size_t i = 0; r == 0 && i < list->n; i++) {
                const struct option_item *item = &list->items[i];
                r = find_rules_add(rules, action_of_option(item->option->name), item->text, reason);
                if (r != 0)
                        snprintf(why, WHY_SIZE, "--%s: %s", item->option->name, r < 0 ? strerror(-r) : reason);
        }
        return r;
}

/* 0, or @why says what is wrong. *@ret is NULL if there are no rules. */
static int make_rules(const struct selection_options *options, struct find_rules **ret, char why[static WHY_SIZE])
{
        struct find_rules *rules = NULL;
        int r;

        *ret = NULL;
        if (options->rules.n == 0 && !options->file)
                return 0;
        r = find_rules_new(&rules);
        if (r != 0)
                return snprintf(why, WHY_SIZE, "%s", strerror(-r));
        r = add_rules_file(rules, options->file, why);
        if (r == 0)
                r = add_rule_options(rules, &options->rules, why);
        if (r == 0)
                *ret = rules;
        else
                find_rules_free(rules);
        return r;
}

void selection_deinit(struct selection_options *options)
{
        option_list_deinit(&options->rules);
}

int selection_rules(const struct selection_options *options, const struct usage *usage, struct find_rules **ret)
{
        char why[WHY_SIZE];

        return make_rules(options, ret, why) == 0 ? GO_ON : options_wrong(usage, "%s", why);
}

bool selection_reload(const struct selection_options *options, struct find *find, struct find_rules **rules)
{
        struct find_rules *fresh;
        char why[WHY_SIZE];

        if (make_rules(options, &fresh, why) != 0) {
                say("the rules stay as they were: %s", why);
                return false;
        }
        find_set_rules(find, fresh);
        find_rules_free(*rules);
        *rules = fresh;
        return true;
}
