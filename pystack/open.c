/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a process: locate its runtime, find out its version, choose or make
 * the layout, and see that the interpreter is up.
 */
#include "pystack/layout/trial.h"
#include "pystack/layout/version.h"
#include "pystack/memory/effort.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pystack_open_reader(const struct pystack_reader *reader, const struct pystack_info *info,
                        const struct runtime *runtime, struct pystack **ret)
{
        struct pystack *py = calloc(1, sizeof *py);

        if (!py)
                return -ENOMEM;
        py->reader = *reader;
        py->info = *info;
        py->layout = runtime->layout;
        py->interpreters = runtime->interpreters;
        py->tstate_current = runtime->tstate_current;
        py->code_type = runtime->code_type;
        py->machine = runtime->machine;
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

int pystack_open_location(const struct subject *subject, const struct location *location, struct pystack_info *info,
                          struct pystack **ret)
{
        struct choice choice;
        struct pystack *py = NULL;
        int e;

        snprintf(info->file, sizeof info->file, "%s", location->file);
        info->runtime = location->runtime ? location->runtime : location->tstate_current;
        e = choose_layout(&subject->reader, location, subject->abi, info, &choice);
        if (e != 0 || (e = choose_check(&subject->reader, &choice.runtime)) != 0 ||
            (e = pystack_open_reader(&subject->reader, info, &choice.runtime, &py)) != 0)
                return e;
        py->pid = subject->pid;
        py->inner_pid = subject->inner_pid;
        py->rseq_offset = subject->pid ? rseq_find(subject->pid, &subject->reader) : 0;
        if (choice.on_trial && (e = trial_run(py)) != 0) {
                tell_trial(info, e);
                pystack_close(py);
                return e;
        }
        if (subject->effort)
                py->reader = subject->effort->process;
        *ret = py;
        return 0;
}

/* Of several runtimes in a process, the one that has an interpreter is meant. */
static bool is_runtime_in_use(const struct subject *subject, const struct location *location)
{
        struct pystack_info info = { 0 };
        struct choice choice;

        return choose_layout(&subject->reader, location, subject->abi, &info, &choice) == 0 &&
               choose_check(&subject->reader, &choice.runtime) == 0;
}

int pystack_find(struct subject *subject, struct pystack_info *info, struct location *ret)
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

struct opening {
        pid_t pid;
        uint32_t abi;
        struct pystack *py; /* NULL: it could not be opened, or is the caller's by now */
        struct pystack_info info;
        int error;
};

static void run_opening(void *job)
{
        struct opening *o = job;
        struct pystack_reader process = pystack_process_reader(o->pid);
        struct effort effort;
        struct subject subject = {
                .pid = o->pid, .reader = effort_begin(&effort, &process), .abi = o->abi, .effort = &effort
        };
        struct location location;

        o->error = pystack_find(&subject, &o->info, &location);
        if (o->error == 0)
                o->error = pystack_open_location(&subject, &location, &o->info, &o->py);
}

static void discard_opening(void *job)
{
        struct opening *o = job;

        pystack_close(o->py);
        free(o);
}

int pystack_open_abi(pid_t pid, uint32_t abi, struct pystack **ret, struct pystack_info *ret_info)
{
        static const struct nsutil_work work = { .run = run_opening, .discard = discard_opening };
        struct opening *o = calloc(1, sizeof *o);

        *ret_info = (struct pystack_info){ 0 };
        if (!o)
                return -ENOMEM;
        o->pid = pid;
        o->abi = abi;
        if (nsutil_attempt(pid, &work, o) != 0) {
                if (!nsutil_is_given_up(pid))
                        snprintf(ret_info->detail, sizeof ret_info->detail,
                                 "so many other processes do not answer that it is not looked at");
                return PYSTACK_E_HANGS;
        }
        int e = o->error;
        if (e == 0)
                *ret = o->py;
        *ret_info = o->info;
        free(o);
        return e;
}

int pystack_fork(const struct pystack *parent, pid_t pid, struct pystack **ret)
{
        struct pystack_reader reader = remote_reader_of_copy(&parent->reader, pid);
        struct runtime runtime = {
                .layout = parent->layout,
                .interpreters = parent->interpreters,
                .tstate_current = parent->tstate_current,
                .code_type = parent->code_type,
                .machine = parent->machine,
        };
        struct nsutil_status status;
        struct pystack *py;
        int e = choose_check(&reader, &runtime);

        if (e == 0 && (e = nsutil_status_read(pid, &status)) > 0)
                e = PYSTACK_E_GONE;
        if (e == 0)
                e = pystack_open_reader(&reader, &parent->info, &runtime, &py);
        if (e != 0)
                return e;
        py->pid = pid;
        py->inner_pid = status.ns_pid[status.ns_depth - 1];
        py->rseq_offset = parent->rseq_offset;
        py->tid_offset = parent->tid_offset;
        *ret = py;
        return 0;
}

int pystack_open(pid_t pid, struct pystack **ret, struct pystack_info *ret_info)
{
        return pystack_open_abi(pid, 0, ret, ret_info);
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

void pystack_trim(struct pystack *py)
{
        code_cache_clear(&py->codes);
        free(py->threads);
        free(py->met.slots);
        remote_release(&py->room);
        free(py->windows);
        free(py->raw);
        free(py->frames);
        py->threads = NULL;
        py->met.slots = NULL;
        py->met.mask = py->met.n = 0;
        py->windows = NULL;
        py->raw = NULL;
        py->frames = NULL;
        py->n_threads = py->cap_threads = 0;
        py->n_windows = py->cap_windows = 0;
}

void pystack_close(struct pystack *py)
{
        if (!py)
                return;
        pystack_trim(py);
        code_cache_deinit(&py->codes);
        free(py->owed);
        if (py->release)
                py->release(py->reader.ctx);
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
