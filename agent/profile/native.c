/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of native code. One without a symbol is named by its place, so that a reader of any format can look it up. */
#include "internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *profile_base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* "libfoo.so+0x1f40". Allocated; NULL: out of memory. */
static char *name_place(const char *file, uint64_t address)
{
        char *name;

        return asprintf(&name, "%s+0x%" PRIx64, profile_base_name(file), address) < 0 ? NULL : name;
}

int profile_intern_native(struct profile *p, const struct profile_native *native, profile_id *ret_frame)
{
        struct profile_function function = { .name = native->name,
                                             .file = native->file ? native->file : "",
                                             .kind = native->kind,
                                             .build_id = native->build_id };
        struct profile_frame frame = { .address = native->address };
        char *made = NULL;

        if (native->kind != PROFILE_C && native->kind != PROFILE_KERNEL)
                return -EINVAL;
        if (!function.name || !*function.name) {
                function.name = made = name_place(function.file, native->start ? native->start : native->address);
                if (!made)
                        return -ENOMEM;
        }

        int r = profile_copy_function(p, &function, &frame.function);

        free(made);
        return r == 0 ? profile_copy_frame(p, &frame, ret_frame) : r;
}

/* Whether @name is what name_place() makes of a place in this file up to @address. */
static bool is_place(const char *name, const char *base, uint64_t address)
{
        size_t len = strlen(base);
        unsigned long long start;
        char *end;

        if (strncmp(name, base, len) != 0 || strncmp(name + len, "+0x", 3) != 0 ||
            !isxdigit((unsigned char)name[len + 3]))
                return false;
        errno = 0;
        start = strtoull(name + len + 3, &end, 16);
        return *end == '\0' && errno == 0 && start <= address;
}

bool profile_frame_is_named(const struct profile *p, profile_id id)
{
        const struct profile_frame *frame = profile_frame(p, id);
        const struct profile_function *f = profile_function(p, frame->function);
        if (f->kind == PROFILE_PYTHON)
                return true;

        return !is_place(f->name, profile_base_name(f->file), frame->address);
}
