/* SPDX-License-Identifier: Apache-2.0 */
#include "code.h"

#include "agent/profile/profile.h"
#include "agent/sample/sample.h"
#include "agent/symbol/symbol.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool stands_still(void *ctx)
{
        const struct code_ask *ask = ctx;

        return sample_call_stands(ask->files, ask->wait);
}

void code_ask(struct code_ask *ret, struct pystack_thread *thread, const struct nsutil_wait_thread *files,
              const struct nsutil_wait *wait)
{
        *ret = (struct code_ask){ .request = { .stayed = stands_still, .ctx = ret }, .files = files, .wait = wait };
        if (sample_call_registers(wait, &ret->request.registers))
                pystack_native_ask(thread, &ret->request);
}

void code_each(struct subject *s, const struct pystack_mixed_frame *frame, code_frame_fn each, void *ctx)
{
        const struct pystack_image *image = pystack_native_image(s->py, frame->image);
        const char *path = image ? image->map.path : "";
        char file[4 * 256], unnamed[sizeof file + 24];
        struct symbol symbol;

        pystack_escape(path, strlen(path), file, sizeof file);
        snprintf(unnamed, sizeof unnamed, "%s+0x%" PRIx64, profile_base_name(file),
                 pystack_native_function(s->py, frame->image, frame->value));
        bool named = image && symbols_look_up_frame(s->symbols, s->pid, s->process.start_time, image, frame->value,
                                                    &symbol) == 0;
        const struct code_frame told = { .kind = "c",
                                         .name = named ? symbol.name : unnamed,
                                         .file = file,
                                         .build_id = image ? image->build_id : "",
                                         .address = frame->value };
        each(ctx, &told);
}

/* Bytes of a kernel's stack that are read: 64 lines of the kernel's longest names have less. */
#define KERNEL_STACK_MAX ((size_t)64 << 10)

/* A line is "[<0>] name+0x74/0xf0", and " [module]" if the function is one's. */
static bool read_kernel_line(const char *line, char name[static 256])
{
        return sscanf(line, "[<%*[^>]>] %255[^+\n ]", name) == 1;
}

void code_each_of_kernel(pid_t pid, pid_t tid, code_frame_fn each, void *ctx)
{
        char path[48], *text, *rest, name[256];
        size_t len;

        snprintf(path, sizeof path, "task/%d/stack", tid);
        if (nsutil_read_proc(pid, path, KERNEL_STACK_MAX, &text, &len) != 0)
                return;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                if (read_kernel_line(line, name))
                        each(ctx, &(struct code_frame){
                                          .kind = "kernel", .name = name, .file = "[kernel]", .build_id = "" });
        free(text);
}
