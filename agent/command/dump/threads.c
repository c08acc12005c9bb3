/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a process. Each thread is read by itself: its stack, its state, and why it does not run. Addresses of
 * sockets are looked up for all threads together, so a thread's first line is made last.
 */
#include "alike.h"
#include "code.h"
#include "subject.h"
#include "thread_reason.h"
#include "thread_state.h"

#include "agent/command/cli/explanations.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is known of one thread. */
struct view {
        pid_t tid;
        const char *name;                /* as Python knows it, or else the kernel's; both are escaped */
        char comm[4 * NSUTIL_COMM_SIZE]; /* the kernel's: each byte may become \xNN */
        const char *state;
        bool holds_gil;
        struct thread_reason reason;
        struct json_object *json; /* NULL: text */
        size_t end;               /* of its part of the subject's stacks */
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

static void print_frame(struct pystack *py, const struct pystack_stack *stack, size_t i, FILE *out)
{
        const struct pystack_frame *f = &stack->frames[i];
        struct pystack_text text;
        uint32_t line = pystack_line(py, f);

        if (stack->gc_certain && stack->gc_at == i)
                fputs("    " PYSTACK_GC_NAME "\n", out);
        pystack_text(f->code, &text);
        fprintf(out, "    %s (%s", text.name, text.file);
        if (line > 0)
                fprintf(out, ":%" PRIu32, line);
        fputs(")\n", out);
}

static void print_code(void *ctx, const struct code_frame *frame)
{
        fprintf(ctx, "    %s (%s)\n", frame->name, frame->file);
}

static void print_mixed(struct subject *s, const struct pystack_stack *stack, pid_t tid, FILE *out)
{
        code_each_of_kernel(s->pid, tid, print_code, out);
        for (size_t i = 0; i < stack->mixed->n; i++) {
                const struct pystack_mixed_frame *frame = &stack->mixed->frames[i];
                if (frame->python)
                        print_frame(s->py, stack, frame->python - 1, out);
                else
                        code_each(s, frame, print_code, out);
        }
}

static void add_json_code(void *ctx, const struct code_frame *frame)
{
        struct json_object *json = json_append_frame(ctx, frame->name, frame->file, 0);
        char address[24];

        snprintf(address, sizeof address, "0x%" PRIx64, frame->address);
        json_put_text(json, "kind", frame->kind);
        json_put_text(json, "address", frame->address ? address : "");
        json_put_text(json, "build_id", frame->build_id);
}

/* The frames of a mixed stack take the place of those of Python alone. */
static void put_json_mixed(struct subject *s, const struct pystack_stack *stack, pid_t tid, struct json_object *thread)
{
        struct json_object *frames = json_list();

        code_each_of_kernel(s->pid, tid, add_json_code, frames);
        for (size_t i = 0; i < stack->mixed->n; i++) {
                const struct pystack_mixed_frame *frame = &stack->mixed->frames[i];
                if (frame->python)
                        json_append_python(frames, s->py, stack, frame->python - 1);
                else
                        code_each(s, frame, add_json_code, frames);
        }
        json_put(thread, "frames", frames);
        json_put_flag(thread, "truncated", stack->mixed->truncated);
}

static bool is_merged(const struct pystack_stack *stack)
{
        return stack->mixed && stack->mixed->n > 0;
}

static void print_stack(struct subject *s, const struct pystack_stack *stack, pid_t tid, int error, FILE *out)
{
        if (error != 0) {
                fprintf(out, "    (no stack: %s)\n", pystack_strerror(error));
                return;
        }
        if (is_merged(stack))
                print_mixed(s, stack, tid, out);
        for (size_t i = 0; i < stack->n && !is_merged(stack); i++)
                print_frame(s->py, stack, i, out);
        if (stack->n == 0)
                fputs("    (no Python frame)\n", out);
        if (is_merged(stack) ? stack->mixed->truncated : stack->truncated)
                fputs("    (truncated)\n", out);
}

/* "sleeping, waits: lock" */
#define WORDS_SIZE (REASON_SIZE + 64)

static void tell_thread(const struct view *v, char ret[static WORDS_SIZE])
{
        char reason[REASON_SIZE + 32];

        thread_reason_words(&v->reason, reason, sizeof reason);
        snprintf(ret, WORDS_SIZE, "%s%s%s%s", v->state, v->holds_gil ? ", GIL" : "", *reason ? ", " : "", reason);
}

/* Of threads that are alike, so many are named. */
#define NAMES_TOLD 12

/* Prints the line of thread @i, or of all that are like it. */
static void print_names(const struct subject *s, const struct alike *alike, size_t i, FILE *out)
{
        size_t told = 0;

        if (alike[i].n == 1) {
                fprintf(out, "\nThread %d \"%s\" (%s)\n", s->views[i].tid, s->views[i].name, alike[i].words);
                return;
        }
        fprintf(out, "\n%zu threads (%s):", alike[i].n, alike[i].words);
        for (size_t k = i; k < s->n_views && told < NAMES_TOLD; k++)
                if (alike[k].first == i)
                        fprintf(out, "%s %d \"%s\"", told++ > 0 ? "," : "", s->views[k].tid, s->views[k].name);
        if (alike[i].n > told)
                fprintf(out, " and %zu more", alike[i].n - told);
        putc('\n', out);
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
        struct nsutil_stat stat = { .state = v->reason.is.wait.state };

        if (!stat.state)
                nsutil_stat_read(v->tid, &stat);
        v->state = state_of(s, v->tid, stat.state);
        if (strcmp(v->state, "throttled") == 0)
                v->reason.is.kind = REASON_THROTTLED;
        if (strcmp(v->state, "frozen") == 0) /* a freezer may leave a thread where it sleeps */
                v->reason.is.kind = REASON_FROZEN;
        s->call_is_refused |= v->reason.is.kind == REASON_UNKNOWN && v->reason.is.wait.missing & NSUTIL_MISSING_CALL;
}

/* Reads one thread, and prints its stack. @name is Python's; NULL: it is not known. */
static void dump_thread(struct subject *s, const struct pystack_thread_ref *ref, const struct nsutil_thread *os,
                        const char *name)
{
        struct view *v = &s->views[s->n_views++];
        struct pystack_thread *thread = NULL;
        struct pystack_stack stack = { 0 };

        v->tid = os->tid;
        v->holds_gil = ref->tstate == s->holder;
        pystack_escape(os->name, strlen(os->name), v->comm, sizeof v->comm);
        v->name = name ? name : v->comm;
        int e = pystack_thread_open(s->py, ref, &thread);
        if (e == 0)
                e = thread_reason_sample(&(struct thread_whole){ s->py, thread, s->pid, v->tid, s->symbols },
                                         &s->freezers, &v->reason, &stack);
        name_state(s, v);
        if (s->json) {
                v->json = json_of_thread(v->tid, v->name, v->state, v->holds_gil, s->py, e == 0 ? &stack : NULL);
                if (e == 0 && is_merged(&stack))
                        put_json_mixed(s, &stack, v->tid, v->json);
                json_put_name(v->json, "comm", v->comm);
                json_add(s->json, "threads", v->json);
        } else {
                print_stack(s, &stack, v->tid, e, s->stacks);
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
                if (s->views[i].reason.is.detail.thing == NSUTIL_THING_SOCKET)
                        details[n++] = &s->views[i].reason.is.detail;
        if (n > 0)
                nsutil_wait_addresses(s->pid, details, n, NULL);
        free(details);
}

/* Prints the threads; those that are alike once. */
static int print_threads(struct subject *s)
{
        struct alike *alike = calloc(s->n_views + 1, sizeof *alike);
        char(*words)[WORDS_SIZE] = calloc(s->n_views + 1, sizeof *words);
        int e = alike && words ? 0 : -ENOMEM;

        for (size_t i = 0, at = 0; e == 0 && i < s->n_views; i++) {
                const struct view *v = &s->views[i];
                tell_thread(v, words[i]);
                alike[i] = (struct alike){ .words = words[i],
                                           .stack = s->stacks_text + at,
                                           .len = v->end - at,
                                           .apart = s->apart || v->holds_gil };
                at = v->end;
        }
        if (e == 0)
                e = alike_find(alike, s->n_views);
        for (size_t i = 0; e == 0 && i < s->n_views; i++) {
                if (alike[i].n == 0)
                        continue;
                print_names(s, alike, i, s->out);
                fwrite(alike[i].stack, 1, alike[i].len, s->out);
        }
        free(alike);
        free(words);
        return e;
}

/* Names the threads, now that all is known of them. */
static int finish_views(struct subject *s)
{
        look_up_addresses(s);
        if (fflush(s->stacks) != 0)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_views; i++) {
                struct view *v = &s->views[i];
                thread_reason_complete(s->pid, v->tid, &v->reason);
                if (v->json)
                        json_put(v->json, "reason", thread_reason_json(&v->reason));
        }
        return s->json ? 0 : print_threads(s);
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

static void keep_name(void *names, size_t i, const char *name)
{
        char **slot = (char **)names + i;

        free(*slot);
        *slot = strdup(name);
}

/* The names of @n threads as Python knows them; each may be NULL, and all may. The caller frees the names, and @ret. */
static char **read_names(const struct subject *s, const struct pystack_thread_ref *refs, size_t n)
{
        char **names = calloc(n + 1, sizeof *names);

        if (names)
                pystack_thread_names(s->py, refs, n, keep_name, names);
        return names;
}

static void free_names(char **names, size_t n)
{
        for (size_t i = 0; names && i < n; i++)
                free(names[i]);
        free(names);
}

static int dump_listed(struct subject *s, const struct pystack_thread_ref *refs, size_t n,
                       const struct nsutil_thread *os, size_t n_os)
{
        char **names = read_names(s, refs, n);

        s->views = calloc(n + 1, sizeof *s->views);
        int e = s->views && names ? 0 : -ENOMEM;
        for (size_t i = 0; e == 0 && i < n; i++) {
                const struct nsutil_thread *thread = look_up_thread(os, n_os, refs[i].inner_tid);
                if (thread)
                        dump_thread(s, &refs[i], thread, names[i]);
        }
        if (e == 0)
                e = finish_views(s);
        free_names(names, n);
        return e;
}

int dump_threads(struct subject *s)
{
        struct pystack_thread_ref *refs;
        struct nsutil_thread *os = NULL;
        size_t n = 0, n_os = 0;
        int e = copy_threads(s, &refs, &n);

        if (e == 0 && s->symbols)
                pystack_native_read(s->py, NULL, NULL, NULL); /* if it fails, only Python is shown */
        if (e == 0)
                e = list_threads(s->pid, &os, &n_os);
        if (e == 0)
                pystack_gil_holder(s->py, &s->holder);
        if (e == 0 && !s->json)
                print_process(&s->process, s->out);
        if (e == 0)
                e = dump_listed(s, refs, n, os, n_os);
        free(refs);
        free(os);
        return e;
}
