/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of tasks: below each task those that it awaits. A task that several await stands below the first of them. */
#include "task_tree.h"

#include "agent/command/cli/messages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Deeper tasks stand no further to the right. */
#define INDENT_MAX 40

/* ---- the tree -------------------------------------------------------------------------------- */

static void link_view(struct task_views *views, size_t i)
{
        struct task_view *v = &views->items[i];

        for (size_t j = 0; j < v->task.n_awaiters && v->parent < 0; j++) {
                struct task_view *awaiter = task_views_get(views, v->task.awaiters[j]);
                if (!awaiter)
                        continue;
                v->parent = (int32_t)(awaiter - views->items);
                if (awaiter->last_child >= 0)
                        views->items[awaiter->last_child].next = (int32_t)i;
                else
                        awaiter->first_child = (int32_t)i;
                awaiter->last_child = (int32_t)i;
        }
}

typedef void (*write_fn)(struct task_views *views, struct task_view *view, unsigned depth, bool cycle);

/* Goes through the tree below @root without recursion: up again by the parents. */
static void write_below(struct task_views *views, int32_t root, bool cycle, write_fn write)
{
        unsigned depth = 0;
        int32_t at = root;

        while (at >= 0) {
                struct task_view *v = &views->items[at];
                if (!v->printed)
                        write(views, v, depth, cycle && at == root);
                int32_t child = v->printed ? -1 : v->first_child;
                v->printed = true;
                if (child >= 0 && !views->items[child].printed) {
                        at = child;
                        depth++;
                        continue;
                }
                while (at != root && views->items[at].next < 0) {
                        at = views->items[at].parent;
                        depth--;
                }
                at = at == root ? -1 : views->items[at].next;
        }
}

static void write_tree(struct task_views *views, write_fn write)
{
        for (size_t i = 0; i < views->n; i++)
                link_view(views, i);
        for (size_t i = 0; i < views->n; i++)
                if (views->items[i].parent < 0)
                        write_below(views, (int32_t)i, false, write);
        /* What is left has a parent each, and no root: these await each other. */
        for (size_t i = 0; i < views->n; i++)
                if (!views->items[i].printed)
                        write_below(views, (int32_t)i, true, write);
}

/* ---- text ------------------------------------------------------------------------------------- */

static void write_indent(FILE *out, unsigned depth, unsigned more)
{
        unsigned n = 2 * (depth < INDENT_MAX ? depth : INDENT_MAX) + more;

        fprintf(out, "%*s", (int)n, "");
}

static void write_awaiters(const struct task_views *views, const struct task_view *v, unsigned depth, FILE *out)
{
        for (size_t i = 0; i < v->task.n_awaiters; i++) {
                const struct task_view *awaiter = task_views_get(views, v->task.awaiters[i]);
                if (!awaiter || awaiter == &views->items[v->parent])
                        continue;
                write_indent(out, depth, 4);
                fprintf(out, "(also awaited by task \"%s\")\n", awaiter->name);
        }
        if (v->task.more_awaiters) {
                write_indent(out, depth, 4);
                fputs("(also awaited by others)\n", out);
        }
}

static void write_text(struct task_views *views, struct task_view *v, unsigned depth, bool cycle)
{
        const struct subject *s = views->subject;
        char reason[2 * REASON_SIZE];
        const char *at = s->stacks_text + v->begin, *end = s->stacks_text + v->end;

        task_reason_text(views, v, reason, sizeof reason);
        if (depth == 0)
                fputs("\n", s->out);
        write_indent(s->out, depth, 0);
        fprintf(s->out, "Task \"%s\" (%s)%s\n", v->name, reason, cycle ? " (cycle of tasks)" : "");
        while (at < end) {
                const char *line = memchr(at, '\n', (size_t)(end - at));
                size_t n = (size_t)((line ? line + 1 : end) - at);
                write_indent(s->out, depth, 4);
                fwrite(at, 1, n, s->out);
                at += n;
        }
        write_awaiters(views, v, depth, s->out);
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void put_address(struct json_object *json, const char *key, uint64_t address)
{
        char text[24];

        snprintf(text, sizeof text, "0x%" PRIx64, address);
        json_put_text(json, key, address ? text : "");
}

static struct json_object *make_reason(const struct task_views *views, const struct task_view *v)
{
        const struct task_view *awaited = task_views_get(views, v->task.awaited);
        struct json_object *json = json_map();
        char text[2 * REASON_SIZE];

        task_reason_text(views, v, text, sizeof text);
        json_put_text(json, "kind", reason_task_word(v->reason.kind));
        json_put_text(json, "text", text);
        if (v->reason.what)
                json_put_text(json, "what", v->reason.what);
        json_put_name(json, "awaits", v->what);
        if (awaited) {
                put_address(json, "task", awaited->task.address);
                json_put_name(json, "task_name", awaited->name);
        }
        if (v->has_sleep) {
                json_put_real(json, "seconds_left", v->sleep_left);
                json_put_real(json, "seconds", v->sleep_whole);
        }
        if (v->has_descriptor)
                json_put_number(json, "fd", v->descriptor.fd);
        return json;
}

static void write_json(struct task_views *views, struct task_view *v, unsigned depth, bool cycle)
{
        struct json_object *awaiters = json_list();
        char text[24];

        (void)depth;
        json_put_name(v->json, "name", v->name);
        put_address(v->json, "id", v->task.address);
        json_put_text(v->json, "state",
                      v->task.state == PYSTACK_TASK_NEW    ? "new"
                      : v->task.state == PYSTACK_TASK_RUNS ? "running"
                                                           : "suspended");
        json_put(v->json, "reason", make_reason(views, v));
        for (size_t i = 0; i < v->task.n_awaiters; i++) {
                snprintf(text, sizeof text, "0x%" PRIx64, v->task.awaiters[i]);
                json_append_text(awaiters, text);
        }
        json_put(v->json, "awaited_by", awaiters);
        json_put_flag(v->json, "more_awaiters", v->task.more_awaiters);
        json_put_flag(v->json, "cycle", cycle);
        json_put_flag(v->json, "truncated", v->task.truncated);
        json_add(views->subject->json, "tasks", v->json);
}

void task_tree_write(struct task_views *views)
{
        write_tree(views, views->subject->json ? write_json : write_text);
}
