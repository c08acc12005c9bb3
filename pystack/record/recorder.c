/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorder and replay. The recorder's memory keeps all that is read of a process. The replay's memory answers from
 * that. A recording says where the runtime lies. It holds what was read after the runtime was found.
 */
#include "pystack/memory/effort.h"
#include "record.h"

#include <errno.h>
#include <stdlib.h>

struct pystack_recorder {
        struct record record;
        struct pystack_memory process;
};

static int fetch_from_process(void *ctx, struct record_block *block)
{
        struct pystack_recorder *recorder = ctx;

        return remote_read(&recorder->process, block->addr, block->bytes, sizeof block->bytes);
}

static ssize_t read_recording(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct pystack_recorder *recorder = ctx;

        return record_copy(&recorder->record, buf, remote, n, fetch_from_process, recorder);
}

int pystack_recorder_open(pid_t pid, uint32_t abi, struct pystack_recorder **ret_recorder, struct pystack **ret,
                          struct pystack_info *ret_info)
{
        struct pystack_memory process = pystack_process_memory(pid);
        struct effort effort;
        struct subject subject = {
                .pid = pid, .memory = effort_begin(&effort, &process), .abi = abi, .effort = &effort
        };
        struct pystack_recorder *recorder = calloc(1, sizeof *recorder);
        struct pystack_info info = { 0 };

        if (!recorder)
                return -ENOMEM;
        recorder->process = process;
        int e = subject_locate(&subject, &info, &recorder->record.location);
        if (e == 0) {
                recorder->record.inner_pid = (uint64_t)subject.inner_pid;
                recorder->record.abi = abi;
                subject.memory = (struct pystack_memory){ .read = read_recording, .ctx = recorder };
                subject.effort = NULL; /* whoever records a process wants all of it */
                e = subject_open(&subject, &recorder->record.location, &info, ret);
        }
        *ret_info = info;
        if (e == 0)
                *ret_recorder = recorder;
        else
                pystack_recorder_close(recorder);
        return e;
}

void pystack_recorder_close(struct pystack_recorder *recorder)
{
        if (!recorder)
                return;
        record_deinit(&recorder->record);
        free(recorder);
}

int pystack_recorder_write(const struct pystack_recorder *recorder, FILE *file)
{
        return record_write(&recorder->record, file);
}

/* ---- replay ------------------------------------------------------------------------ */

static ssize_t read_replay(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        return record_copy(ctx, buf, remote, n, NULL, NULL);
}

static void replay_free(void *ctx)
{
        record_deinit(ctx);
        free(ctx);
}

int pystack_open_recording(FILE *file, const struct pystack_trace *trace, struct pystack **ret,
                           struct pystack_info *ret_info)
{
        struct record *record = calloc(1, sizeof *record);
        struct pystack_info info = { 0 };

        if (!record)
                return -ENOMEM;
        int e = record_parse(file, record);
        if (e == 0) {
                const struct subject subject = {
                        .inner_pid = (pid_t)record->inner_pid,
                        .memory = { .read = read_replay,
                                    .ctx = record,
                                    .trace = trace ? *trace : (struct pystack_trace){ 0 } },
                        .abi = (uint32_t)record->abi,
                };
                e = subject_open(&subject, &record->location, &info, ret);
        }
        *ret_info = info;
        if (e == 0)
                (*ret)->release = replay_free;
        else
                replay_free(record);
        return e;
}
