/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forged memory: a recording of a real interpreter, in which words are replaced by
 * others and by addresses of other blocks, before it is opened and while it is read.
 * Any error will do, but one must come, and soon; names and lines have to be sound.
 */
#include "pystack/internal.h"
#include "pystack/record.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDINGS "tests/fixtures/recordings/*.txt"
#define RECORDS_MAX 64
#define DAMAGES_MAX 64
#define SAMPLES 3
#define THREADS_MAX 8

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct record records[RECORDS_MAX];
static size_t n_records;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        glob_t found;

        (void)argc;
        (void)argv;
        if (glob(RECORDINGS, 0, NULL, &found) != 0)
                abort();
        for (size_t i = 0; i < found.gl_pathc && n_records < RECORDS_MAX; i++) {
                FILE *file = fopen(found.gl_pathv[i], "r");
                if (!file || record_parse(file, &records[n_records++]) != 0)
                        abort();
                fclose(file);
        }
        globfree(&found);
        return 0;
}

/* ---- damages --------------------------------------------------------------------- */

/* As it stands in the input. */
struct damage {
        uint16_t block;
        uint8_t offset;
        uint8_t how; /* bit 7: an address; bit 6: only after the first sample; bits 0 to 2: bytes less one */
        uint64_t value;
} __attribute__((packed));

/* What stood there before. */
struct damaged {
        uint8_t *at;
        uint8_t bytes[8];
        size_t len;
};

static void damage(struct record *record, const struct damage *d, struct damaged *ret)
{
        struct record_block *block = &record->blocks[d->block % record->n];
        size_t len = d->how & 0x80 ? 8 : (size_t)(d->how & 7) + 1;
        size_t offset = d->offset < RECORD_BLOCK - len ? d->offset : RECORD_BLOCK - len;
        uint64_t value = d->how & 0x80 ? record->blocks[d->value % record->n].addr + (d->value >> 32) % RECORD_BLOCK
                                       : d->value;

        ret->at = block->bytes + offset;
        ret->len = len;
        memcpy(ret->bytes, ret->at, len);
        memcpy(ret->at, &value, len);
}

/* ---- reading it -------------------------------------------------------------------- */

struct memory {
        struct record *record;
        struct damage damages[DAMAGES_MAX];
        struct damaged undo[DAMAGES_MAX];
        size_t n, n_done;
};

static void damage_all(struct memory *memory, bool late)
{
        for (size_t i = 0; i < memory->n; i++)
                if (((memory->damages[i].how & 0x40) != 0) == late)
                        damage(memory->record, &memory->damages[i], &memory->undo[memory->n_done++]);
}

static void restore(struct memory *memory)
{
        while (memory->n_done-- > 0)
                memcpy(memory->undo[memory->n_done].at, memory->undo[memory->n_done].bytes, memory->undo[memory->n_done].len);
}

static ssize_t read_memory(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        return record_copy(ctx, buf, remote, n, NULL, NULL);
}

static void look_at(struct pystack *py, const struct pystack_stack *stack)
{
        size_t sum = 0;

        if (stack->n > PYSTACK_MAX_FRAMES)
                abort();
        for (size_t i = 0; i < stack->n; i++)
                sum += strlen(stack->frames[i].code->name) + strlen(stack->frames[i].code->file) +
                       pystack_line(py, &stack->frames[i]);
        if (sum == SIZE_MAX)
                abort();
}

static void begin(void)
{
}

static bool unbroken(int cpu)
{
        (void)cpu;
        return true;
}

/* As a thread that is held, past the time in which such a one is read twice all the same; its CPU is any number. */
static void let_hold(struct pystack_thread *thread, const struct memory *memory, struct pystack_hold *ret)
{
        const struct record_block *block = &memory->record->blocks[0];
        int32_t cpu;

        memcpy(&cpu, block->bytes, sizeof cpu);
        *ret = (struct pystack_hold){ .cpu = cpu, .begin = begin, .unbroken = unbroken };
        thread->on_cpu = block->addr;
        thread->held = 17;
}

static void sample(struct pystack *py, const struct pystack_thread_ref *ref, struct memory *memory, bool held)
{
        struct pystack_thread *thread;
        struct pystack_stack stack;
        struct pystack_hold hold;

        if (pystack_thread_open(py, ref, &thread) != 0)
                return;
        if (held)
                let_hold(thread, memory, &hold);
        for (unsigned i = 0; i < SAMPLES; i++) {
                if (pystack_sample_held(py, thread, held ? &hold : NULL, 2, &stack) == 0)
                        look_at(py, &stack);
                if (i == 0 && memory->n_done < memory->n)
                        damage_all(memory, true);
        }
        pystack_thread_close(thread);
}

static void read_all(struct pystack *py, struct memory *memory)
{
        const struct pystack_thread_ref *refs;
        struct pystack_thread_ref copy[THREADS_MAX];
        uint64_t holder;
        size_t n;

        (void)pystack_gil_holder(py, &holder);
        if (pystack_threads(py, &refs, &n) != 0)
                return;
        n = n < THREADS_MAX ? n : THREADS_MAX;
        memcpy(copy, refs, n * sizeof *copy);
        for (size_t i = 0; i < n; i++)
                for (int held = 0; held < 2; held++)
                        sample(py, &copy[i], memory, held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        if (len == 0)
                return 0;
        struct memory memory = { .record = &records[*data % n_records] };
        struct subject subject = { .inner_pid = (pid_t)memory.record->inner_pid,
                                   .reader = { .read = read_memory, .ctx = memory.record },
                                   .abi = (uint32_t)memory.record->abi };
        struct pystack_info info = { 0 };
        struct pystack *py;

        memory.n = (len - 1) / sizeof(struct damage);
        memory.n = memory.n < DAMAGES_MAX ? memory.n : DAMAGES_MAX;
        memcpy(memory.damages, data + 1, memory.n * sizeof(struct damage));
        damage_all(&memory, false);
        if (pystack_open_location(&subject, &memory.record->location, &info, &py) == 0) {
                read_all(py, &memory);
                pystack_close(py);
        }
        restore(&memory);
        return 0;
}
