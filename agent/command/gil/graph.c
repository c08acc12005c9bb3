/* SPDX-License-Identifier: Apache-2.0 */
#include "graph.h"

#include "agent/command/command.h"

#include <string.h>

bool graph_is_wanted(const struct graph *g)
{
        return g->options.format || g->options.path;
}

bool graph_is_printed(const struct graph *g)
{
        return g->options.format && !g->options.path;
}

int graph_open(struct graph *g, const struct usage *usage, struct outside_duty ret_duties[static OUTSIDE_DEEDS])
{
        if (!graph_is_wanted(g))
                return g->options.threads ? options_wrong(usage, "--threads is for -o FILE: the report has threads")
                                          : GO_ON;
        int status = output_choose(usage, g->options.format, g->options.path, &g->output);
        if (status == GO_ON)
                status = output_open(&g->output);
        if (status == GO_ON)
                output_duties(&g->output, &g->outside, ret_duties);
        return status;
}

static bool is_of_process(const struct profile *p, const char *pid)
{
        const char *of = profile_attribute(p, "process.pid");

        return of && strcmp(of, pid) == 0;
}

static struct profile *find_process(const struct graph *g, const struct profile *p)
{
        const char *pid = profile_attribute(p, "process.pid");

        for (size_t i = 0; pid && i < g->set.n; i++)
                if (is_of_process(g->set.items[i], pid))
                        return g->set.items[i];
        return NULL;
}

int graph_add(struct graph *g, const struct profile *p)
{
        struct profile *blame, *before = find_process(g, p);
        int e = graph_is_wanted(g) ? profile_blame(p, g->options.threads, &blame) : 0;

        if (e < 0 || !graph_is_wanted(g))
                return e;
        if (!before && (e = profile_set_add(&g->set, blame)) == 0)
                return 0;
        if (before)
                e = profile_merge(before, blame, true);
        profile_free(blame);
        return e;
}

int graph_write(struct graph *g)
{
        return graph_is_wanted(g) ? output_write(&g->output, &g->set) : 0;
}

void graph_close(struct graph *g)
{
        output_close(&g->output);
        outside_close(&g->outside);
        profile_set_deinit(&g->set);
}
