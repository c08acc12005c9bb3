/* SPDX-License-Identifier: Apache-2.0 */
/* podflame dump: prints the stack of every Python thread once, as text or JSON. */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/json.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/refusals.h"
#include "agent/command/processes/target.h"
#include "agent/command/processes/thread_state.h"
#include "command.h"
#include "commands.h"

#include "agent/sample/sample.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dump_config {
        struct target_options target;
        struct confinement_options confinement;
        bool json, verbose;
};

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct dump_config, target),
        { .name = "json",
          .letter = 'j',
          .kind = OPTION_FLAG,
          .field = offsetof(struct dump_config, json),
          .help = "as JSON" },
        REFUSALS_OPTION(struct dump_config, verbose),
        CONFINEMENT_OPTIONS(struct dump_config, confinement),
};

static const struct usage usage = {
        .command = "dump",
        .synopsis = "(-p PID | -c CONTAINER | --pod POD) [OPTION]...",
        .text = "Prints every Python thread's stack, innermost frame first.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* One thread, as it is to be printed. */
struct view {
        pid_t tid;
        const char *name;
        const char *state;
        bool holds_gil;
        int error; /* of sample_now() */
        const struct pystack_stack *stack;
        struct pystack *py;
};

/*
 * A process whose threads are printed. It is read in bounded time: if its memory does not answer, the other processes
 * do not wait.
 */
struct subject {
        pid_t pid;
        struct find_process process;
        struct pystack *py;
        uint64_t holder; /* the thread state that holds the GIL */
        struct nsutil_freezers freezers;
        bool asked;               /* it was found out whether the CPU quota of its cgroup keeps it from running */
        bool throttled;           /* the CPU quota keeps it from running */
        struct json_object *json; /* NULL: text */
        FILE *out;                /* writes into @text */
        char *text;
        size_t len;
        int error; /* 0, or why its threads could not be listed */
};

/* ---- text --------------------------------------------------------------------------- */

static void print_process(const struct find_process *p, FILE *out)
{
        char version[32];

        format_version(p->info.version, version, sizeof version);
        fprintf(out, "Process %d: %s\nPython %s, %s", p->pid, p->cmdline, version, p->info.file);
        if (*p->container_id)
                fprintf(out, ", container %.12s%s%s", p->container_id, *p->container_name ? " " : "",
                        p->container_name);
        fputs("\n", out);
}

static void print_thread(const struct view *v, FILE *out)
{
        fprintf(out, "\nThread %d \"%s\" (%s%s)\n", v->tid, v->name, v->state, v->holds_gil ? ", GIL" : "");
        if (v->error != 0) {
                fprintf(out, "    (no stack: %s)\n", pystack_strerror(v->error));
                return;
        }
        for (size_t i = 0; i < v->stack->n; i++) {
                const struct pystack_frame *f = &v->stack->frames[i];
                struct pystack_text text;
                uint32_t line = pystack_line(v->py, f);
                pystack_text(f->code, &text);
                fprintf(out, "    %s (%s", text.name, text.file);
                if (line > 0)
                        fprintf(out, ":%" PRIu32, line);
                fputs(")\n", out);
        }
        if (v->stack->n == 0)
                fputs("    (no Python frame)\n", out);
        if (v->stack->truncated)
                fputs("    (truncated)\n", out);
}

/* ---- threads ------------------------------------------------------------------------ */

/* Finds the thread that the target calls @inner_tid. NULL if it has ended. */
static const struct nsutil_thread *look_up_thread(const struct nsutil_thread *threads, size_t n, pid_t inner_tid)
{
        for (size_t i = 0; i < n; i++)
                if (threads[i].inner_tid == inner_tid)
                        return &threads[i];
        return NULL;
}

/*
 * Names a thread's state. A thread that the CPU quota of its cgroup keeps from running has state R. Finding that out
 * takes a while, so it is done once for each process.
 */
static const char *state_of(struct subject *s, pid_t tid, char letter)
{
        if (letter == 'R' && !s->asked) {
                s->throttled = is_throttled(s->pid);
                s->asked = true;
        }
        return letter == 'R' && s->throttled ? "throttled" : thread_state(&s->freezers, s->pid, tid, letter);
}

/* Reads one thread and prints it. */
static void dump_thread(struct subject *s, const struct pystack_thread_ref *ref, const struct nsutil_thread *os)
{
        char name[4 * NSUTIL_COMM_SIZE]; /* each byte may become \xNN */
        struct view v = { .tid = os->tid, .name = name, .holds_gil = ref->tstate == s->holder, .py = s->py };
        struct pystack_thread *thread = NULL;
        struct pystack_stack stack = { 0 };
        struct nsutil_stat stat = { .state = 0 };

        pystack_escape(os->name, strlen(os->name), name, sizeof name);
        v.error = pystack_thread_open(s->py, ref, &thread);
        if (nsutil_stat_read(os->tid, &stat) != 0)
                v.error = PYSTACK_E_GONE;
        v.state = state_of(s, os->tid, stat.state);
        if (v.error == 0)
                v.error = sample_now(s->py, thread, os->tid, &stack);
        v.stack = &stack;
        if (s->json)
                json_add(s->json, "threads",
                         json_of_thread(v.tid, v.name, v.state, v.holds_gil, s->py, v.error == 0 ? &stack : NULL));
        else
                print_thread(&v, s->out);
        pystack_thread_close(thread);
}

/* Like nsutil_threads_read(), with pystack's errors. */
static int list_threads(pid_t pid, struct nsutil_thread **ret, size_t *ret_n)
{
        int e = nsutil_threads_read(pid, ret, ret_n);

        return e > 0 ? PYSTACK_E_GONE : e;
}

static int copy_threads(struct subject *s, struct pystack_thread_ref **ret, size_t *ret_n)
{
        const struct pystack_thread_ref *listed;
        int e = pystack_threads(s->py, &listed, ret_n);

        *ret = e == 0 ? malloc((*ret_n + 1) * sizeof **ret) : NULL;
        if (*ret && *ret_n > 0)
                memcpy(*ret, listed, *ret_n * sizeof **ret);
        return e == 0 && !*ret ? -ENOMEM : e;
}

static int dump_threads(struct subject *s)
{
        struct pystack_thread_ref *refs;
        struct nsutil_thread *os = NULL;
        size_t n = 0, n_os = 0;
        int e = copy_threads(s, &refs, &n);

        if (e == 0)
                e = list_threads(s->pid, &os, &n_os);
        if (e == 0)
                pystack_gil_holder(s->py, &s->holder);
        if (e == 0 && !s->json)
                print_process(&s->process, s->out);
        for (size_t i = 0; e == 0 && i < n; i++) {
                const struct nsutil_thread *thread = look_up_thread(os, n_os, refs[i].inner_tid);
                if (thread)
                        dump_thread(s, &refs[i], thread);
        }
        free(refs);
        free(os);
        return e;
}

/* ---- processes ---------------------------------------------------------------------- */

static void run_dump(void *job)
{
        struct subject *s = job;

        s->error = dump_threads(s);
}

static void discard_subject(void *job)
{
        struct subject *s = job;

        pystack_close(s->py);
        fclose(s->out);
        free(s->text);
        free(s);
}

/* Makes a subject of @chosen, and takes over its interpreter. NULL: out of memory. */
static struct subject *new_subject(struct chosen *chosen, const struct nsutil_freezers *freezers,
                                   struct json_object *json)
{
        struct subject *s = calloc(1, sizeof *s);

        if (!s)
                return NULL;
        s->out = open_memstream(&s->text, &s->len);
        if (!s->out) {
                free(s);
                return NULL;
        }
        s->pid = chosen->process.pid;
        s->process = chosen->process;
        s->py = chosen->py;
        s->freezers = *freezers;
        s->json = json;
        chosen->py = NULL;
        return s;
}

/* Prints one process. If its memory does not answer, the thread that hangs owns *@json, and *@json is replaced. */
static int dump_process(struct chosen *chosen, const struct nsutil_freezers *freezers, struct json_object **json)
{
        static const struct nsutil_work work = { .run = run_dump, .discard = discard_subject };
        struct subject *s = new_subject(chosen, freezers, *json);
        int e = s ? 0 : -ENOMEM;

        if (s && nsutil_attempt(s->pid, &work, s) != 0) {
                *json = *json ? json_of_process(&chosen->process) : NULL;
                return say_not_profilable(chosen->process.pid, PYSTACK_E_HANGS, &chosen->process.info);
        }
        if (s) {
                e = fflush(s->out) == 0 ? s->error : -ENOMEM;
                fwrite(s->text, 1, e == 0 ? s->len : 0, stdout);
                discard_subject(s);
        }
        return e == 0 ? EXIT_OK : say_not_profilable(chosen->process.pid, e, &chosen->process.info);
}

static int dump_all(struct choice *choice, bool as_json)
{
        struct json_object *all = as_json ? json_list() : NULL;
        struct nsutil_freezers freezers = { 0 };
        int e = choice->refused > 0 ? EXIT_FAILED : EXIT_OK;

        nsutil_freezers_find(&freezers); /* a freezer that cannot be seen is not reported */
        for (size_t i = 0; i < choice->n; i++) {
                struct json_object *one = as_json ? json_of_process(&choice->items[i].process) : NULL;
                if (i > 0 && !as_json)
                        puts("");
                if (dump_process(&choice->items[i], &freezers, &one) != EXIT_OK)
                        e = EXIT_FAILED; /* the other processes are printed all the same */
                if (as_json)
                        json_append(all, one);
        }
        if (as_json)
                json_print(all);
        return e;
}

int dump_run(int argc, char **argv)
{
        struct dump_config config = { 0 };
        struct choice choice = { 0 };
        struct find *find = NULL;
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && rest < argc)
                status = options_wrong_word(&usage, argv[rest], NULL);
        if (status == GO_ON)
                status = confine(&config.confinement, &usage, CONFINE_VIEWER);
        if (config.verbose)
                refusals_keep();
        if (status == GO_ON && finding_open(false, &find) != 0)
                status = say_error("/proc cannot be read");
        if (status == GO_ON)
                status = target_choose(find, &config.target, &usage, TARGET_NOW, &choice);
        if (status == GO_ON)
                status = dump_all(&choice, config.json);
        choice_deinit(&choice);
        find_close(find);
        refusals_say(0);
        refusals_end();
        return status;
}
