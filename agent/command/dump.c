/* SPDX-License-Identifier: Apache-2.0 */
/* podflame dump: prints the stack of every Python thread once, as text or JSON. */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/json.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/refusals.h"
#include "agent/command/processes/target.h"
#include "agent/command/processes/thread_reason.h"
#include "agent/command/processes/thread_state.h"
#include "command.h"
#include "commands.h"

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
        .text = "Prints every Python thread's stack, innermost frame first, and why the thread does not run.\n"
                "\"waits: lock\" is any wait for a word of memory outside of the GIL, also for an event, a queue,\n"
                "or the end of a thread. A reason that is not certain is \"unknown\".",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* One thread. Its addresses are looked up for all threads together, so what names it is printed last. */
struct view {
        pid_t tid;
        char name[4 * NSUTIL_COMM_SIZE]; /* escaped: each byte may become \xNN */
        const char *state;
        bool holds_gil;
        struct thread_reason reason;
        struct json_object *json; /* NULL: text */
        size_t end;               /* of its part of the subject's stacks */
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
        struct view *views;
        size_t n_views;
        FILE *out; /* writes into @text */
        char *text;
        size_t len;
        FILE *stacks; /* writes into @stacks_text what is printed below the threads' names */
        char *stacks_text;
        size_t stacks_len;
        bool call_is_refused; /* what a thread waits for is not known, since its system call may not be read */
        int error;            /* 0, or why its threads could not be listed */
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

static void print_stack(struct pystack *py, const struct pystack_stack *stack, int error, FILE *out)
{
        if (error != 0) {
                fprintf(out, "    (no stack: %s)\n", pystack_strerror(error));
                return;
        }
        for (size_t i = 0; i < stack->n; i++) {
                const struct pystack_frame *f = &stack->frames[i];
                struct pystack_text text;
                uint32_t line = pystack_line(py, f);
                pystack_text(f->code, &text);
                fprintf(out, "    %s (%s", text.name, text.file);
                if (line > 0)
                        fprintf(out, ":%" PRIu32, line);
                fputs(")\n", out);
        }
        if (stack->n == 0)
                fputs("    (no Python frame)\n", out);
        if (stack->truncated)
                fputs("    (truncated)\n", out);
}

static void print_name(const struct view *v, FILE *out)
{
        char reason[REASON_SIZE + 32];

        thread_reason_words(&v->reason, reason, sizeof reason);
        fprintf(out, "\nThread %d \"%s\" (%s%s%s%s)\n", v->tid, v->name, v->state, v->holds_gil ? ", GIL" : "",
                *reason ? ", " : "", reason);
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

static void name_state(struct subject *s, struct view *v)
{
        struct nsutil_stat stat = { .state = v->reason.wait.state };

        if (!stat.state)
                nsutil_stat_read(v->tid, &stat);
        v->state = state_of(s, v->tid, stat.state);
        if (strcmp(v->state, "throttled") == 0)
                v->reason.kind = THREAD_THROTTLED;
        if (strcmp(v->state, "frozen") == 0) /* a freezer may leave a thread where it sleeps */
                v->reason.kind = THREAD_FROZEN;
        s->call_is_refused |= v->reason.kind == THREAD_UNKNOWN && v->reason.wait.missing & NSUTIL_MISSING_CALL;
}

/* Reads one thread, and prints its stack. */
static void dump_thread(struct subject *s, const struct pystack_thread_ref *ref, const struct nsutil_thread *os)
{
        struct view *v = &s->views[s->n_views++];
        struct pystack_thread *thread = NULL;
        struct pystack_stack stack = { 0 };

        v->tid = os->tid;
        v->holds_gil = ref->tstate == s->holder;
        pystack_escape(os->name, strlen(os->name), v->name, sizeof v->name);
        int e = pystack_thread_open(s->py, ref, &thread);
        if (e == 0)
                e = thread_reason_sample(&(struct thread_whole){ s->py, ref, thread, s->pid, v->tid }, &s->freezers,
                                         &v->reason, &stack);
        name_state(s, v);
        if (s->json) {
                v->json = json_of_thread(v->tid, v->name, v->state, v->holds_gil, s->py, e == 0 ? &stack : NULL);
                json_add(s->json, "threads", v->json);
        } else {
                print_stack(s->py, &stack, e, s->stacks);
                v->end = (size_t)ftell(s->stacks);
        }
        pystack_thread_close(thread);
}

/* What cannot be found stays without an address. */
static void look_up_addresses(struct subject *s)
{
        struct nsutil_wait_detail **details = calloc(s->n_views + 1, sizeof *details);
        size_t n = 0;

        for (size_t i = 0; details && i < s->n_views; i++)
                if (s->views[i].reason.detail.thing == NSUTIL_THING_SOCKET)
                        details[n++] = &s->views[i].reason.detail;
        if (n > 0)
                nsutil_wait_addresses(s->pid, details, n, NULL);
        free(details);
}

/* Names the threads, now that all is known of them. */
static int finish_views(struct subject *s)
{
        size_t at = 0;

        look_up_addresses(s);
        if (fflush(s->stacks) != 0)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_views; i++) {
                struct view *v = &s->views[i];
                thread_reason_settle(s->pid, v->tid, &v->reason);
                if (v->json) {
                        json_put(v->json, "reason", thread_reason_json(&v->reason));
                        continue;
                }
                print_name(v, s->out);
                fwrite(s->stacks_text + at, 1, v->end - at, s->out);
                at = v->end;
        }
        return 0;
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
        s->views = e == 0 ? calloc(n + 1, sizeof *s->views) : NULL;
        if (e == 0 && !s->views)
                e = -ENOMEM;
        for (size_t i = 0; e == 0 && i < n; i++) {
                const struct nsutil_thread *thread = look_up_thread(os, n_os, refs[i].inner_tid);
                if (thread)
                        dump_thread(s, &refs[i], thread);
        }
        if (e == 0)
                e = finish_views(s);
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
        if (s->out)
                fclose(s->out);
        if (s->stacks)
                fclose(s->stacks);
        free(s->text);
        free(s->stacks_text);
        free(s->views);
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
        s->stacks = open_memstream(&s->stacks_text, &s->stacks_len);
        if (!s->out || !s->stacks) {
                discard_subject(s);
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
static int dump_process(struct chosen *chosen, const struct nsutil_freezers *freezers, struct json_object **json,
                        pid_t *ret_refused)
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
                if (s->call_is_refused)
                        *ret_refused = s->pid;
                discard_subject(s);
        }
        return e == 0 ? EXIT_OK : say_not_profilable(chosen->process.pid, e, &chosen->process.info);
}

static int dump_all(struct choice *choice, bool as_json)
{
        struct json_object *all = as_json ? json_list() : NULL;
        struct nsutil_freezers freezers = { 0 };
        pid_t refused = 0;
        int e = choice->refused > 0 ? EXIT_FAILED : EXIT_OK;

        nsutil_freezers_find(&freezers); /* a freezer that cannot be seen is not reported */
        for (size_t i = 0; i < choice->n; i++) {
                struct json_object *one = as_json ? json_of_process(&choice->items[i].process) : NULL;
                if (i > 0 && !as_json)
                        puts("");
                if (dump_process(&choice->items[i], &freezers, &one, &refused) != EXIT_OK)
                        e = EXIT_FAILED; /* the other processes are printed all the same */
                if (as_json)
                        json_append(all, one);
        }
        if (as_json)
                json_print(all);
        if (refused > 0)
                say("what some threads wait for is unknown: /proc/%d/task/TID/syscall is refused: CAP_SYS_PTRACE is "
                    "missing, "
                    "or the kernel does not have that file",
                    refused);
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
