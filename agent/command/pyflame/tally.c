/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pyflame's three forms of text: folded stacks, the flame chart and the dump. A frame is file:function:line. Frames are
 * equal if all three are equal; without line numbers, if file and function are. A ';' in a name would end its frame,
 * and becomes ','.
 */
#include "pyflame.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- counting ----------------------------------------------------------------------------- */

int pyflame_tally_init(struct pyflame_tally *ret, const struct pyflame_options *options)
{
        struct profile *stacks = profile_new();

        if (!stacks)
                return -ENOMEM;
        *ret = (struct pyflame_tally){ .options = options, .stacks = stacks };
        return 0;
}

void pyflame_tally_deinit(struct pyflame_tally *t)
{
        profile_free(t->stacks);
        free(t->moments);
        *t = (struct pyflame_tally){ 0 };
}

static int add_moment(struct pyflame_tally *t, uint64_t time_us, profile_id stack)
{
        if (!t->options->flamechart)
                return 0;
        if (t->n == t->size) {
                size_t size = t->size ? 2 * t->size : 1024;
                struct pyflame_moment *moments = reallocarray(t->moments, size, sizeof *moments);
                if (!moments)
                        return -ENOMEM;
                t->moments = moments;
                t->size = size;
        }
        t->moments[t->n++] = (struct pyflame_moment){ time_us, stack };
        return 0;
}

int pyflame_tally_idle(struct pyflame_tally *t, uint64_t time_us)
{
        if (t->options->exclude_idle)
                return 0;
        t->idle++;
        return add_moment(t, time_us, PYFLAME_IDLE);
}

int pyflame_tally_failed(struct pyflame_tally *t, uint64_t time_us)
{
        t->failed++;
        return add_moment(t, time_us, PYFLAME_FAILED);
}

static int intern_function_line(struct profile *p, const char *name, const char *file, uint32_t line, profile_id *ret)
{
        profile_id function;
        int e = profile_intern_function(p, name, file, 0, &function);

        return e < 0 ? e : profile_intern_frame(p, function, line, ret);
}

int pyflame_tally_stack(struct pyflame_tally *t, uint64_t time_us, struct pystack *py,
                        const struct pystack_stack *stack)
{
        profile_id ids[PYSTACK_MAX_FRAMES + 1], id;
        size_t n = 0;
        int e = 0;

        for (; e == 0 && n < stack->n; n++) {
                const struct pystack_frame *f = &stack->frames[n];
                struct pystack_text text;
                pystack_text(f->code, &text);
                e = intern_function_line(t->stacks, text.name, text.file,
                                         t->options->no_lines ? 0 : pystack_line(py, f), &ids[n]);
        }
        if (e == 0 && stack->truncated)
                e = intern_function_line(t->stacks, "(truncated)", "?", 0, &ids[n++]);
        if (e == 0)
                e = profile_intern_stack(t->stacks, ids, n, &id);
        if (e == 0)
                e = profile_add(t->stacks, id, 0, PROFILE_RUNNING, 1, 0);
        return e < 0 ? e : add_moment(t, time_us, id);
}

/* ---- printing ----------------------------------------------------------------------------- */

static void put_name(const char *name, FILE *out)
{
        for (; *name; name++)
                putc(*name == ';' ? ',' : *name, out);
}

static void put_frame(const char *file, const char *name, uint32_t line, bool no_lines, FILE *out)
{
        put_name(*file ? file : "?", out);
        putc(':', out);
        put_name(*name ? name : "?", out);
        if (!no_lines && line > 0)
                fprintf(out, ":%" PRIu32, line);
}

static void put_stack(const struct pyflame_tally *t, profile_id stack, const char *after_each, FILE *out)
{
        size_t n;
        const profile_id *frames = profile_stack(t->stacks, stack, &n);

        for (size_t i = n; i-- > 0;) {
                const struct profile_frame *frame = profile_frame(t->stacks, frames[i]);
                const struct profile_function *function = profile_function(t->stacks, frame->function);
                put_frame(function->file, function->name, frame->line, t->options->no_lines, out);
                fputs(i > 0 ? ";" : after_each, out);
        }
}

static void print_folded(const struct pyflame_tally *t, FILE *out)
{
        if (t->idle > 0)
                fprintf(out, "(idle) %" PRIu64 "\n", t->idle);
        if (t->failed > 0)
                fprintf(out, "(failed) %" PRIu64 "\n", t->failed);
        for (size_t i = 0; i < profile_samples(t->stacks); i++) {
                const struct profile_sample *sample = profile_sample(t->stacks, i);
                put_stack(t, sample->stack, "", out);
                fprintf(out, " %" PRIu64 "\n", sample->count);
        }
}

static void print_chart(const struct pyflame_tally *t, FILE *out)
{
        for (size_t i = 0; i < t->n; i++) {
                const struct pyflame_moment *moment = &t->moments[i];
                fprintf(out, "%" PRIu64 "\n", moment->time_us);
                if (moment->stack == PYFLAME_IDLE || moment->stack == PYFLAME_FAILED)
                        fputs(moment->stack == PYFLAME_IDLE ? "(idle)" : "(failed)", out);
                else
                        put_stack(t, moment->stack, ";", out);
                putc('\n', out);
        }
}

void pyflame_print(const struct pyflame_tally *t, FILE *out)
{
        if (t->options->flamechart)
                print_chart(t, out);
        else
                print_folded(t, out);
}

bool pyflame_print_thread(struct pystack *py, const struct pyflame_reading *reading, bool first, FILE *out)
{
        const struct pystack_stack *stack = &reading->stack;

        if (reading->error != 0 || stack->n == 0)
                return false;
        fprintf(out, "%s%" PRIu64 "%s:\n", first ? "" : "\n", reading->thread->pthread, reading->holds_gil ? "*" : "");
        for (size_t i = 0; i < stack->n; i++) {
                const struct pystack_frame *f = &stack->frames[i];
                struct pystack_text text;
                pystack_text(f->code, &text);
                put_frame(text.file, text.name, pystack_line(py, f), false, out);
                putc('\n', out);
        }
        if (stack->truncated)
                fputs("?:(truncated):0\n", out);
        return true;
}
