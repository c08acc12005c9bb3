/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing options by their tables, with getopt_long underneath. */
#include "options.h"

#include "agent/command/command.h"
#include "messages.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most options of a command. */
#define OPTIONS_MAX 64

int options_wrong(const struct usage *usage, const char *format, ...)
{
        va_list args;

        fprintf(stderr, "podflame %s: ", usage->command);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fprintf(stderr, "; `podflame %s -h` tells more\n", usage->command);
        return EXIT_USAGE;
}

/* What a word without an option may be meant for: a PID, a pod as NAMESPACE/POD, a container's name. */
static bool looks_like_pid(const char *word)
{
        return *word && word[strspn(word, "0123456789")] == '\0';
}

static bool looks_like_pod(const char *word)
{
        const char *slash = strchr(word, '/');

        return slash && slash > word && slash[1] && isalnum((unsigned char)*word);
}

static bool looks_like_container(const char *word)
{
        return isalnum((unsigned char)*word) && !strchr(word, '/');
}

static const struct {
        bool (*looks_like)(const char *word);
        const char *option; /* of the commands that have a TARGET */
} meanings[] = {
        { looks_like_pid, "pid" },
        { looks_like_pod, "pod" },
        { looks_like_container, "container" },
};

static const struct option_spec *spec_of_name(const struct usage *usage, const char *name)
{
        for (size_t i = 0; i < usage->n; i++)
                if (strcmp(usage->options[i].name, name) == 0)
                        return &usage->options[i];
        return NULL;
}

int options_wrong_word(const struct usage *usage, const char *word, const char *hint)
{
        for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
                const struct option_spec *o = spec_of_name(usage, meanings[i].option);
                const char letter[] = { '-', o ? o->letter : '\0', '\0' };
                if (!o || !meanings[i].looks_like(word))
                        continue;
                return options_wrong(usage, "'%s' is not an option; did you mean %s%s %s?%s%s", word,
                                     o->letter ? letter : "--", o->letter ? "" : o->name, word, hint ? " Or: " : "",
                                     hint ? hint : "");
        }
        return options_wrong(usage, "'%s' is not an option%s%s", word, hint ? "; " : "", hint ? hint : "");
}

/* Prints a row of the usage text. @help may have several lines. */
static void print_row(const char *left, const char *help)
{
        for (size_t len; *help; help += len + (help[len] == '\n'), left = "") {
                len = strcspn(help, "\n");
                printf("  %-28s %.*s\n", left, (int)len, help);
        }
}

#define VARIABLE_SIZE 64

/* Names the environment variable of an option. */
static void name_variable(const struct option_spec *o, char ret[static VARIABLE_SIZE])
{
        static const char prefix[] = "PODFLAME_";
        size_t len = strlen(prefix);

        memcpy(ret, prefix, len);
        for (const char *c = o->name; *c && len + 1 < VARIABLE_SIZE; c++)
                ret[len++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        ret[len] = '\0';
}

static void print_usage(const struct usage *usage)
{
        char variable[VARIABLE_SIZE];

        printf("Usage: podflame %s %s\n%s\n\n", usage->command, usage->synopsis, usage->text);
        for (size_t i = 0; i < usage->n; i++) {
                const struct option_spec *o = &usage->options[i];
                char letter[] = { '-', o->letter, ',', ' ', '\0' }, left[64];
                snprintf(left, sizeof left, "%s--%s%s%s", o->letter ? letter : "    ", o->name, o->argument ? " " : "",
                         o->argument ? o->argument : "");
                print_row(left, o->help);
        }
        print_row("-h, --help", "this text");
        name_variable(&usage->options[0], variable);
        printf("\nEach option can also stand in the environment: --%s is %s.\n", usage->options[0].name, variable);
}

/* ---- values ------------------------------------------------------------------------- */

struct unit {
        const char *name;
        double factor;
};

static const struct unit time_units[] = { { "", 1 },     { "ms", 1e-3 }, { "s", 1 }, { "m", 60 },
                                          { "h", 3600 }, { "d", 86400 }, { NULL, 0 } };
static const struct unit byte_units[] = {
        { "", 1 }, { "K", 1024.0 }, { "M", 1048576.0 }, { "G", 1073741824.0 }, { "T", 1099511627776.0 }, { NULL, 0 }
};
static const struct unit per_cent[] = { { "", 1 }, { "%", 1 }, { NULL, 0 } };
static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *const units_of[] = {
        [OPTION_NUMBER] = no_units,  [OPTION_SECONDS] = time_units, [OPTION_PERCENT] = per_cent,
        [OPTION_BYTES] = byte_units, [OPTION_REAL] = no_units,
};

static bool parse_number_with_unit(const char *text, const struct unit *units, double *ret)
{
        char *end;
        double value = strtod(text, &end);

        /* strtod also accepts inf, nan and hexadecimal numbers. */
        if (end == text || !(isdigit((unsigned char)*text) || *text == '.') || strpbrk(text, "xXnN"))
                return false;
        for (; units->name; units++)
                if (strcmp(end, units->name) == 0) {
                        *ret = value * units->factor;
                        return true;
                }
        return false;
}

static bool parse_pids(const char *text, struct pid_list *list)
{
        while (*text) {
                char *end;
                long pid = strtol(text, &end, 10);
                if (end == text || pid <= 0 || pid > INT32_MAX || (*end && *end != ',') ||
                    list->n == sizeof list->pids / sizeof *list->pids)
                        return false;
                list->pids[list->n++] = (int)pid;
                text = *end ? end + 1 : end;
        }
        return list->n > 0;
}

void option_list_deinit(struct option_list *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i].text);
        list->n = 0;
}

/* Forgets the items from the environment: the command line replaces them. */
static void forget_environment(const struct option_spec *o, struct option_list *list)
{
        size_t n = 0;

        for (size_t i = 0; i < list->n; i++) {
                if (list->items[i].option == o && list->items[i].from_environment)
                        free(list->items[i].text);
                else
                        list->items[n++] = list->items[i];
        }
        list->n = n;
}

/* Adds an item to a list. GO_ON if it was added, otherwise an exit status. */
static int add_item(const struct usage *usage, const struct option_spec *o, const char *text, size_t len,
                    bool from_environment, struct option_list *list)
{
        if (list->n == OPTION_LIST_MAX)
                return options_wrong(usage, "--%s: more than %d of them", o->name, OPTION_LIST_MAX);
        char *copy = strndup(text, len);
        if (!copy)
                return say_error("out of memory");
        list->items[list->n++] = (struct option_item){ o, copy, from_environment };
        return GO_ON;
}

static int report_wrong_value(const struct usage *usage, const struct option_spec *o, const char *text)
{
        if (o->kind == OPTION_PIDS)
                return options_wrong(usage, "--%s: '%s' is not a process id", o->name, text);
        if (o->max > 0)
                return options_wrong(usage, "--%s: '%s' is not a %s from %.15g to %.15g", o->name, text,
                                     o->kind == OPTION_SECONDS ? "time (as in 0.5, 10s, 5m)" : "number", o->min,
                                     o->max);
        return options_wrong(usage, "--%s: '%s' cannot be understood", o->name, text);
}

static bool is_in_bounds(const struct option_spec *o, double value)
{
        return o->max <= 0 || (value >= o->min && value <= o->max);
}

/* Sets an option's value. GO_ON if it was accepted, otherwise an exit status. */
static int set_value(const struct usage *usage, const struct option_spec *o, const char *text, void *config)
{
        void *field = (char *)config + o->field;
        double value;

        switch (o->kind) {
        case OPTION_FLAG:
                *(bool *)field = true;
                return GO_ON;
        case OPTION_TEXT:
                *(const char **)field = text;
                return GO_ON;
        case OPTION_PIDS:
                return parse_pids(text, field) ? GO_ON : report_wrong_value(usage, o, text);
        case OPTION_LIST:
        case OPTION_WORDS:
                forget_environment(o, field);
                return add_item(usage, o, text, strlen(text), false, field);
        case OPTION_NUMBER:
        case OPTION_SECONDS:
        case OPTION_PERCENT:
        case OPTION_BYTES:
        case OPTION_REAL:
                break;
        }
        if (!parse_number_with_unit(text, units_of[o->kind], &value) || !is_in_bounds(o, value))
                return report_wrong_value(usage, o, text);
        if (o->kind == OPTION_SECONDS || o->kind == OPTION_PERCENT || o->kind == OPTION_REAL)
                *(double *)field = value;
        else
                *(uint64_t *)field = (uint64_t)value;
        return GO_ON;
}

/* ---- environment and command line ---------------------------------------------------- */

/* The value of the option's environment variable. NULL if it is not set, or empty. */
static const char *environment_value_of(const struct option_spec *o)
{
        char name[VARIABLE_SIZE];

        name_variable(o, name);
        const char *text = getenv(name);
        return text && *text ? text : NULL;
}

/* Adds all lines of @text. GO_ON, or an exit status. */
static int add_lines(const struct usage *usage, const struct option_spec *o, const char *text, struct option_list *list)
{
        int status = GO_ON;

        for (size_t len; status == GO_ON && *text; text += len + (text[len] == '\n')) {
                len = strcspn(text, "\n");
                if (len > 0)
                        status = add_item(usage, o, text, len, true, list);
        }
        return status;
}

static int parse_environment(const struct usage *usage, void *config)
{
        for (size_t i = 0; i < usage->n; i++) {
                const struct option_spec *o = &usage->options[i];
                const char *text = environment_value_of(o);
                if (!text || (o->kind == OPTION_FLAG && strcmp(text, "0") == 0))
                        continue;
                int status = o->kind == OPTION_LIST || o->kind == OPTION_WORDS
                                     ? add_lines(usage, o, text, (struct option_list *)((char *)config + o->field))
                                     : set_value(usage, o, text, config);
                if (status != GO_ON)
                        return status;
        }
        return GO_ON;
}

static void make_getopt(const struct usage *usage, struct option *longs, char *shorts)
{
        if (!usage->anywhere)
                *shorts++ = '+'; /* options end at the first argument, which may be a command to run */
        *shorts++ = ':';
        *shorts++ = 'h';
        for (size_t i = 0; i < usage->n; i++) {
                const struct option_spec *o = &usage->options[i];
                bool takes = o->kind != OPTION_FLAG;
                longs[i] = (struct option){ o->name, takes ? required_argument : no_argument, NULL, 256 + (int)i };
                if (o->letter) {
                        *shorts++ = o->letter;
                        if (takes)
                                *shorts++ = ':';
                }
        }
        longs[usage->n] = (struct option){ "help", no_argument, NULL, 'h' };
        longs[usage->n + 1] = (struct option){ 0 };
        *shorts = '\0';
}

static const struct option_spec *spec_of_getopt(const struct usage *usage, int c)
{
        if (c >= 256)
                return &usage->options[c - 256];
        for (size_t i = 0; i < usage->n; i++)
                if (usage->options[i].letter == c)
                        return &usage->options[i];
        return NULL;
}

/* Takes the words behind the first one, up to the next option. */
static int take_words(const struct usage *usage, const struct option_spec *o, int argc, char **argv, void *config)
{
        int status = GO_ON;

        while (status == GO_ON && o->kind == OPTION_WORDS && optind < argc && argv[optind][0] != '-')
                status = set_value(usage, o, argv[optind++], config);
        return status;
}

int options_parse(const struct usage *usage, int argc, char **argv, void *config, int *ret_rest)
{
        struct option longs[OPTIONS_MAX + 2];
        char shorts[2 * OPTIONS_MAX + 4];
        int status = parse_environment(usage, config);

        make_getopt(usage, longs, shorts);
        optind = 0; /* glibc starts anew: it keeps nothing of another command line */
        opterr = 0;
        while (status == GO_ON) {
                int at = optind > 0 ? optind : 1;
                int c = getopt_long(argc, argv, shorts, longs, NULL);
                if (c < 0)
                        break;
                const struct option_spec *o = spec_of_getopt(usage, c);
                if (c == 'h' && !o) {
                        print_usage(usage);
                        return EXIT_OK;
                }
                if (c == '?' || c == ':')
                        return options_wrong(usage, c == '?' ? "there is no option '%s'" : "'%s' needs a value",
                                             argv[optind > at ? optind - 1 : at]);
                status = set_value(usage, o, optarg, config);
                if (status == GO_ON)
                        status = take_words(usage, o, argc, argv, config);
        }
        *ret_rest = optind;
        return status;
}
