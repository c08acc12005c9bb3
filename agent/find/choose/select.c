/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that decide which processes are profiled. They use what the kernel and the runtimes say about a process, before
 * its memory is read.
 */
#include "agent/find/choose/choose.h"
#include "agent/find/internal.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TERMS 10

/* The values that the globs of a key are compared with. One that matches is enough. */
enum value {
        NAMESPACE,
        POD,
        POD_UID,
        CONTAINER_NAME,
        K8S_CONTAINER,
        CONTAINER_ID,
        IMAGE,
        SERVICE,
        EXE,
        EXE_NAME,
        CMDLINE,
        CGROUP,
        LABELS,
        PID,
        N_VALUES,
};

#define MAX_KEY_VALUES 3

static const struct key {
        const char *name;
        enum value values[MAX_KEY_VALUES];
        unsigned n;
        bool several; /* the value is a row of texts, each with its NUL, that ends with an empty text */
} keys[] = {
        { .name = "namespace", .values = { NAMESPACE }, .n = 1 },
        { .name = "pod", .values = { POD, POD_UID }, .n = 2 },
        { .name = "container", .values = { CONTAINER_NAME, K8S_CONTAINER, CONTAINER_ID }, .n = 3 },
        { .name = "image", .values = { IMAGE }, .n = 1 },
        { .name = "service", .values = { SERVICE }, .n = 1 },
        { .name = "exe", .values = { EXE, EXE_NAME }, .n = 2 },
        { .name = "cmdline", .values = { CMDLINE }, .n = 1 },
        { .name = "cgroup", .values = { CGROUP }, .n = 1 },
        { .name = "label", .values = { LABELS }, .n = 1, .several = true },
        { .name = "pid", .values = { PID }, .n = 1 },
};

#define N_KEYS (sizeof(keys) / sizeof(*keys))

struct term {
        const struct key *key;
        char glob[FIND_RULE_SIZE];
};

struct rule {
        enum find_action action;
        char text[FIND_RULE_SIZE];    /* "select …", "drop …", "native …" or "send-label …" */
        struct term terms[MAX_TERMS]; /* a rule that sends labels has one, without a key */
        unsigned n;
};

struct find_rules {
        struct rule *all;
        size_t n;
        bool some_select, some_native, some_label;
};

int find_rules_new(struct find_rules **ret)
{
        struct find_rules *rules = calloc(1, sizeof(*rules));

        if (!rules)
                return -ENOMEM;
        *ret = rules;
        return 0;
}

void find_rules_free(struct find_rules *rules)
{
        if (!rules)
                return;
        free(rules->all);
        free(rules);
}

/* ---- reading a rule ------------------------------------------------------- */

struct parse {
        const char *text, *at;
        char *error;
};

__attribute__((format(printf, 2, 3))) static int report_rule_error(const struct parse *parse, const char *format, ...)
{
        char what[FIND_RULE_ERROR_SIZE / 2];
        va_list args;

        va_start(args, format);
        vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        snprintf(parse->error, FIND_RULE_ERROR_SIZE, "'%.200s': at character %zu, %s", parse->text,
                 (size_t)(parse->at - parse->text) + 1, what);
        return FIND_E_RULE;
}

static int report_unknown_key(const struct parse *parse, size_t len)
{
        char known[128] = "";
        size_t at = 0;

        for (size_t i = 0; i < N_KEYS; i++)
                at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", keys[i].name);
        return report_rule_error(parse, "'%.*s' is not a key; there are %s", (int)len, parse->at, known);
}

static int parse_key(struct parse *parse, struct term *term)
{
        size_t len = strcspn(parse->at, "=,");

        if (parse->at[len] != '=')
                return report_rule_error(parse, "KEY=GLOB is expected");
        for (size_t i = 0; i < N_KEYS; i++)
                if (strlen(keys[i].name) == len && !memcmp(keys[i].name, parse->at, len)) {
                        term->key = &keys[i];
                        parse->at += len + 1;
                        return 0;
                }
        return report_unknown_key(parse, len);
}

/* The end of a bracket expression. A ']' right at its beginning is a part of it. NULL if it has no end. */
static const char *skip_brackets(const char *at)
{
        at++;
        if (*at == '!' || *at == '^')
                at++;
        if (*at == ']')
                at++;
        for (; *at && *at != ']'; at++)
                if (*at == '\\' && at[1])
                        at++;
        return *at ? at + 1 : NULL;
}

static int parse_glob(struct parse *parse, struct term *term)
{
        const char *start = parse->at;

        while (*parse->at && *parse->at != ',') {
                const char *next = parse->at + 1;

                if (*parse->at == '[')
                        next = skip_brackets(parse->at);
                else if (*parse->at == '\\')
                        next = *next ? next + 1 : NULL;
                if (!next && *parse->at == '[')
                        return report_rule_error(parse, "this '[' has no ']'; a '[' itself is \"\\[\"");
                if (!next)
                        return report_rule_error(parse, "nothing follows the '\\'");
                parse->at = next;
        }
        size_t len = (size_t)(parse->at - start);
        memcpy(term->glob, start, len);
        term->glob[len] = '\0';
        return 0;
}

static int parse_rule(struct parse *parse, struct rule *rule)
{
        int r = 0;

        do {
                if (*parse->at == ',')
                        parse->at++;
                if (rule->n == MAX_TERMS)
                        return report_rule_error(parse, "a rule has %d globs at most", MAX_TERMS);
                r = parse_key(parse, &rule->terms[rule->n]);
                if (!r)
                        r = parse_glob(parse, &rule->terms[rule->n++]);
        } while (!r && *parse->at);
        return r;
}

/* Reads a rule that is only a glob. */
static int parse_name(struct parse *parse, struct rule *rule)
{
        int r = *parse->at ? parse_glob(parse, &rule->terms[rule->n++])
                           : report_rule_error(parse, "a label's name is expected, or a glob");

        if (!r && *parse->at)
                return report_rule_error(parse, "no label's name has a ','");
        return r;
}

static const struct action {
        const char *word;
        int (*parse)(struct parse *parse, struct rule *rule);
} actions[] = {
        [FIND_DROP] = { "drop", parse_rule },
        [FIND_SELECT] = { "select", parse_rule },
        [FIND_NATIVE] = { "native", parse_rule },
        [FIND_SEND_LABEL] = { "send-label", parse_name },
};

int find_rules_add(struct find_rules *rules, enum find_action action, const char *text,
                   char error[static FIND_RULE_ERROR_SIZE])
{
        struct parse parse = { .text = text, .at = text, .error = error };
        struct rule *all = reallocarray(rules->all, rules->n + 1, sizeof(*all));

        if (!all)
                return -ENOMEM;
        rules->all = all;
        struct rule *rule = &all[rules->n];
        *rule = (struct rule){ .action = action };
        if (snprintf(rule->text, sizeof(rule->text), "%s %s", actions[action].word, text) >= (int)sizeof(rule->text))
                return report_rule_error(&parse, "a rule has %d characters at most",
                                         FIND_RULE_SIZE - (int)sizeof("select "));
        int r = actions[action].parse(&parse, rule);
        if (r)
                return r;
        rules->n++;
        rules->some_select |= action == FIND_SELECT;
        rules->some_native |= action == FIND_NATIVE;
        for (unsigned i = 0; i < rule->n; i++)
                rules->some_label |= !rule->terms[i].key || rule->terms[i].key->values[0] == LABELS;
        return 0;
}

/* ---- applying the rules ---------------------------------------------------- */

/* Whether a term matches. An unknown value ("") is compared only if no value of the key is known. */
static bool term_matches(const struct term *term, const char *const values[static N_VALUES])
{
        bool known = false;

        for (unsigned i = 0; i < term->key->n; i++) {
                const char *value = values[term->key->values[i]];

                for (; value[0]; value += strlen(value) + 1) {
                        known = true;
                        if (fnmatch(term->glob, value, 0) == 0)
                                return true;
                        if (!term->key->several)
                                break;
                }
        }
        return !known && fnmatch(term->glob, "", 0) == 0;
}

static bool rule_matches(const struct rule *rule, const char *const values[static N_VALUES])
{
        for (unsigned i = 0; i < rule->n; i++)
                if (!term_matches(&rule->terms[i], values))
                        return false;
        return true;
}

bool find_rules_want_labels(const struct find_rules *rules)
{
        return rules && rules->some_label;
}

static bool sends_label(const struct find_rules *rules, const char *name)
{
        for (size_t i = 0; i < rules->n; i++)
                if (rules->all[i].action == FIND_SEND_LABEL && fnmatch(rules->all[i].terms[0].glob, name, 0) == 0)
                        return true;
        return false;
}

void find_rules_add_labels(const struct find_rules *rules, const char *labels, struct find_process *process)
{
        char name[2 * FIND_NAME_SIZE];

        for (; rules && rules->some_label && *labels; labels += strlen(labels) + 1) {
                size_t len = strcspn(labels, "=");

                if (!labels[len] || len >= sizeof(name))
                        continue;
                memcpy(name, labels, len);
                name[len] = '\0';
                if (sends_label(rules, name))
                        find_resource_add_label(process, name, labels + len + 1);
        }
}

/* Whether a rule says nothing of this process, or nothing new. */
static bool is_idle_rule(const struct rule *rule, const struct find_process *process)
{
        switch (rule->action) {
        case FIND_SEND_LABEL:
                return true;
        case FIND_NATIVE:
                return !process->python_only;
        default:
                return process->rule[0] != '\0';
        }
}

void find_rules_apply(const struct find_rules *rules, const struct find_facts *facts, struct find_process *process)
{
        char pid[16];
        const char *const values[N_VALUES] = {
                [NAMESPACE] = process->pod_namespace,
                [POD] = process->pod,
                [POD_UID] = process->pod_uid,
                [CONTAINER_NAME] = process->container_name,
                [K8S_CONTAINER] = process->k8s_container,
                [CONTAINER_ID] = process->container_id,
                [IMAGE] = process->image,
                [SERVICE] = process->service,
                [EXE] = process->exe,
                [EXE_NAME] = find_basename(process->exe),
                [CMDLINE] = process->cmdline,
                [CGROUP] = facts->cgroup,
                [LABELS] = facts->labels,
                [PID] = pid,
        };

        snprintf(pid, sizeof(pid), "%d", process->pid);
        process->selected = !rules || !rules->some_select;
        process->rule[0] = '\0';
        process->python_only = rules && rules->some_native;
        for (size_t i = rules ? rules->n : 0; i-- > 0;) {
                const struct rule *rule = &rules->all[i];

                if (is_idle_rule(rule, process) || !rule_matches(rule, values))
                        continue;
                if (rule->action == FIND_NATIVE) {
                        process->python_only = false;
                } else {
                        process->selected = rule->action == FIND_SELECT;
                        memcpy(process->rule, rule->text, sizeof(process->rule));
                }
        }
}
