/* SPDX-License-Identifier: Apache-2.0 */
/* Views: what each of them hides, and that no sample and no nanosecond is lost by it. */
#include "agent/profile/profile.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(profile_view);

#define PYTHON "/usr/bin/python3.11"
#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define EMBEDDER "/usr/bin/uwsgi"
#define NUMPY "/opt/numpy/_core.so"

/* ---- internals ---------------------------------------------------------------- */

static bool is_internal(enum profile_kind kind, const char *name, const char *file, const char *with)
{
        struct profile *p = profile_new();
        struct profile_function f = { .name = name, .file = file, .kind = kind };
        profile_id id;
        bool *internals, ret;

        cr_assert_eq(profile_copy_function(p, &f, &id), 0);
        f.name = with;
        if (with) {
                f.kind = PROFILE_C;
                cr_assert_eq(profile_copy_function(p, &f, &(profile_id){ 0 }), 0);
        }
        cr_assert_eq(profile_find_internals(p, &internals), 0);
        ret = internals[id];
        free(internals);
        profile_free(p);
        return ret;
}

Test(profile_view, internals)
{
        static const struct {
                const char *name, *file, *with;
                bool internal;
        } rows[] = {
                { "_PyEval_EvalFrameDefault", PYTHON, NULL, true },
                { "_PyEval_EvalFrameDefault.cold", PYTHON, NULL, true },
                { "PyObject_Vectorcall", "/usr/lib/libpython3.11.so.1.0", NULL, true },
                { "_PyObject_MakeTpCall", PYTHON, NULL, true },
                { "method_vectorcall_VARARGS_KEYWORDS", PYTHON, NULL, true },
                { "type_call.isra.0", PYTHON, NULL, true },
                { "gen_send_ex2", PYTHON, NULL, true },
                { "pymain_run_python.constprop.0", PYTHON, NULL, true },
                { "main", PYTHON, NULL, true },
                { "start_thread", LIBC, NULL, true },
                { "clone3", LIBC, NULL, true },
                { "__clone@@GLIBC_2.2.5", LIBC, NULL, true },
                { "__libc_start_call_main", LIBC, NULL, true },
                { "_start", EMBEDDER, NULL, true },
                /* a program that embeds the interpreter */
                { "_PyEval_Vector", EMBEDDER, NULL, true },
                { "type_call", EMBEDDER, "PyEval_EvalCode", true },
                { "type_call", EMBEDDER, "uwsgi_request", false },
                { "pythread_wrapper", EMBEDDER, "Py_RunMain", true },
                { "uwsgi_request", EMBEDDER, "Py_RunMain", false },
                /* what does work */
                { "dict_subscript", PYTHON, NULL, false },
                { "_io_FileIO_readall", PYTHON, NULL, false },
                { "gc_collect_main", PYTHON, NULL, false },
                { "type_caller", PYTHON, NULL, false },
                { "__read", LIBC, NULL, false },
                { "clone3", NUMPY, NULL, false },
                { "start_thread", EMBEDDER, NULL, false },
                { "thread_run", NUMPY, NULL, false },
                { "uwsgi+0x12", EMBEDDER, NULL, false },
                { "libz.so.1+0x12", "/usr/lib/libz.so.1", NULL, false },
                /* a stripped interpreter */
                { "libpython3.11.so+0x12", "/usr/lib/libpython3.11.so", NULL, true },
                { "", "", NULL, false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                cr_expect_eq(is_internal(PROFILE_C, rows[i].name, rows[i].file, rows[i].with), rows[i].internal,
                             "%s in %s with %s", rows[i].name, rows[i].file, rows[i].with);
                cr_expect_not(is_internal(PROFILE_PYTHON, rows[i].name, rows[i].file, rows[i].with));
                cr_expect_not(is_internal(PROFILE_KERNEL, rows[i].name, rows[i].file, rows[i].with));
        }
}

/* ---- views --------------------------------------------------------------------- */

struct step {
        enum profile_kind kind;
        const char *name, *file;
};

/* Adds a sample, leaf first. */
static void add(struct profile *p, const struct step *steps, size_t n, profile_id thread, uint64_t count, uint64_t ns)
{
        profile_id frames[16];

        for (size_t i = 0; i < n; i++) {
                struct profile_native native = { steps[i].kind, steps[i].name, steps[i].file, "ab", 0x100 + i, 0 };

                frames[i] = steps[i].kind == PROFILE_PYTHON
                                    ? interned_frame(p, interned_function(p, steps[i].name, steps[i].file, 1), 2)
                                    : interned_native(p, &native);
        }
        cr_assert_eq(profile_add(p, interned_stack(p, frames, n), thread, PROFILE_RUNNING, count, ns), 0);
}
#define ADD(p, thread, count, ns, ...)               \
        add(p, (const struct step[]){ __VA_ARGS__ }, \
            sizeof((const struct step[]){ __VA_ARGS__ }) / sizeof(struct step), thread, count, ns)

static const struct step copy = { PROFILE_KERNEL, "copy_to_user", "[kernel]" },
                         read_call = { PROFILE_C, "__read", LIBC },
                         readall = { PROFILE_C, "_io_FileIO_readall", PYTHON },
                         call = { PROFILE_C, "PyObject_Vectorcall", PYTHON }, start = { PROFILE_C, "_start", PYTHON },
                         f = { PROFILE_PYTHON, "f", "a.py" }, g = { PROFILE_PYTHON, "g", "a.py" },
                         gil = { PROFILE_PYTHON, "[waits: GIL]", "" }, blas = { PROFILE_C, "gemm", NUMPY },
                         thread_start = { PROFILE_C, "start_thread", LIBC };

static struct profile *mixed(void)
{
        struct profile *p = profile_new();
        profile_id worker = interned_thread(p, 7, "worker");

        ADD(p, worker, 3, 31, copy, read_call, readall, call, f, call, g, start);
        ADD(p, worker, 2, 20, call, f, call, g, start); /* the leaf is an internal: its time is f's */
        ADD(p, worker, 1, 10, f, call, g, start);
        ADD(p, 0, 4, 40, gil, call, f, start);
        ADD(p, 0, 5, 50, blas, thread_start);
        ADD(p, 0, 6, 60, thread_start);
        *profile_counters(p) = (struct profile_counters){ .ticks = 21, .ok = 21, .mixed = 21, .sampled_ns = 211 };
        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10, .engine = "perf" });
        profile_set_attribute(p, "process.pid", "42");
        return p;
}

/* The samples as text: "g;f 3 31 7\n" is root first, count, nanoseconds, thread. */
static void write_all(const struct profile *p, char *ret, size_t size)
{
        FILE *out = fmemopen(ret, size, "w");

        for (size_t i = 0; i < profile_samples(p); i++) {
                const struct profile_sample *sample = profile_sample(p, i);
                const char *name;
                uint64_t tid = 0;
                size_t n;
                const profile_id *frames = profile_stack(p, sample->stack, &n);

                while (n-- > 0)
                        fprintf(out, "%s%s", profile_function(p, profile_frame(p, frames[n])->function)->name,
                                n > 0 ? ";" : " ");
                if (sample->thread)
                        profile_thread(p, sample->thread, &tid, &name);
                fprintf(out, "%d %d %d\n", (int)sample->count, (int)sample->nanoseconds, (int)tid);
        }
        fclose(out);
}

static void expect_view(enum profile_view view, const char *expected)
{
        struct profile *from = mixed(), *to;
        char text[1024];

        cr_assert_eq(profile_view(from, view, &to), 0);
        write_all(to, text, sizeof(text));
        cr_expect_str_eq(text, expected, "got\n%s", text);
        cr_expect_eq(profile_total(to), profile_total(from));
        cr_expect_eq(profile_counters(to)->mixed, 21);
        cr_expect_eq(profile_counters(to)->sampled_ns, 211);
        cr_expect_str_eq(profile_settings(to)->engine, "perf");
        cr_expect_str_eq(profile_attribute(to, "process.pid"), "42");
        cr_expect_eq(profile_has_native(to), view != PROFILE_VIEW_PYTHON);
        profile_free(from);
        profile_free(to);
}

Test(profile_view, all_is_the_same)
{
        expect_view(PROFILE_VIEW_ALL,
                    "_start;g;PyObject_Vectorcall;f;PyObject_Vectorcall;_io_FileIO_readall;__read;copy_to_user 3 31 7\n"
                    "_start;g;PyObject_Vectorcall;f;PyObject_Vectorcall 2 20 7\n"
                    "_start;g;PyObject_Vectorcall;f 1 10 7\n"
                    "_start;f;PyObject_Vectorcall;[waits: GIL] 4 40 0\n"
                    "start_thread;gemm 5 50 0\n"
                    "start_thread 6 60 0\n");
}

Test(profile_view, internals_leave_their_time_to_their_callers)
{
        expect_view(PROFILE_VIEW_FOLDED, "g;f;_io_FileIO_readall;__read;copy_to_user 3 31 7\n"
                                         "g;f 3 30 7\n"
                                         "f;[waits: GIL] 4 40 0\n"
                                         "gemm 5 50 0\n"
                                         "(native) 6 60 0\n");
}

Test(profile_view, python_only)
{
        expect_view(PROFILE_VIEW_PYTHON, "g;f 6 61 7\n"
                                         "f;[waits: GIL] 4 40 0\n"
                                         "(native) 11 110 0\n");
}

Test(profile_view, frames_keep_what_they_are)
{
        struct profile *from = mixed(), *to;
        size_t n;

        cr_assert_eq(profile_view(from, PROFILE_VIEW_FOLDED, &to), 0);

        const profile_id *frames = profile_stack(to, profile_sample(to, 0)->stack, &n);
        const struct profile_function *function = profile_function(to, profile_frame(to, frames[1])->function);

        cr_expect_eq(profile_frame(to, frames[1])->address, 0x101);
        cr_expect_eq(function->kind, PROFILE_C);
        cr_expect_str_eq(function->build_id, "ab");
        cr_expect_eq(profile_frame(to, frames[3])->line, 2);
        profile_free(from);
        profile_free(to);
}

Test(profile_view, names)
{
        enum profile_view view;

        for (size_t i = 0; i < PROFILE_VIEWS; i++) {
                cr_assert(profile_view_parse(profile_view_hides((enum profile_view)i), &view));
                cr_expect_eq(view, i);
        }
        cr_expect_not(profile_view_parse("", &view));
}

Test(profile_view, of_nothing)
{
        struct profile *from = profile_new(), *to;

        cr_assert_eq(profile_view(from, PROFILE_VIEW_FOLDED, &to), 0);
        cr_expect_eq(profile_samples(to), 0);
        cr_expect_not(profile_has_native(to));
        profile_free(from);
        profile_free(to);
}
