/* SPDX-License-Identifier: Apache-2.0 */
/* The greenlets of a process that do not run, as dump --tasks prints them. */
#include "tasks.h"

#include "agent/command/cli/messages.h"

#include <inttypes.h>
#include <string.h>

/* CPU time that looking for them may take: they are found among all objects. 1.5 million take some 0.4 s. */
#define GREENLETS_CPU_NS 5000000000u

struct greenlets {
        struct subject *subject;
        struct json_object *list; /* NULL: text */
        size_t n;
};

static const char *name_state_of(const struct pystack_greenlet *g)
{
        static const char *const states[] = {
                [PYSTACK_GREENLET_NEW] = "has not begun",
                [PYSTACK_GREENLET_SUSPENDED] = "suspended",
                [PYSTACK_GREENLET_RUNS] = "running",
                [PYSTACK_GREENLET_ENDED] = "ended",
        };

        return states[g->state];
}

static void put_id(struct json_object *json, const char *key, uint64_t address)
{
        char text[24];

        snprintf(text, sizeof text, "0x%" PRIx64, address);
        json_put_text(json, key, address ? text : "");
}

static void append_greenlet(struct greenlets *all, const struct pystack_greenlet *g)
{
        const struct pystack_stack stack = { .frames = g->frames, .n = g->n };
        struct json_object *json = json_map(), *frames = json_list();

        for (size_t i = 0; i < g->n; i++)
                json_append_python(frames, all->subject->py, &stack, i);
        json_put_name(json, "type", g->type);
        put_id(json, "id", g->address);
        put_id(json, "parent", g->parent);
        json_put_text(json, "state", name_state_of(g));
        json_put_flag(json, "main", g->main);
        json_put_flag(json, "truncated", g->truncated);
        json_put(json, "frames", frames);
        json_append(all->list, json);
}

static void print_greenlet(struct greenlets *all, const struct pystack_greenlet *g)
{
        FILE *out = all->subject->stacks;

        fprintf(out, "\nGreenlet 0x%" PRIx64 " \"%s\" (%s", g->address, g->type, name_state_of(g));
        if (g->parent)
                fprintf(out, ", its parent is 0x%" PRIx64, g->parent);
        fprintf(out, "%s)\n", g->main ? ", the thread's own" : "");
        for (size_t i = 0; i < g->n; i++) {
                fputs("    ", out);
                task_frame_print(all->subject->py, &g->frames[i], out);
        }
        if (g->truncated)
                fputs("    (truncated)\n", out);
}

/* What has ended is of no interest, and what runs is among the threads. */
static bool keep_greenlet(void *ctx, const struct pystack_greenlet *g)
{
        struct greenlets *all = ctx;

        if (g->state == PYSTACK_GREENLET_ENDED || g->state == PYSTACK_GREENLET_RUNS)
                return true;
        all->n++;
        if (all->list)
                append_greenlet(all, g);
        else
                print_greenlet(all, g);
        return true;
}

static void print_greenlets(struct subject *s, const struct greenlets *all, const struct pystack_greenlets_seen *seen,
                            size_t from)
{
        fprintf(s->out, "\nGreenlets that do not run: %zu", all->n);
        if (seen->unread > 0)
                fprintf(s->out, ", %zu more changed while they were read", seen->unread);
        fprintf(s->out, "%s\n", seen->cut ? ", and there may be more" : "");
        if (fflush(s->stacks) == 0)
                fwrite(s->stacks_text + from, 1, s->stacks_len - from, s->out);
}

int dump_greenlets(struct subject *s)
{
        struct greenlets all = { .subject = s, .list = s->json ? json_list() : NULL };
        struct pystack_greenlets_seen seen = { 0 };
        size_t from = s->json ? 0 : (size_t)ftell(s->stacks);
        int e = pystack_greenlets_read(s->py, NULL, NULL, NULL);

        if (e == 0)
                e = pystack_greenlets(s->py, GREENLETS_CPU_NS, keep_greenlet, &all, &seen);
        seen.cut = seen.cut || e == PYSTACK_E_COSTLY || e == PYSTACK_E_UNSUPPORTED;
        if (s->json) {
                json_put(s->json, "greenlets", all.list);
                json_put_number(s->json, "greenlets_unread", (int64_t)seen.unread);
                json_put_flag(s->json, "greenlets_cut", seen.cut);
        } else if (seen.told > 0) {
                print_greenlets(s, &all, &seen, from);
        } else if (e == PYSTACK_E_UNSUPPORTED) {
                fprintf(s->out,
                        "\nGreenlets: none are shown: version \"%s\" of the module, or this CPython, is not known\n",
                        pystack_greenlets_version(s->py));
        }
        return e;
}
