/* SPDX-License-Identifier: Apache-2.0 */
#include "graph.h"

#include "agent/command/command.h"

#include <inttypes.h>
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

static struct profile *look_up_process(const struct graph *g, const struct profile *p)
{
        const char *pid = profile_attribute(p, "process.pid");

        for (size_t i = 0; pid && i < g->set.n; i++)
                if (is_of_process(g->set.items[i], pid))
                        return g->set.items[i];
        return NULL;
}

int graph_add(struct graph *g, const struct profile *p)
{
        struct profile *blame, *before = look_up_process(g, p);
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

/* ---- html ----------------------------------------------------------------------------------- */

/* The most threads that the page lists. */
#define PAGE_THREADS_MAX 200

struct page {
        const struct graph *graph;
        const struct blame *blame;
};

static void write_thread(const struct blame_thread *thread, FILE *out)
{
        static const char *const keys[BLAME_DOINGS] = { "running", "holding", "waiting", "idle", "unknown" };

        putc('{', out);
        html_write_member("name", thread->name, out);
        fprintf(out, ",\"tid\":%" PRIu64, thread->tid);
        for (size_t i = 0; i < BLAME_DOINGS; i++)
                fprintf(out, ",\"%s\":%.6f", keys[i], (double)thread->ns[i] / 1e9);
        putc('}', out);
}

/* Times are in seconds. */
static int write_page_data(const void *what, FILE *out)
{
        static struct blame_thread threads[PAGE_THREADS_MAX];
        const struct page *page = what;
        size_t n = blame_threads(page->blame, PAGE_THREADS_MAX, threads);

        putc('{', out);
        int r = html_write_profile(&page->graph->set, out);
        fputs(",\"threads\":[", out);
        for (size_t i = 0; i < n; i++) {
                fputs(i > 0 ? "," : "", out);
                write_thread(&threads[i], out);
        }
        fputs("]}", out);
        return r;
}

static int write_html(const void *what, FILE *out)
{
        return html_write_page(write_page_data, what, out);
}

int graph_write(struct graph *g, const struct blame *blame)
{
        if (!graph_is_wanted(g))
                return 0;
        if (strcmp(g->output.format->name, "html") == 0)
                return output_write_with(&g->output, write_html, &(struct page){ g, blame });
        return output_write(&g->output, &g->set);
}

void graph_close(struct graph *g)
{
        output_close(&g->output);
        outside_close(&g->outside);
        profile_set_deinit(&g->set);
}
