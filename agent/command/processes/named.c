/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that the user has named, and the command. A pidfd does not report an exec, so these processes are
 * looked at as long as they live (appear.c). Such a process may be Python, then something else for a while, then
 * another Python.
 */
#include "follow_internal.h"

#include "agent/base/base.h"
#include "agent/command/cli/explanations.h"
#include "agent/command/cli/messages.h"
#include "agent/command/command.h"

#include <errno.h>

/*
 * A program that is not Python is reported if it stays for this long, in ns. Shells and env execute the next program at
 * once.
 */
#define FOREIGN_NS 1000000000u

/* ---- processes to follow ------------------------------------------------------------------ */

static int follow_chosen(struct follow *f, struct chosen *chosen)
{
        struct followed how = { .named = true, .asked = chosen->asked }, *item = NULL;
        struct pystack *py = chosen->py;
        int e = 0;

        chosen->py = NULL;
        if (!py && !chosen->asked && chosen->status == PYSTACK_E_NOT_PYTHON)
                return family_add(f->family, chosen->process.pid, chosen->process.start_time);
        appear_resume(&how.appear, chosen->process.pid, f->config.abi, chosen->start_stack, py != NULL, chosen->status);
        how.appear.info = chosen->process.info;
        if (!follow_get(f, chosen->process.pid))
                e = follow_begin(f, &chosen->process, &how, chosen->status, &item);
        if (item && py)
                return follow_sample(f, item, py);
        pystack_close(py);
        return e;
}

int follow_choice(struct follow *f, struct choice *choice)
{
        for (size_t i = 0; i < choice->n; i++) {
                int e = follow_chosen(f, &choice->items[i]);
                if (e != 0)
                        return say_error("process %d: %s", choice->items[i].process.pid, nsutil_strerror(e));
        }
        return GO_ON;
}

int follow_command(struct follow *f, pid_t pid)
{
        struct followed how = { .named = true, .asked = true, .command = true }, *item;
        struct find_process process = { .pid = pid };
        struct nsutil_stat stat;

        if (nsutil_stat_read(pid, &stat) != 0)
                return 0;
        process.start_time = stat.start_time;
        appear_begin(&how.appear, pid, f->config.abi);
        int e = follow_begin(f, &process, &how, PYSTACK_E_NOT_PYTHON, &item);
        return e < 0 ? e : 0;
}

/* ---- looking at one ------------------------------------------------------------------------- */

static int start_sampling_appeared(struct follow *f, struct followed *item, struct pystack *py)
{
        struct find_process process;

        if (find_identify(f->config.find, item->watched.pid, &process) != 0 ||
            process.start_time != item->watched.process.start_time) {
                pystack_close(py);
                return 0; /* it has ended: that shows elsewhere */
        }
        item->watched.process = process;
        item->watched.process.info = item->appear.info;
        int e = follow_sample(f, item, py);
        if (e != 0) {
                say("process %d cannot be sampled: %s", item->watched.pid, nsutil_strerror(e));
                item->appear.error = item->reported = e;
        }
        return e == -ENOMEM ? e : 0;
}

static void say_not_python_any_more(struct follow *f, struct followed *item)
{
        item->foreign = true;
        if (!f->config.quiet)
                say("process %d has become another program, which is not Python; %s", item->watched.pid,
                    item->appear.info.detail);
}

static bool is_foreign(const struct followed *item)
{
        return item->named && item->profiled && !watched_is_sampled(&item->watched) && !item->foreign &&
               item->appear.tried && item->appear.error == PYSTACK_E_NOT_PYTHON;
}

/* Prints what there is to say about a process that is not sampled now. */
static void say_news_of_named(struct follow *f, struct followed *item)
{
        int e = item->appear.error;

        if (is_foreign(item) && clock_ns(CLOCK_MONOTONIC) > item->appear.since_ns + FOREIGN_NS)
                say_not_python_any_more(f, item);
        if ((e != PYSTACK_E_DENIED && e != PYSTACK_E_UNSUPPORTED) || item->reported == e || !item->appear.tried)
                return;
        item->reported = e;
        say_not_profilable(item->watched.pid, e, &item->appear.info);
}

int named_look(struct follow *f, struct followed *item)
{
        struct pystack *py;

        switch (appear_look(&item->appear, &py)) {
        case APPEAR_FOUND:
                return start_sampling_appeared(f, item, py);
        case APPEAR_REPLACED:
                return follow_stop(f, item);
        case APPEAR_NOTHING:
                break;
        }
        if (!watched_is_sampled(&item->watched))
                say_news_of_named(f, item);
        return 0;
}

void named_end(struct follow *f, struct followed *item)
{
        if (is_foreign(item))
                say_not_python_any_more(f, item);
        if (!item->profiled)
                item->watched.process.info = item->appear.info;
}

pid_t follow_stopped(const struct follow *f)
{
        return f->stopped;
}
