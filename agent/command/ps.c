/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podflame ps: lists the Python processes of this machine, their containers and services, and whether they can be
 * profiled.
 */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/explanations.h"
#include "agent/command/cli/json.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/refusals.h"
#include "agent/command/processes/selection.h"
#include "command.h"
#include "commands.h"

#include "agent/find/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct ps_config {
        struct selection_options selection;
        struct finding_options finding;
        struct confinement_options confinement;
        const char *pod;
        bool json, verbose;
};

static const struct option_spec specs[] = {
        { .name = "json",
          .letter = 'j',
          .kind = OPTION_FLAG,
          .field = offsetof(struct ps_config, json),
          .help = "as JSON" },
        { .name = "pod",
          .kind = OPTION_TEXT,
          .field = offsetof(struct ps_config, pod),
          .argument = "POD",
          .help = "only those of this pod: [NAMESPACE/]POD[/CONTAINER]" },
        REFUSALS_OPTION(struct ps_config, verbose),
        SELECTION_OPTIONS(struct ps_config, selection),
        FINDING_OPTIONS(struct ps_config, finding),
        CONFINEMENT_OPTIONS(struct ps_config, confinement),
};

static const struct usage usage = {
        .command = "ps",
        .synopsis = "[OPTION]...",
        .text = "Lists the Python processes of this machine, why one cannot be profiled if so, and which of\n"
                "them `podflame agent` would take, given the same rules.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

struct listing {
        struct find_process *items;
        size_t n;
        /* number of processes, Python by name, that were not looked at since file descriptors were short */
        size_t starved;
        bool lost; /* memory ran out for a process */
};

static void add_listed_process(void *ctx, const struct find_process *process, struct pystack *py)
{
        struct listing *listing = ctx;
        struct find_process *items = realloc(listing->items, (listing->n + 1) * sizeof *items);

        pystack_close(py);
        listing->lost |= !items;
        if (!items)
                return;
        listing->items = items;
        items[listing->n++] = *process;
}

static void ignore_ended_process(void *ctx, pid_t pid, uint64_t start_time)
{
        (void)ctx;
        (void)pid;
        (void)start_time;
}

/* Says in a few words why a process cannot be profiled. The remedy is longer. */
static void describe_problem(const struct find_process *p, char *ret, size_t size)
{
        if (p->status == 0)
                snprintf(ret, size, "%s", "");
        else if (p->status == PYSTACK_E_DENIED)
                explain_denial(p->pid, ret, size);
        else
                snprintf(ret, size, "%s", p->info.detail[0] ? p->info.detail : pystack_strerror(p->status));
}

/* The text of the rule that decided. */
static const char *deciding_rule_of(const struct find_process *p)
{
        return *p->rule ? p->rule : p->selected ? "" : "no rule matches";
}

/* The container's name: Docker's, or Kubernetes's. */
static void name_container(const struct find_process *p, char *ret, size_t size)
{
        if (*p->container_name || !*p->pod)
                snprintf(ret, size, "%s", *p->container_name ? p->container_name : "-");
        else
                snprintf(ret, size, "%s/%s/%s", p->pod_namespace, p->pod, p->k8s_container);
}

/* Remedies for refused processes, each once: most processes need the same one. */
struct remedies {
        char texts[4][512];
        size_t n;
};

static void add_remedy(struct remedies *remedies, const struct find_process *p)
{
        char text[sizeof *remedies->texts];

        explain_denial(p->pid, text, sizeof text);
        for (size_t i = 0; i < remedies->n; i++)
                if (strcmp(remedies->texts[i], text) == 0)
                        return;
        if (remedies->n < sizeof remedies->texts / sizeof *remedies->texts)
                strcpy(remedies->texts[remedies->n++], text);
}

/* The width of the columns with names: that of the longest name, within bounds. */
struct columns {
        int name, image;
};

#define NAME_WIDTH_MAX 64

static int widen_column(int width, const char *text)
{
        int len = (int)strlen(text);

        len = len < NAME_WIDTH_MAX ? len : NAME_WIDTH_MAX;
        return len > width ? len : width;
}

static struct columns measure_columns(const struct listing *listing)
{
        struct columns c = { strlen("NAME"), strlen("IMAGE") };
        char container[2 * FIND_NAME_SIZE];

        for (size_t i = 0; i < listing->n; i++) {
                name_container(&listing->items[i], container, sizeof container);
                c.name = widen_column(c.name, container);
                c.image = widen_column(c.image, listing->items[i].image);
        }
        return c;
}

static void print_row(const struct find_process *p, const struct columns *columns, bool rules)
{
        char version[32], why[512], container[2 * FIND_NAME_SIZE];
        bool denied = p->status == PYSTACK_E_DENIED;

        format_version(p->info.version, version, sizeof version);
        describe_problem(p, why, sizeof why);
        name_container(p, container, sizeof container);
        printf("%7d  %-9s ", p->pid, version);
        if (rules)
                printf("%-8s ", p->selected ? "yes" : "no");
        printf("%-13.12s %-*s  %-*s  ", *p->container_id ? p->container_id : "-", columns->name, container,
               columns->image, *p->image ? p->image : "-");
        if (*why)
                printf("not profilable (%s): ", denied ? "permission refused" : why);
        if (*p->claimed_id)
                printf("not in container %.12s, whose name its cgroup has: ", p->claimed_id);
        puts(p->cmdline);
        if (*deciding_rule_of(p))
                printf("%7s  %s: %s\n", "", p->selected ? "selected" : "not selected", deciding_rule_of(p));
}

static void print_table(const struct listing *listing, bool rules)
{
        const struct columns columns = measure_columns(listing);
        struct remedies remedies = { .n = 0 };

        printf("%7s  %-9s %s%-13s %-*s  %-*s  %s\n", "PID", "PYTHON", rules ? "SELECTED " : "", "CONTAINER",
               columns.name, "NAME", columns.image, "IMAGE", "COMMAND");
        for (size_t i = 0; i < listing->n; i++) {
                print_row(&listing->items[i], &columns, rules);
                if (listing->items[i].status == PYSTACK_E_DENIED)
                        add_remedy(&remedies, &listing->items[i]);
        }
        for (size_t i = 0; i < remedies.n; i++)
                printf("%spermission refused: %s\n", i == 0 ? "\n" : "", remedies.texts[i]);
}

static void print_json(const struct listing *listing)
{
        struct json_object *all = json_list();

        for (size_t i = 0; i < listing->n; i++) {
                struct json_object *one = json_of_process(&listing->items[i]);
                char why[512];
                describe_problem(&listing->items[i], why, sizeof why);
                json_put_flag(one, "profilable", !*why);
                json_put_text(one, "reason", why);
                json_put_flag(one, "selected", listing->items[i].selected);
                json_put_text(one, "rule", listing->items[i].rule);
                json_append(all, one);
        }
        json_print(all);
}

static int by_pid(const void *a, const void *b)
{
        return ((const struct find_process *)a)->pid - ((const struct find_process *)b)->pid;
}

/* A process that is too young for the agent is not selected yet, whatever the rules say. */
static void apply_min_age(struct listing *listing, double min_age)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        for (size_t i = 0; i < listing->n; i++) {
                struct find_process *p = &listing->items[i];
                double started = (double)p->start_time / (double)sysconf(_SC_CLK_TCK);
                if (!p->selected || (double)now.tv_sec + (double)now.tv_nsec / 1e9 - started >= min_age)
                        continue;
                p->selected = false;
                snprintf(p->rule, sizeof p->rule, "min-age %g s", min_age);
        }
}

/* Finds the processes. GO_ON, or an exit status after a message. */
static int list_processes(const struct ps_config *ps, const struct find_rules *rules, struct listing *listing)
{
        const struct find_events events = { .ctx = listing, .born = add_listed_process, .ended = ignore_ended_process };
        struct find_config config = finding_config();
        struct find *find = NULL;

        config.rules = rules;
        config.read_unselected = true;
        config.once = true;
        int status = finding_open_with(config, &ps->finding, &usage, &find);
        if (status != GO_ON)
                return status;
        int r = find_scan(find, &events);
        listing->starved = find_starved(find);
        find_close(find);
        if (r == 0 && listing->lost)
                return say_error("out of memory");
        return r == 0 ? GO_ON : say_error("/proc cannot be read: %s", strerror(-r));
}

/* Prints the number of processes that were not looked at. The list itself is true. */
static int say_starved(size_t n)
{
        return say_error("%zu Python process%s not listed: nearly all file descriptors are taken; raise `ulimit -n`", n,
                         n == 1 ? " is" : "es are");
}

static void keep_pod(struct listing *listing, const char *pod)
{
        size_t n = 0;

        for (size_t i = 0; i < listing->n; i++)
                if (find_is_in_pod(&listing->items[i], pod))
                        listing->items[n++] = listing->items[i];
        listing->n = n;
}

/* Prints the list. @rules: there are rules, so that some processes may be left out. */
static void print_listing(const struct ps_config *config, bool rules, struct listing *listing)
{
        if (config->pod)
                keep_pod(listing, config->pod);
        apply_min_age(listing, config->selection.min_age);
        if (listing->n > 0)
                qsort(listing->items, listing->n, sizeof *listing->items, by_pid);
        if (config->json)
                print_json(listing);
        else
                print_table(listing, rules || config->selection.min_age > 0);
}

int ps_run(int argc, char **argv)
{
        struct ps_config config = { 0 };
        struct find_rules *rules = NULL;
        struct listing listing = { 0 };
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && rest < argc)
                status = options_wrong_word(&usage, argv[rest], NULL);
        if (status == GO_ON)
                status = selection_rules(&config.selection, &usage, &rules);
        if (status == GO_ON)
                status = confine(&config.confinement, &usage, CONFINE_VIEWER);
        if (config.verbose)
                refusals_keep();
        if (status == GO_ON)
                status = list_processes(&config, rules, &listing);
        if (status == GO_ON) {
                say_hiding();
                print_listing(&config, rules != NULL, &listing);
                for (size_t i = 0; i < listing.n; i++)
                        refusals_say(listing.items[i].pid);
                status = listing.starved > 0 ? say_starved(listing.starved) : EXIT_OK;
        }
        refusals_end();
        free(listing.items);
        find_rules_free(rules);
        selection_deinit(&config.selection);
        return status;
}
