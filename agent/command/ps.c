/* SPDX-License-Identifier: Apache-2.0 */
/* podflame ps: the Python processes of this machine, whose they are, and whether they can be profiled. */
#include "command.h"
#include "commands.h"
#include "finding.h"
#include "json.h"
#include "options.h"
#include "say.h"

#include "agent/find/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ps_config {
        bool json;
};

static const struct option_spec specs[] = {
        { .name = "json", .letter = 'j', .kind = OPTION_FLAG, .field = offsetof(struct ps_config, json),
          .help = "as JSON" },
};

static const struct usage usage = {
        .command = "ps",
        .synopsis = "[OPTION]...",
        .text = "Lists the Python processes of this machine, and why one cannot be profiled if so.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

struct listing {
        struct find_process *items;
        size_t n;
};

static void born(void *ctx, const struct find_process *process, struct pystack *py)
{
        struct listing *listing = ctx;
        struct find_process *items = realloc(listing->items, (listing->n + 1) * sizeof *items);

        pystack_close(py);
        if (!items)
                return;
        listing->items = items;
        items[listing->n++] = *process;
}

static void ended(void *ctx, pid_t pid, uint64_t start_time)
{
        (void)ctx;
        (void)pid;
        (void)start_time;
}

/* Why not, in a few words; the remedy is longer. */
static void problem(const struct find_process *p, char *ret, size_t size)
{
        if (p->status == 0)
                snprintf(ret, size, "%s", "");
        else if (p->status == PYSTACK_E_DENIED)
                explain_denial(p->pid, ret, size);
        else
                snprintf(ret, size, "%s", p->info.detail[0] ? p->info.detail : pystack_strerror(p->status));
}

static void print_table(const struct listing *listing)
{
        printf("%7s  %-8s %-13s %-20s %-24s %s\n", "PID", "PYTHON", "CONTAINER", "NAME", "IMAGE", "COMMAND");
        for (size_t i = 0; i < listing->n; i++) {
                const struct find_process *p = &listing->items[i];
                char version[32], why[512];
                format_version(p->info.version, version, sizeof version);
                problem(p, why, sizeof why);
                printf("%7d  %-8s %-13.12s %-20s %-24s %s\n", p->pid, version,
                       *p->container_id ? p->container_id : "-", *p->container_name ? p->container_name : "-",
                       *p->image ? p->image : "-", p->cmdline);
                if (*why)
                        printf("%7s  not profilable: %s\n", "", why);
        }
}

static void print_json(const struct listing *listing)
{
        struct json_object *all = json_list();

        for (size_t i = 0; i < listing->n; i++) {
                struct json_object *one = json_of_process(&listing->items[i]);
                char why[512];
                problem(&listing->items[i], why, sizeof why);
                json_put_flag(one, "profilable", !*why);
                json_put_text(one, "reason", why);
                json_append(all, one);
        }
        json_print(all);
}

static int by_pid(const void *a, const void *b)
{
        return ((const struct find_process *)a)->pid - ((const struct find_process *)b)->pid;
}

int ps_run(int argc, char **argv)
{
        struct ps_config config = { 0 };
        struct listing listing = { 0 };
        struct find_events events = { .ctx = &listing, .born = born, .ended = ended };
        struct find *find = NULL;
        int rest;
        int e = options_parse(&usage, argc, argv, &config, &rest);

        if (e >= 0)
                return e;
        if (rest < argc)
                return options_wrong(&usage, "'%s' is not an option", argv[rest]);
        if (finding_open(false, &find) != 0 || (e = find_scan(find, &events)) != 0) {
                find_close(find);
                return say_error("/proc cannot be read");
        }
        if (listing.n > 0)
                qsort(listing.items, listing.n, sizeof *listing.items, by_pid);
        if (config.json)
                print_json(&listing);
        else
                print_table(&listing);
        free(listing.items);
        find_close(find);
        return EXIT_OK;
}
