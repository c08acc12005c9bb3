/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions of C are the interpreter's own machinery: what lies between a call in Python and the function that is
 * called, and between the start of a program or thread and its first line of Python. It is in nearly every stack of
 * every program, and says nothing of it.
 *
 * Names of CPython's functions are from its sources, 2.7 to 3.15. Many are static, and short enough for any library to
 * have them too ("type_call"). So they count only in a file that is an interpreter's: its name says so, or it has one
 * of the functions that only an interpreter defines. What does work, such as dict_subscript() or the collector of
 * garbage, is not listed. Of a stripped interpreter most static functions have no name. They are counted as machinery, since
 * a number says nothing to anybody.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a name counts. */
enum place {
        ANYWHERE,
        IN_INTERPRETER,
        IN_LIBC,
};

/* A name that ends in '*' stands for all names that begin so. */
struct internal {
        const char *name;
        enum place place;
        bool proves; /* only an interpreter defines it */
};

#define OWN(text)                                       \
        {                                               \
                .name = (text), .place = IN_INTERPRETER \
        }
#define PROOF(text)                                                     \
        {                                                               \
                .name = (text), .place = IN_INTERPRETER, .proves = true \
        }
#define OF_LIBC(text)                            \
        {                                        \
                .name = (text), .place = IN_LIBC \
        }

static const struct internal internals[] = {
        /* evaluation, and calls into it */
        PROOF("_PyEval*"),
        PROOF("PyEval_*"),
        OWN("_TAIL_CALL_*"),
        OWN("_call_function*"),
        OWN("call_function"),
        OWN("fast_function"),
        OWN("do_call*"),
        OWN("function_code_fastcall"),
        OWN("_PyFunction_Vectorcall*"),
        OWN("_PyFunction_FastCall*"),
        OWN("function_call"),
        OWN("trampoline_call"),
        OWN("py_trampoline_evaluator"),
        /* calls of any object */
        OWN("PyObject_Call*"),
        OWN("PyObject_Vectorcall*"),
        OWN("_PyObject_Call*"),
        OWN("_PyObject_Vectorcall*"),
        OWN("_PyObject_FastCall*"),
        OWN("_PyObject_MakeTpCall"),
        OWN("_PyVectorcall_*"),
        OWN("PyVectorcall_*"),
        OWN("_Py_CheckFunctionResult"),
        OWN("object_vacall"),
        OWN("_PyStack_*"),
        OWN("callmethod*"),
        OWN("_PyMethodDef_RawFastCall*"),
        OWN("_PyMethodDescr_*"),
        OWN("_PyCFunction_*"),
        OWN("PyCFunction_*"),
        OWN("cfunction_*"),
        OWN("method_vectorcall*"),
        OWN("method_call"),
        OWN("instancemethod_call"),
        OWN("methoddescr_call"),
        OWN("classmethoddescr_call"),
        OWN("vectorcall_*"),
        OWN("slot_tp_*"),
        OWN("slot_nb_*"),
        OWN("slot_sq_*"),
        OWN("slot_mp_*"),
        OWN("slot_am_*"),
        OWN("call_method"),
        OWN("lookup_maybe_method"),
        OWN("wrapper_call"),
        OWN("wrap_*"),
        OWN("type_call"),
        OWN("type_vectorcall"),
        OWN("_PyType_Call*"),
        OWN("partial_vectorcall*"),
        OWN("partial_call*"),
        /* generators and coroutines */
        OWN("gen_send_ex*"),
        OWN("gen_iternext"),
        OWN("gen_send"),
        OWN("_gen_send*"),
        OWN("PyGen_am_send"),
        OWN("_PyGen_Send"),
        OWN("PyIter_Send"),
        OWN("coro_wrapper_*"),
        OWN("async_gen_asend_*"),
        /* from the start of the program to its module */
        PROOF("Py_RunMain*"),
        PROOF("Py_BytesMain"),
        PROOF("Py_Main"),
        PROOF("pymain_*"),
        OWN("main"),
        OWN("run_mod"),
        OWN("run_eval_code_obj"),
        OWN("_PyRun_*"),
        OWN("PyRun_*"),
        OWN("pyrun_*"),
        OWN("builtin_exec*"),
        OWN("builtin___build_class__"),
        OWN("PyImport_ImportModuleLevelObject"),
        OWN("PyImport_Import*"),
        OWN("import_find_and_load"),
        OWN("import_name"),
        OWN("builtin___import__*"),
        /* from the start of a thread to its function */
        OWN("thread_run"),
        OWN("pythread_wrapper"),
        OWN("t_bootstrap"),
        { .name = "_start", .place = ANYWHERE },
        OF_LIBC("__libc_start_*"),
        OF_LIBC("libc_start_main_*"),
        OF_LIBC("generic_start_main*"),
        OF_LIBC("_start_c"),
        OF_LIBC("start_thread"),
        OF_LIBC("start"),
        OF_LIBC("clone"),
        OF_LIBC("clone3"),
        OF_LIBC("__clone*"),
        OF_LIBC("__GI___clone*"),
};
#define INTERNALS (sizeof(internals) / sizeof(*internals))

/* Beginnings of the names of files. */
static const char *const interpreters[] = { "libpython", "python", "pypy", NULL };
static const char *const libcs[] = { "libc.", "libc-", "libpthread", "ld-musl", NULL };

static bool begins_with_any(const char *text, const char *const *beginnings)
{
        while (*beginnings && strncmp(text, *beginnings, strlen(*beginnings)) != 0)
                beginnings++;
        return *beginnings != NULL;
}

/* A compiler splits and clones functions, "type_call.isra.0". A symbol can have a version, "clone@@GLIBC_2.2.5". */
static bool is_called(const char *name, const char *pattern)
{
        size_t len = strlen(pattern);
        bool open = pattern[len - 1] == '*';

        if (open)
                len--;
        return strncmp(name, pattern, len) == 0 && (open || strchr(".@", name[len]));
}

static const struct internal *match_internal(const char *name)
{
        for (size_t i = 0; i < INTERNALS; i++)
                if (is_called(name, internals[i].name))
                        return &internals[i];
        return NULL;
}

/* "python3.11+0x5d64b3": see profile_intern_native(). */
static bool is_unnamed(const struct profile_function *f)
{
        const char *base = profile_base_name(f->file);
        size_t len = strlen(base);

        return strncmp(f->name, base, len) == 0 && strncmp(f->name + len, "+0x", 3) == 0;
}

static const struct internal *classify_function(const struct profile_function *f)
{
        static const struct internal unnamed = OWN("");

        return is_unnamed(f) ? &unnamed : match_internal(f->name);
}

static int order_addresses(const void *a, const void *b)
{
        const char *x = *(const char *const *)a, *y = *(const char *const *)b;

        return ((uintptr_t)x > (uintptr_t)y) - ((uintptr_t)x < (uintptr_t)y);
}

/* The files that prove to be an interpreter, in order. Strings of a profile are equal if their addresses are. */
static size_t list_proven_files(const struct profile *p, const struct internal *const *found, const char **ret)
{
        size_t n = 0;

        for (uint32_t id = 1; id <= p->functions.n; id++)
                if (found[id] && found[id]->proves)
                        ret[n++] = profile_function(p, id)->file;
        qsort(ret, n, sizeof(*ret), order_addresses);
        return n;
}

static bool is_in_place(const char *file, enum place place, const char *const *proven, size_t n)
{
        const char *base = profile_base_name(file);

        if (place == ANYWHERE)
                return true;
        if (place == IN_LIBC)
                return begins_with_any(base, libcs);
        return begins_with_any(base, interpreters) ||
               (n > 0 && bsearch(&file, proven, n, sizeof(*proven), order_addresses));
}

int profile_find_internals(const struct profile *p, bool **ret)
{
        const struct internal **found = calloc(p->functions.n + 1, sizeof(*found));
        const char **proven = calloc(p->functions.n + 1, sizeof(*proven));
        bool *marks = calloc(p->functions.n + 1, sizeof(*marks));
        int r = found && proven && marks ? 0 : -ENOMEM;

        if (r == 0) {
                for (uint32_t id = 1; id <= p->functions.n; id++)
                        if (profile_function(p, id)->kind == PROFILE_C)
                                found[id] = classify_function(profile_function(p, id));

                size_t n = list_proven_files(p, found, proven);

                for (uint32_t id = 1; id <= p->functions.n; id++)
                        marks[id] = found[id] &&
                                    is_in_place(profile_function(p, id)->file, found[id]->place, proven, n);
                *ret = marks;
                marks = NULL;
        }
        free(found);
        free(proven);
        free(marks);
        return r;
}
