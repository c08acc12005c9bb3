/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a process: finds its runtime, finds out its version, makes the layout, and sees that the interpreter is up. */
#include "pystack/greenlets/running.h"
#include "pystack/layout/trial.h"
#include "pystack/layout/version.h"
#include "pystack/memory/effort.h"
#include "pystack/native/reading.h"
#include "pystack/tasks/running.h"
#include "pystack/validate/garbage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pystack_new(const struct pystack_memory *memory, const struct pystack_info *info, const struct runtime *runtime,
                struct pystack **ret)
{
        struct pystack *py = calloc(1, sizeof *py);

        if (!py)
                return -ENOMEM;
        py->memory = *memory;
        py->info = *info;
        py->runtime = *runtime;
        *ret = py;
        return 0;
}

/* ---- opening ---------------------------------------------------------------------- */

static void tell_trial(struct pystack_info *info, int error)
{
        if (error == PYSTACK_E_COSTLY)
                return;
        snprintf(info->detail, sizeof info->detail, "it is CPython %u.%u%s, which this podflame %s",
                 info->version >> 24, info->version >> 16 & 255, info->free_threaded ? " without the GIL" : "",
                 error == PYSTACK_E_TORN ? "does not know, and no thread held still to be tried: try again"
                                         : "cannot read");
}

int subject_open(const struct subject *subject, const struct pystack_location *location, struct pystack_info *info,
                 struct pystack **ret)
{
        struct detected detected;
        struct pystack *py = NULL;
        int e;

        snprintf(info->file, sizeof info->file, "%s", location->file);
        info->runtime = location->runtime ? location->runtime : location->tstate_current;
        e = version_detect(&subject->memory, location, subject->abi, info, &detected);
        if (e != 0 || (e = version_check(&subject->memory, &detected.runtime)) != 0 ||
            (e = pystack_new(&subject->memory, info, &detected.runtime, &py)) != 0)
                return e;
        py->process.pid = subject->pid;
        py->process.inner_pid = subject->inner_pid;
        py->process.rseq_offset = subject->pid ? rseq_find(subject->pid, &subject->memory) : 0;
        if (detected.on_trial && (e = trial_run(py)) != 0) {
                tell_trial(info, e);
                pystack_close(py);
                return e;
        }
        if (subject->effort)
                py->memory = subject->effort->process;
        *ret = py;
        return 0;
}

/* A process can have several runtimes. The one that has an interpreter is in use. */
static bool is_runtime_in_use(const struct subject *subject, const struct pystack_location *location)
{
        struct pystack_info info = { 0 };
        struct detected detected;

        return version_detect(&subject->memory, location, subject->abi, &info, &detected) == 0 &&
               version_check(&subject->memory, &detected.runtime) == 0;
}

int subject_locate(struct subject *subject, struct pystack_info *info, struct pystack_location *ret)
{
        struct nsutil_status status;

        if (subject->abi && !layout_abi_version(subject->abi))
                return -EINVAL;
        int r = nsutil_status_read(subject->pid, &status);
        if (r != 0)
                return r < 0 ? r : PYSTACK_E_GONE;
        subject->inner_pid = status.ns_pid[status.ns_depth - 1];
        return locate_runtime(subject, is_runtime_in_use, ret, info->detail);
}

/* ---- in time -------------------------------------------------------------------------- */

/* Refusals of one opening that are told. A process with many unreadable files has no more that are of interest. */
#define REFUSALS_MAX 32

/*
 * The refusals of an opening. It runs in a thread that may be left behind, so what it finds is kept until the caller's
 * thread tells it.
 */
struct refusals {
        size_t n;
        uint64_t left_out;
        struct pystack_refusal items[REFUSALS_MAX];
};

struct opening {
        pid_t pid;
        uint32_t abi;
        struct refusals *refusals; /* NULL: nobody wants to know them */
        struct pystack *py;        /* NULL: it could not be opened, or is the caller's by now */
        struct pystack_info info;
        int error;
};

static void keep_refusal(void *ctx, const struct pystack_refusal *refusal)
{
        struct refusals *refusals = ctx;

        if (refusals->n < REFUSALS_MAX)
                refusals->items[refusals->n++] = *refusal;
        else
                refusals->left_out++;
}

static void tell_refusals(const struct refusals *refusals, const struct pystack_trace *trace, pid_t pid)
{
        const struct pystack_refusal more = {
                .pid = pid, .field = "opening", .expected = "fewer refusals; left out", .found = refusals->left_out
        };

        for (size_t i = 0; i < refusals->n; i++)
                trace->refused(trace->ctx, &refusals->items[i]);
        if (refusals->left_out > 0)
                trace->refused(trace->ctx, &more);
}

static void run_opening(void *job)
{
        struct opening *o = job;
        struct pystack_memory process = pystack_process_memory(o->pid);
        struct effort effort;
        struct pystack_location location;

        if (o->refusals)
                process.trace = (struct pystack_trace){ keep_refusal, o->refusals };
        struct subject subject = {
                .pid = o->pid, .memory = effort_begin(&effort, &process), .abi = o->abi, .effort = &effort
        };
        o->error = subject_locate(&subject, &o->info, &location);
        if (o->error == 0)
                o->error = subject_open(&subject, &location, &o->info, &o->py);
}

static void discard_opening(void *job)
{
        struct opening *o = job;

        pystack_close(o->py);
        free(o->refusals);
        free(o);
}

static int begin_opening(const struct pystack_options *options, struct opening **ret)
{
        struct opening *o = calloc(1, sizeof *o);

        if (!o)
                return -ENOMEM;
        o->pid = options->pid;
        o->abi = options->abi;
        if (options->trace.refused && !(o->refusals = calloc(1, sizeof *o->refusals))) {
                free(o);
                return -ENOMEM;
        }
        *ret = o;
        return 0;
}

static int open_in_time(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info)
{
        static const struct nsutil_work work = { .run = run_opening, .discard = discard_opening };
        struct opening *o;
        int e = begin_opening(options, &o);

        if (e != 0)
                return e;
        if (nsutil_attempt(options->pid, &work, o) != 0) {
                if (!nsutil_is_given_up(options->pid))
                        snprintf(ret_info->detail, sizeof ret_info->detail,
                                 "so many other processes do not answer that it is not looked at");
                return PYSTACK_E_HANGS;
        }
        e = o->error;
        *ret_info = o->info;
        if (o->refusals)
                tell_refusals(o->refusals, &options->trace, options->pid);
        if (e == 0) {
                o->py->memory.trace = options->trace;
                *ret = o->py;
                o->py = NULL;
        }
        discard_opening(o);
        return e;
}

/* Opens what the caller has located, or reads by itself. */
static int open_given(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info)
{
        struct subject subject = {
                .pid = options->pid,
                .inner_pid = options->inner_pid,
                .memory = options->memory ? *options->memory : pystack_process_memory(options->pid),
                .abi = options->abi,
        };
        struct pystack_location location;
        int e = 0;

        subject.memory.trace = options->trace;
        if (options->location)
                location = *options->location;
        else
                e = subject_locate(&subject, ret_info, &location);
        return e != 0 ? e : subject_open(&subject, &location, ret_info, ret);
}

int pystack_open(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info)
{
        *ret_info = (struct pystack_info){ 0 };
        if (options->pid == 0 && !(options->memory && options->location))
                return -EINVAL;
        return options->memory || options->location ? open_given(options, ret, ret_info)
                                                    : open_in_time(options, ret, ret_info);
}

/* Makes a pystack that reads @memory, where all lies where it lies in the process of @of. 0 or -ENOMEM. */
static int open_alike(const struct pystack *of, const struct pystack_memory *memory, struct pystack **ret)
{
        int e = pystack_new(memory, &of->info, &of->runtime, ret);

        if (e == 0)
                (*ret)->process = of->process;
        return e;
}

int pystack_fork(const struct pystack *parent, pid_t pid, struct pystack **ret)
{
        struct pystack_memory memory = remote_memory_of_copy(&parent->memory, pid);
        struct nsutil_status status;
        struct pystack *py;
        int e = version_check(&memory, &parent->runtime);

        if (e == 0 && (e = nsutil_status_read(pid, &status)) > 0)
                e = PYSTACK_E_GONE;
        if (e == 0)
                e = open_alike(parent, &memory, &py);
        if (e != 0)
                return e;
        py->process.pid = pid;
        py->process.inner_pid = status.ns_pid[status.ns_depth - 1];
        *ret = py;
        return 0;
}

int pystack_again(const struct pystack *py, struct pystack **ret)
{
        return open_alike(py, &py->memory, ret);
}

const uint32_t *pystack_abis(void)
{
        return layout_abis;
}

void pystack_limit_bytes(struct pystack *py, size_t bytes)
{
        py->codes.limit = bytes;
}

size_t pystack_bytes(const struct pystack *py, uint64_t *ret_refusals)
{
        *ret_refusals = py->codes.refusals;
        return py->codes.bytes;
}

static void free_scratch(struct scratch *scratch)
{
        remote_release(&scratch->room);
        free(scratch->windows);
        free(scratch->raw);
        free(scratch->frames);
        free(scratch->pieces);
        *scratch = (struct scratch){ 0 };
}

static void free_threads(struct thread_list *threads)
{
        free(threads->refs);
        address_set_deinit(&threads->visited);
        *threads = (struct thread_list){ .several = threads->several };
}

void pystack_trim(struct pystack *py)
{
        code_cache_clear(&py->codes);
        garbage_trim(py);
        native_trim(py->native);
        tasks_trim(py);
        greenlets_trim(py);
        free_threads(&py->threads);
        free_scratch(&py->scratch);
}

void pystack_close(struct pystack *py)
{
        if (!py)
                return;
        pystack_trim(py);
        code_cache_deinit(&py->codes);
        native_free(py->native);
        tasks_free(py);
        greenlets_free(py);
        free(py->deferral.items);
        if (py->release)
                py->release(py->memory.ctx);
        free(py);
}

const struct pystack_info *pystack_info(const struct pystack *py)
{
        return &py->info;
}

static const char *const sentences[] = {
        [0] = "no error",
        [PYSTACK_E_GONE] = "it has ended",
        [PYSTACK_E_DENIED] = "the kernel refuses to let its memory be read",
        [PYSTACK_E_NOT_PYTHON] = "it is not a CPython process",
        [PYSTACK_E_UNSUPPORTED] = "its version of CPython is not supported",
        [PYSTACK_E_NOT_READY] = "its interpreter is still starting, or is ending",
        [PYSTACK_E_TORN] = "it kept running while it was read",
        [PYSTACK_E_CORRUPT] = "its memory is not what this CPython would hold",
        [PYSTACK_E_COSTLY] = "finding out whether it is Python takes too much work",
        [PYSTACK_E_HANGS] = ("its memory does not answer: whoever serves a page of it (FUSE, userfaultfd) hangs; it is "
                             "left alone for good"),
};

const char *pystack_strerror(int error)
{
        if (error < 0)
                return strerrordesc_np(-error) ? strerrordesc_np(-error) : "unknown error";
        return (size_t)error < sizeof sentences / sizeof *sentences ? sentences[error] : "unknown error";
}
