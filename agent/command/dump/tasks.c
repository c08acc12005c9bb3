/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the tasks of a process. Names of tasks that others wait for are known when all have been read. */
#include "tasks.h"

#include "agent/base/base.h"
#include "agent/command/cli/messages.h"
#include "task_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* CPU time that the tasks of a process may take. 10 000 tasks take some 0.3 s. */
#define TASKS_CPU_NS 5000000000u

/* ---- one task ---------------------------------------------------------------------------------- */

struct named_frames {
        const struct pystack_task *task;
        struct pystack_text text;
};

static struct reason_frame name_task_frame(void *ctx, size_t i)
{
        struct named_frames *named = ctx;

        pystack_text(named->task->frames[i].code, &named->text);
        return (struct reason_frame){ named->text.name, named->text.file };
}

static struct reason_task judge_task(const struct pystack_task *task)
{
        struct named_frames *named = malloc(sizeof *named);
        struct reason_task reason = { .kind = REASON_TASK_UNKNOWN };

        if (!named)
                return reason;
        named->task = task;
        reason = reason_task_of(task, &(struct reason_stack){ task->n, name_task_frame, named });
        free(named);
        return reason;
}

static double seconds_now(void)
{
        return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

/* A sleep that ends before it has begun, or later than it lasts, is none that this clock measures. */
static void read_sleep(struct subject *s, const struct pystack_task *task, struct task_view *v)
{
        double until, whole;

        if (pystack_task_sleep(s->py, task, v->reason.frame, &until, &whole) != 0)
                return;
        v->sleep_left = until - seconds_now();
        v->sleep_whole = whole;
        v->has_sleep = whole > 0 && v->sleep_left <= whole + 0.001 && v->sleep_left > -60;
        if (v->sleep_left < 0)
                v->sleep_left = 0;
}

static void read_descriptor(struct subject *s, const struct pystack_task *task, struct task_view *v)
{
        int fd;

        if (pystack_task_descriptor(s->py, task, v->reason.frame, v->reason.socket, &fd) != 0)
                return;
        nsutil_wait_descriptor(s->pid, fd, &v->descriptor);
        v->has_descriptor = v->descriptor.thing != NSUTIL_THING_UNKNOWN;
}

void task_frame_print(struct pystack *py, const struct pystack_frame *frame, FILE *out)
{
        struct pystack_text text;
        uint32_t line = pystack_line_apart(py, frame);

        pystack_text(frame->code, &text);
        if (line > 0)
                fprintf(out, "%s (%s:%" PRIu32 ")\n", text.name, text.file, line);
        else
                fprintf(out, "%s (%s)\n", text.name, text.file);
}

static void keep_stack(struct subject *s, const struct pystack_task *task, struct task_view *v)
{
        const struct pystack_stack stack = { .frames = task->frames, .n = task->n };

        if (s->json) {
                v->json = json_map();
                struct json_object *frames = json_list();
                for (size_t i = 0; i < task->n; i++)
                        json_append_python(frames, s->py, &stack, i);
                json_put(v->json, "frames", frames);
                return;
        }
        v->begin = (size_t)ftell(s->stacks);
        if (task->truncated)
                fputs("(truncated)\n", s->stacks);
        for (size_t i = 0; i < task->n; i++)
                task_frame_print(s->py, &task->frames[i], s->stacks);
        v->end = (size_t)ftell(s->stacks);
}

static bool keep_task(void *ctx, const struct pystack_task *task)
{
        struct task_views *views = ctx;
        struct task_view *v = task_views_append(views);

        if (!v) {
                views->error = -ENOMEM;
                return false;
        }
        views->n++;
        v->name = strdup(task->name);
        v->what = strdup(task->what);
        if (!v->name || !v->what) {
                views->error = -ENOMEM;
                return false;
        }
        v->task = *task;
        v->reason = judge_task(task);
        keep_stack(views->subject, task, v);
        if (v->reason.kind == REASON_TASK_SLEEP)
                read_sleep(views->subject, task, v);
        if (v->reason.kind == REASON_TASK_SOCKET)
                read_descriptor(views->subject, task, v);
        return true;
}

/* ---- all together ---------------------------------------------------------------------------- */

/* What cannot be found stays without an address. */
static void look_up_sockets(struct task_views *views)
{
        struct nsutil_wait_detail **details = calloc(views->n + 1, sizeof *details);
        size_t n = 0;

        for (size_t i = 0; details && i < views->n; i++)
                if (views->items[i].has_descriptor && views->items[i].descriptor.thing == NSUTIL_THING_SOCKET)
                        details[n++] = &views->items[i].descriptor;
        if (n > 0)
                nsutil_wait_addresses(views->subject->pid, details, n, NULL);
        free(details);
}

/* ---- results ---------------------------------------------------------------------------------- */

static void tell_counts(const struct task_views *views, const struct pystack_tasks_seen *seen, FILE *out)
{
        fprintf(out, "\nTasks: %zu", views->n);
        if (seen->unread > 0)
                fprintf(out, ", %zu more changed while they were read", seen->unread);
        if (seen->cut)
                fputs(", and there may be more", out);
        fputs("\n", out);
}

static const char *why_no_tasks(int error)
{
        if (error == PYSTACK_E_NOT_READY)
                return "asyncio is not imported";
        if (error == PYSTACK_E_UNSUPPORTED)
                return "the tasks of this version cannot be read";
        return pystack_strerror(error);
}

static int write_tasks(struct subject *s)
{
        struct task_views views = { .subject = s };
        struct pystack_tasks_seen seen;
        int e = pystack_tasks(s->py, TASKS_CPU_NS, false, keep_task, &views, &seen);

        seen.cut = seen.cut || e == PYSTACK_E_COSTLY;
        if (e == PYSTACK_E_COSTLY || e == 0)
                e = views.error;
        if (e == 0) {
                task_views_index(&views);
                look_up_sockets(&views);
                if (s->json)
                        json_put_number(s->json, "tasks_unread", (int64_t)seen.unread);
                else
                        tell_counts(&views, &seen, s->out);
                if (s->json)
                        json_put_flag(s->json, "tasks_cut", seen.cut);
                e = fflush(s->stacks) == 0 ? 0 : -ENOMEM;
                if (e == 0)
                        task_tree_write(&views);
        }
        task_views_free(&views);
        return e;
}

int dump_tasks(struct subject *s)
{
        int e = pystack_tasks_read(s->py, NULL, NULL, NULL);

        if (e == 0)
                e = write_tasks(s);
        if (e != 0 && s->json)
                json_put_text(s->json, "tasks_error", why_no_tasks(e));
        else if (e != 0)
                fprintf(s->out, "\nTasks: none are shown: %s\n", why_no_tasks(e));
        return e;
}
