/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forged memory, see forgery.h, opened and read in every way. Any error will do, but one must come, and soon; names
 * and lines have to be sound.
 */
#include "tests/fuzz/forgery.h"

#include <glob.h>
#include <stdio.h>

#define RECORDINGS "tests/fixtures/recordings/*.txt"
#define FORGERIES_MAX 64
#define SAMPLES 3
#define SAMPLES_MANY 70 /* what changes rarely is looked at every 64th time */
#define THREADS_MAX 4
#define LIMIT_NS 20000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What is told of a refusal is a line of printable text, whatever the memory holds. */
static void check_refusal(void *ctx, const struct pystack_refusal *refusal)
{
        char line[PYSTACK_REFUSAL_SIZE];

        (void)ctx;
        pystack_refusal_text(refusal, line);
        for (const char *c = line; *c; c++)
                if (*c < ' ' || *c > '~')
                        abort();
}

static struct forgery forgeries[FORGERIES_MAX];
static size_t n_forgeries;

/* How an input begins; damages are behind. */
struct plan {
        uint8_t forgery;
        uint8_t abi; /* which of pystack_abis(), with ABI_ASKED */
        uint8_t how; /* enum how */
} __attribute__((packed));

enum how {
        TWIN = 1,      /* there are two interpreters */
        ABI_ASKED = 2, /* the version is not left to be found out */
        DEFER = 4,
        LIMITED = 8,
        MANY = 16,
        TRIMMED = 32,
        COPIES = 64,   /* the first thread runs another code object each time */
        UNBEGUN = 128, /* … in a frame that has not begun */
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        glob_t found;

        (void)argc;
        (void)argv;
        if (glob(RECORDINGS, 0, NULL, &found) != 0)
                abort();
        for (size_t i = 0; i < found.gl_pathc && n_forgeries < FORGERIES_MAX; i++) {
                FILE *file = fopen(found.gl_pathv[i], "r");
                if (!file)
                        abort();
                forgery_init(&forgeries[n_forgeries++], file);
                fclose(file);
        }
        globfree(&found);
        return 0;
}

static void look_at(struct pystack *py, const struct pystack_stack *stack)
{
        static struct pystack_text text;
        size_t sum = 0;

        if (stack->n > PYSTACK_MAX_FRAMES)
                abort();
        for (size_t i = 0; i < stack->n; i++) {
                pystack_text(stack->frames[i].code, &text);
                sum += strlen(text.name) + strlen(text.file) + pystack_line(py, &stack->frames[i]);
        }
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

/* As a thread that is frozen, past the time in which such a one is read twice all the same; its CPU is any number. */
static void freeze(struct pystack_thread *thread, const struct forgery *f, struct pystack_uninterrupted *ret)
{
        const struct record_block *block = &f->record.blocks[0];
        int32_t cpu;

        memcpy(&cpu, block->bytes, sizeof cpu);
        *ret = (struct pystack_uninterrupted){ .cpu = cpu, .begin = begin, .unbroken = unbroken };
        thread->on_cpu = block->addr;
        thread->frozen = 17;
}

static void sample(struct pystack *py, const struct pystack_thread_ref *ref, struct forgery *f, uint8_t how,
                   bool frozen)
{
        struct pystack_thread *thread;
        struct pystack_stack stack;
        struct pystack_uninterrupted uninterrupted;

        if (pystack_thread_open(py, ref, &thread) != 0)
                return;
        if (frozen)
                freeze(thread, f, &uninterrupted);
        for (unsigned i = 0; i < (how & MANY ? SAMPLES_MANY : SAMPLES); i++) {
                if (pystack_sample_frozen(py, thread, frozen ? &uninterrupted : NULL, 2, &stack) == 0)
                        look_at(py, &stack);
                if (i == 0)
                        damage_all(f, true);
                if (how & COPIES)
                        run_copy(f, i);
                if (how & DEFER && i % 2)
                        (void)pystack_validate(py);
                if (how & TRIMMED)
                        pystack_trim(py);
        }
        pystack_thread_close(thread);
}

/* A name is text that can be printed anywhere, and no longer than any. */
static void check_thread_name(void *ctx, size_t i, const char *name)
{
        const size_t *n = ctx;

        if (i >= *n || !*name || strlen(name) >= PYSTACK_THREAD_NAME_SIZE)
                abort();
        for (const char *c = name; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 0x7f)
                        abort();
}

static void read_all(struct pystack *py, struct forgery *f, uint8_t how)
{
        const struct pystack_thread_ref *refs;
        struct pystack_thread_ref copy[THREADS_MAX];
        uint64_t holder;
        size_t n, late = f->n_done;

        (void)pystack_gil_holder(py, &holder);
        (void)pystack_has_gil(py);
        pystack_defer(py, how & DEFER);
        pystack_limit(py, how & LIMITED ? LIMIT_NS : 0);
        if (pystack_threads(py, &refs, &n) != 0)
                return;
        size_t max = how & MANY ? 1 : THREADS_MAX;
        n = n < max ? n : max;
        memcpy(copy, refs, n * sizeof *copy);
        (void)pystack_thread_names(py, copy, n, check_thread_name, &n);
        for (size_t i = 0; i < n; i++)
                for (int frozen = 0; frozen < 2; frozen++) {
                        sample(py, &copy[i], f, how, frozen);
                        forgery_restore(f, late);
                }
}

/* One of the versions that can be asked for. */
static uint32_t choose_abi(uint8_t i)
{
        size_t n = 0;

        while (pystack_abis()[n])
                n++;
        return pystack_abis()[i % n];
}

static void escape(const uint8_t *data, size_t len)
{
        char name[64];

        pystack_escape((const char *)data, len, name, sizeof name);
        if (strlen(name) >= sizeof name)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct plan plan;

        if (len < sizeof plan)
                return 0;
        memcpy(&plan, data, sizeof plan);
        struct forgery *f = &forgeries[plan.forgery % n_forgeries];
        struct subject subject = forgery_subject(f);
        struct pystack_info info = { 0 };
        struct pystack *py;

        subject.memory.trace.refused = check_refusal;
        if (plan.how & ABI_ASKED)
                subject.abi = choose_abi(plan.abi);
        forgery_begin(f, data + sizeof plan, len - sizeof plan, plan.how & TWIN);
        if (plan.how & UNBEGUN)
                unbegin(f);
        int e = subject_open(&subject, &f->record.location, &info, &py);
        if (e == 0) {
                read_all(py, f, plan.how);
                pystack_close(py);
        }
        if (!*pystack_strerror(e))
                abort();
        forgery_restore(f, 0);
        escape(data, len);
        return 0;
}
