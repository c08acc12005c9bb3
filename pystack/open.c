/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a process: locate its runtime, find out its version, choose or make
 * the layout, and see that the interpreter is up.
 */
#include "internal.h"
#include "locate.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* sizeof(_PyRuntime) before Py_Version existed: one layout each. */
static const struct {
        uint64_t size;
        uint32_t version;
} fingerprints[] = {
        { 1424, 0x03070000 }, { 1520, 0x03070400 }, { 1464, 0x03080000 }, { 656, 0x03090000 }, { 672, 0x030a0000 },
};

static uint32_t guess_version(const struct location *location)
{
        for (size_t i = 0; i < sizeof fingerprints / sizeof *fingerprints; i++)
                if (fingerprints[i].size == location->runtime_size)
                        return fingerprints[i].version;
        return location->ladder;
}

static int unsupported(struct pystack_info *info)
{
        snprintf(info->detail, sizeof info->detail, "it is CPython %u.%u%s, which this podflame cannot read",
                 info->version >> 24, info->version >> 16 & 255, info->free_threaded ? " without the GIL" : "");
        return PYSTACK_E_UNSUPPORTED;
}

/*
 * Py_Version and _Py_DebugOffsets are constants, but in writable memory the
 * target may have put anything: what they say is checked where it is used.
 */
static int find_layout(const struct pystack_reader *reader, const struct location *location,
                       struct pystack_info *info, struct layout *ret)
{
        uint8_t table[LAYOUT_DEBUG_OFFSETS_MAX];
        struct layout_debug_info self;
        uint64_t version;

        info->version = guess_version(location);
        if (location->version_at && remote_read_word(reader, location->version_at, &version) == 0)
                info->version = (uint32_t)version;
        if (!location->runtime)
                return unsupported(info);
        int e = remote_read(reader, location->runtime, table, sizeof table);
        if (e != 0)
                return e;
        if (layout_debug_probe(table, sizeof table, &self)) {
                info->version = self.version;
                info->free_threaded = self.free_threaded;
                e = layout_from_debug_offsets(table, sizeof table, ret);
                return e == PYSTACK_E_UNSUPPORTED ? unsupported(info) : e;
        }
        const struct layout *layout = layout_find(info->version);
        if (!layout)
                return unsupported(info);
        *ret = *layout;
        return 0;
}

static bool has_interpreter(const struct pystack_reader *reader, uint64_t runtime, const struct layout *layout)
{
        uint64_t interp, tstate;

        return remote_read_word(reader, runtime + layout->runtime.interpreters_head, &interp) == 0 && interp &&
               remote_read_word(reader, interp + layout->interp.threads_head, &tstate) == 0 && tstate;
}

/* Of several runtimes in a process, the one that has an interpreter is meant. */
static bool in_use(void *ctx, const struct location *location)
{
        const struct pystack_reader *reader = ctx;
        struct pystack_info info = { 0 };
        struct layout layout;

        return find_layout(reader, location, &info, &layout) == 0 &&
               has_interpreter(reader, location->runtime, &layout);
}

int pystack_open_reader(const struct pystack_reader *reader, const struct pystack_info *info,
                        const struct layout *layout, uint64_t code_type, struct pystack **ret)
{
        struct pystack *py = calloc(1, sizeof *py);

        if (!py)
                return -ENOMEM;
        py->reader = *reader;
        py->info = *info;
        py->layout = *layout;
        py->code_type = code_type;
        *ret = py;
        return 0;
}

static int open_located(pid_t pid, const struct pystack_reader *reader, const struct location *location,
                        struct pystack_info *info, struct pystack **ret)
{
        struct nsutil_status status;
        struct layout layout;
        int e;

        snprintf(info->file, sizeof info->file, "%s", location->file);
        info->runtime = location->runtime;
        e = find_layout(reader, location, info, &layout);
        if (e != 0)
                return e;
        if (!has_interpreter(reader, location->runtime, &layout))
                return PYSTACK_E_NOT_READY;
        if (nsutil_status_read(pid, &status) != 0)
                return PYSTACK_E_GONE;
        e = pystack_open_reader(reader, info, &layout, location->code_type, ret);
        if (e == 0)
                (*ret)->inner_pid = status.ns_pid[status.ns_depth - 1];
        return e;
}

int pystack_open(pid_t pid, struct pystack **ret, struct pystack_info *ret_info)
{
        struct pystack_reader reader = pystack_process_reader(pid);
        struct location location;
        struct pystack_info info = { 0 };
        int e = locate_runtime(pid, in_use, &reader, &location);

        if (e == 0)
                e = open_located(pid, &reader, &location, &info, ret);
        *ret_info = info;
        return e;
}

void pystack_close(struct pystack *py)
{
        if (!py)
                return;
        code_cache_deinit(&py->codes);
        free(py->threads);
        free(py->buf);
        free(py->iov);
        free(py->raw);
        free(py->frames);
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
};

const char *pystack_strerror(int error)
{
        if (error < 0)
                return strerrordesc_np(-error) ? strerrordesc_np(-error) : "unknown error";
        return (size_t)error < sizeof sentences / sizeof *sentences ? sentences[error] : "unknown error";
}
