/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/choose/choose.h"
#include "agent/find/internal.h"
#include "tests/unit/find_attributes.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(find_select);

static const struct find_facts facts = { .cgroup = "/kubepods/pod1/x", .labels = "app=web\0tier=front=1\0" };
static const struct find_facts of_no_container = { .cgroup = "/kubepods/pod1/x", .labels = "" };
static const struct find_facts no_facts = { .cgroup = "", .labels = "" };

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"

static const struct find_process web = {
        .pid = 77,
        .exe = "/usr/bin/python3.11",
        .cmdline = "python3 a,b.py [x]",
        .container_id = ID,
        .image = "quay.io/shop:2",
        .pod = "web-0",
        .pod_namespace = "shop",
        .k8s_container = "app",
        .pod_uid = "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288",
        .service = "shop",
};

static const struct find_process of_host = { .pid = 78, .exe = "/usr/bin/python3.11", .service = "tool" };

static enum find_action action_of(char sign)
{
        return sign == '+' ? FIND_SELECT : sign == '*' ? FIND_NATIVE : sign == '@' ? FIND_SEND_LABEL : FIND_DROP;
}

/* Rules: "+RULE" to select, "-RULE" to drop, "*RULE" for native stacks, "@GLOB" to send labels. */
static struct find_rules *rules_of(const char *const *texts)
{
        char error[FIND_RULE_ERROR_SIZE] = "";
        struct find_rules *rules;

        cr_assert_eq(find_rules_new(&rules), 0);
        for (; *texts; texts++)
                cr_assert_eq(find_rules_add(rules, action_of(**texts), *texts + 1, error), 0, "%s", error);
        return rules;
}

static bool applies(const struct find_process *process, const char *const *texts, const char *expected_rule)
{
        struct find_rules *rules = rules_of(texts);
        struct find_process copy = *process;

        find_rules_apply(rules, &facts, &copy);
        cr_expect_str_eq(copy.rule, expected_rule);
        find_rules_free(rules);
        return copy.selected;
}

static bool is_python_only(const struct find_process *process, const char *const *texts)
{
        struct find_rules *rules = rules_of(texts);
        struct find_process copy = *process;

        copy.python_only = true;
        find_rules_apply(rules, &facts, &copy);
        find_rules_free(rules);
        return copy.python_only;
}

Test(find_select, native_stacks)
{
        static const struct {
                const char *rules[4];
                bool web, host; /* Python only */
        } cases[] = {
                { { NULL }, false, false },
                { { "+service=shop" }, false, false },
                { { "*service=shop" }, false, true },
                { { "*service=shop", "*exe=python3*" }, false, false },
                { { "*exe=python3*", "*service=nobody" }, false, false },
                { { "*service=nobody" }, true, true },
                { { "*service=shop", "-service=shop", "+service=tool" }, false, true },
        };
        struct find_process copy = web;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                cr_expect_eq(is_python_only(&web, cases[i].rules), cases[i].web, "web, case %zu", i);
                cr_expect_eq(is_python_only(&of_host, cases[i].rules), cases[i].host, "host, case %zu", i);
        }
        find_rules_apply(NULL, &facts, &copy);
        cr_expect_not(copy.python_only);
        /* They do not decide which processes are selected, whatever their place. */
        cr_expect(applies(&web, (const char *const[]){ "*service=tool", NULL }, ""));
        cr_expect_not(
                applies(&web, (const char *const[]){ "-service=shop", "*service=shop", NULL }, "drop service=shop"));
}

Test(find_select, globs)
{
        static const struct {
                const char *rule;
                bool web, host;
        } cases[] = {
                { "+namespace=shop", true, false },
                { "+namespace=sh?p", true, false },
                { "+namespace=sho", false, false },
                { "+namespace=", false, true },
                { "+namespace=*", true, true },
                { "+namespace=?*", true, false },
                { "+pod=web-[0-9]", true, false },
                { "+pod=f6f2d169-*", true, false },
                { "+container=app", true, false },
                { "+container=" ID, true, false },
                { "+container=b4d6*", true, false },
                { "+container=", false, true },
                { "+image=*shop*", true, false },
                { "+image=quay.io/*", true, false },
                { "+service=tool", false, true },
                { "+exe=python3*", true, true },
                { "+exe=/usr/bin/*", true, true },
                { "+cmdline=*a\\,b.py*", true, false },
                { "+cmdline=*[,]b.py*", true, false },
                { "+cmdline=* \\[x]", true, false },
                { "+cmdline=*[]x]", true, false },
                { "+cgroup=/kubepods/*", true, true },
                { "+label=app=web", true, false },
                { "+label=app=w*", true, false },
                { "+label=tier=*", true, false },
                { "+label=tier=front=1", true, false },
                { "+label=web", false, false },
                { "+label=", false, true },
                { "+label=app=*,label=tier=*", true, false },
                { "+label=app=*,label=tier=back", false, false },
                { "+pid=77", true, false },
                { "+namespace=shop,pod=web-*", true, false },
                { "+namespace=shop,pod=db-*", false, false },
                { "-namespace=shop", false, true },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const char *const texts[] = { cases[i].rule, NULL };
                struct find_rules *rules = rules_of(texts);
                struct find_process in_pod = web, plain = of_host;

                find_rules_apply(rules, &facts, &in_pod);
                find_rules_apply(rules, &of_no_container, &plain);
                cr_expect_eq(in_pod.selected, cases[i].web, "%s", cases[i].rule);
                cr_expect_eq(plain.selected, cases[i].host, "%s", cases[i].rule);
                find_rules_free(rules);
        }
}

#define RULES(...)                \
        (const char *const[])     \
        {                         \
                __VA_ARGS__, NULL \
        }

Test(find_select, the_last_match_decides)
{
        cr_expect(applies(&web, RULES("+namespace=shop"), "select namespace=shop"));
        cr_expect(!applies(&of_host, RULES("+namespace=shop"), ""));
        cr_expect(applies(&of_host, RULES("-namespace=shop"), ""));
        cr_expect(!applies(&web, RULES("+namespace=*", "-pod=web-*"), "drop pod=web-*"));
        cr_expect(applies(&web, RULES("-pod=web-*", "+namespace=shop"), "select namespace=shop"));
        cr_expect(applies(&web, RULES("-pod=*", "+pod=web-*", "-pod=db-*"), "select pod=web-*"));
        cr_expect(!applies(&of_host, RULES("-pod=db-*", "+pod=web-*"), ""));
}

Test(find_select, without_rules_everything)
{
        struct find_process process = of_host;

        find_rules_apply(NULL, &no_facts, &process);
        cr_expect(process.selected);
        cr_expect_str_eq(process.rule, "");
        find_rules_free(NULL);
}

/* "KEY=VALUE;" of each attribute that the rules make of @labels. */
static const char *list_attributes(const struct find_process *process, const char *labels, const char *const *texts)
{
        struct find_rules *rules = rules_of(texts);
        struct find_process copy = *process;

        find_rules_add_labels(rules, labels, &copy);
        find_rules_free(rules);
        return attributes_list(&copy);
}

Test(find_select, labels_that_are_sent)
{
        static const char labels[] = "app=web\0app.kubernetes.io/version=1=2\0empty=\0tier=front\0";
        static const struct {
                const char *rules[3], *attributes;
        } cases[] = {
                { { NULL }, "" },
                { { "+label=app=web" }, "" },
                { { "@app" }, "k8s.pod.label.app=web;" },
                { { "@app*" }, "k8s.pod.label.app=web;k8s.pod.label.app.kubernetes.io/version=1=2;" },
                { { "@tier", "@app" }, "k8s.pod.label.app=web;k8s.pod.label.tier=front;" },
                { { "@ap?", "@app" }, "k8s.pod.label.app=web;" },
                { { "@[et]*" }, "k8s.pod.label.tier=front;" }, /* an empty value is no attribute */
                { { "@App" }, "" },
                { { "@app=web" }, "" },
        };
        struct find_process process = { .service = "x" };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                cr_expect_str_eq(list_attributes(&web, labels, cases[i].rules), cases[i].attributes, "case %zu", i);
        cr_expect_str_eq(list_attributes(&process, labels, cases[2].rules), "container.label.app=web;");
        cr_expect_str_eq(list_attributes(&process, "", cases[3].rules), "");
        find_rules_add_labels(NULL, labels, &process);
        cr_expect_str_eq(process.resource, "");
}

/* What a process claims does not take the place of its pod's labels. */
Test(find_select, labels_come_before_claims)
{
        char labels[FIND_LABELS_SIZE] = "a=1", claims[] = "a=claimed,b=2", error[FIND_RULE_ERROR_SIZE];
        struct find_process process = { .pod = "web-0" };
        struct find_rules *rules;

        memset(labels + strlen("a=1") + 1, 'v', 2000); /* too long for an attribute */
        labels[10] = '=';
        cr_assert_eq(find_rules_new(&rules), 0);
        cr_assert_eq(find_rules_add(rules, FIND_SEND_LABEL, "*", error), 0);
        find_rules_add_labels(rules, labels, &process);
        find_resource_parse(claims, strlen(claims), &process);
        cr_expect_str_eq(attributes_list(&process), "k8s.pod.label.a=1;a=claimed;b=2;");
        find_rules_free(rules);
}

Test(find_select, what_is_no_name_of_a_label)
{
        static const struct {
                const char *glob, *message;
        } cases[] = {
                { "", "at character 1, a label's name is expected" },
                { "a,b", "at character 2, no label's name has a ','" },
                { "[a", "at character 1, this '[' has no ']'" },
                { "a\\", "nothing follows the '\\'" },
        };
        struct find_rules *rules;
        char error[FIND_RULE_ERROR_SIZE];

        cr_assert_eq(find_rules_new(&rules), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                cr_expect_eq(find_rules_add(rules, FIND_SEND_LABEL, cases[i].glob, error), FIND_E_RULE);
                cr_expect_not_null(strstr(error, cases[i].message), "%s", error);
        }
        cr_expect_not(find_rules_want_labels(rules));
        cr_assert_eq(find_rules_add(rules, FIND_SEND_LABEL, "app*", error), 0);
        cr_expect(find_rules_want_labels(rules));
        find_rules_free(rules);
}

Test(find_select, what_is_no_rule)
{
        static const struct {
                const char *rule, *message;
        } cases[] = {
                { "", "at character 1" },
                { "pod", "KEY=GLOB is expected" },
                { "pod,image=x", "KEY=GLOB is expected" },
                { "pods=web", "'pods' is not a key; there are namespace, pod, container, image, service, exe, cmdline, "
                              "cgroup, label, pid" },
                { "=x", "'' is not a key" },
                { "pod=web,imag=x", "at character 9" },
                { "pod=web,", "at character 9" },
                { "pod=web,,image=x", "at character 9" },
                { "pod=[a", "at character 5, this '[' has no ']'" },
                { "pod=[]", "has no ']'" },
                { "pod=a[!", "at character 6" },
                { "pod=x\\", "at character 6, nothing follows the '\\'" },
        };
        struct find_rules *rules;
        char error[FIND_RULE_ERROR_SIZE];

        cr_assert_eq(find_rules_new(&rules), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                cr_expect_eq(find_rules_add(rules, FIND_SELECT, cases[i].rule, error), FIND_E_RULE, "%s",
                             cases[i].rule);
                cr_expect_not_null(strstr(error, cases[i].message), "%s", error);
                cr_expect_not_null(strstr(error, cases[i].rule), "%s", error);
        }
        /* None of them has been added. */
        struct find_process process = web;
        find_rules_apply(rules, &no_facts, &process);
        cr_expect(process.selected);
        find_rules_free(rules);
}

Test(find_select, bounds)
{
        char text[1024] = "pid=1", error[FIND_RULE_ERROR_SIZE];
        struct find_rules *rules;

        cr_assert_eq(find_rules_new(&rules), 0);
        for (int i = 0; i < 9; i++)
                strcat(text, ",pid=1");
        cr_expect_eq(find_rules_add(rules, FIND_SELECT, text, error), 0);
        strcat(text, ",pid=1");
        cr_expect_eq(find_rules_add(rules, FIND_SELECT, text, error), FIND_E_RULE);
        snprintf(text, sizeof(text), "pod=%0*d", FIND_RULE_SIZE, 0);
        cr_expect_eq(find_rules_add(rules, FIND_SELECT, text, error), FIND_E_RULE);
        cr_expect_not_null(strstr(error, "at most"));
        find_rules_free(rules);
}
