/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks of asyncio in forged memory, read in every way: each by itself, all of them, and at the root of a stack. Any error
 * will do, but one must come soon. The same bytes are then a table of offsets.
 */
#include "tests/fuzz/tasks_forged.h"

#include "pystack/tasks/label.h"
#include "pystack/tasks/running.h"

#define READS_MAX 20000
#define DAMAGES_MAX 32
#define FIXTURES "tests/fixtures/debug-offsets/"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct {
        uint32_t version;
        const char *table; /* of debug offsets; NULL: a version that has none */
        uint16_t task_size;
} versions[] = {
        { 0x030812f0, NULL, 144 },      { 0x030912f0, NULL, 184 },     { 0x030a0df0, NULL, 192 },
        { 0x030b07f0, NULL, 176 },      { 0x030c01f0, NULL, 176 },     { 0x030d12f0, "3.13.18", 144 },
        { 0x030e0af0, "3.14.10", 168 }, { 0x030f02f0, "3.15.2", 168 },
};
#define VERSIONS (sizeof versions / sizeof *versions)

static struct layout layouts[VERSIONS];

/* As it stands in an input. */
struct damage {
        uint8_t object, offset; /* of an object, in words */
        uint8_t how;            /* 1: another object's address; 2: in the middle of reading; 4: a byte */
        uint8_t to, by;         /* that object, and behind it */
        uint64_t value;
} __attribute__((packed));

static struct {
        struct damage items[DAMAGES_MAX];
        size_t n;
} damages;

/* ---- layouts ----------------------------------------------------------------------------------- */

static size_t read_table(const char *name, uint64_t words[static 128])
{
        char path[256], line[256], value[64];
        unsigned offset;

        snprintf(path, sizeof path, FIXTURES "%s.txt", name);
        FILE *file = fopen(path, "r");
        if (!file)
                abort();
        memcpy(words, "xdebugpy", 8);
        while (fgets(line, sizeof line, file))
                if (sscanf(line, "%u %*s %63s", &offset, value) == 2 && offset >= 8 && offset < 1024)
                        words[offset / 8] = strtoull(value, NULL, 0);
        fclose(file);
        return 1024;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void)argc;
        (void)argv;
        for (size_t i = 0; i < VERSIONS; i++) {
                uint64_t words[128] = { 0 };
                struct layout_fault fault;
                if (!versions[i].table)
                        layouts[i] = *layout_find(versions[i].version);
                else if (layout_from_debug_offsets(words, read_table(versions[i].table, words), versions[i].version,
                                                   &layouts[i], &fault) != 0)
                        abort();
        }
        return 0;
}

/* ---- memory ------------------------------------------------------------------------------------- */

static void do_damage(struct forged *f, bool late)
{
        for (size_t i = 0; i < damages.n; i++) {
                const struct damage *d = &damages.items[i];
                uint64_t at = f->objects[d->object % f->n] + 8u * d->offset;
                uint64_t value = d->how & 1 ? f->objects[d->to % f->n] + d->by : d->value;
                size_t len = d->how & 4 ? 1 : 8;
                if (((d->how & 2) != 0) == late && at + len <= FORGED_BASE + FORGED_SIZE)
                        memcpy(f->memory + (at - FORGED_BASE), &value, len);
        }
}

static void damage_late(struct forged *f)
{
        do_damage(f, true);
}

static ssize_t read_forged(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct forged *f = ctx;
        size_t done = 0;

        if (f->reads++ == f->later_at)
                f->later(f);
        for (size_t i = 0; i < n; i++) {
                uint64_t addr = (uint64_t)(uintptr_t)remote[i].iov_base - FORGED_BASE;
                size_t len = remote[i].iov_len;
                if (len > FORGED_SIZE || addr > FORGED_SIZE - len)
                        return done > 0 ? (ssize_t)done : -EFAULT;
                memcpy((uint8_t *)buf + done, f->memory + addr, len);
                done += len;
        }
        return (ssize_t)done;
}

/* ---- the process ---------------------------------------------------------------------------------- */

static void make_types(struct forged *f)
{
        f->type_type = forged_alloc(f, 1024);
        f->code_type = forged_object(f, f->type_type, 1024);
        f->str_type = forged_type(f, "str", type_str_flag(&f->layout));
        f->coroutine_type = forged_type(f, "coroutine", 0);
        f->task_type = forged_type(f, "_asyncio.Task", TYPE_HEAP);
        f->future_type = forged_type(f, "_asyncio.Future", TYPE_HEAP);
}

static void make_offsets(struct forged *f, size_t version)
{
        const uint64_t table[] = { 168, 136, 96, 108, 109, 128, 152, 32768, 10880, 512, 416, 424, 432 };
        int e = versions[version].version >= 0x030e0000
                        ? task_offsets_parse(table, sizeof table, 168, layout_head(&f->layout), &f->offsets)
                        : task_offsets_find(f->layout.version, versions[version].task_size, layout_head(&f->layout),
                                            &f->offsets);
        if (e != 0)
                abort();
}

static void link_lists(struct forged *f)
{
        uint64_t before = f->tstate + f->offsets.tasks, head = before;

        for (size_t i = 0; i < 2; i++) {
                forged_word(f, before, f->tasks[i] + f->offsets.node);
                before = f->tasks[i] + f->offsets.node;
        }
        forged_word(f, before, head);
        head = f->interp + f->offsets.interp_tasks;
        forged_word(f, head, f->tasks[2] + f->offsets.node);
        forged_word(f, f->tasks[2] + f->offsets.node, head);
        forged_word(f, f->tstate + f->offsets.running, f->tasks[0]);
}

/* The thread runs the first task's coroutine, up to 3.10 and from 3.13 on. */
static void make_thread(struct forged *f, uint64_t coroutine)
{
        const struct layout *l = &f->layout;
        uint64_t frame = forged_frame(f, coroutine), root = forged_alloc(f, LAYOUT_MAX_FRAME);

        forged_word(f, f->interp + l->interp.threads_head, f->tstate);
        forged_word(f, f->tstate + l->tstate.interp, f->interp);
        forged_word(f, f->tstate + l->tstate.thread_id, 0x5150);
        if (l->tstate.status != LAYOUT_NONE)
                forged_half(f, f->tstate + l->tstate.status, 0xb);
        if (l->interp.code_generation != LAYOUT_NONE)
                forged_word(f, f->interp + l->interp.code_generation, 1);
        if (l->tstate.chunk != LAYOUT_NONE) {
                uint64_t chunk = forged_alloc(f, 4096);
                forged_word(f, chunk + 8, 4096);
                forged_word(f, f->tstate + l->tstate.chunk, chunk);
                forged_word(f, f->tstate + l->tstate.chunk_top, chunk + 32);
                f->memory[root + l->frame.owner - FORGED_BASE] = LAYOUT_OWNER_SHIM;
                forged_word(f, frame + l->frame.previous, root);
        }
        if (l->tstate.frame != LAYOUT_NONE)
                forged_word(f, f->tstate + l->tstate.frame, frame);
}

static void make_tasks(struct forged *f, struct task_module *module)
{
        uint64_t step = forged_type(f, "async_generator_asend", 0),
                 waiting = forged_type(f, "_asyncio.FutureIter", TYPE_HEAP);
        uint64_t any = forged_type(f, "object", 0), future = forged_object(f, f->future_type, 256);
        uint64_t down = forged_coroutine(f, "down", false, forged_step(f, waiting, future));
        uint64_t runs = forged_coroutine(f, "runs", true, 0);
        const uint64_t of[] = { runs, forged_coroutine(f, "waits", false, forged_step(f, step, down)),
                                forged_coroutine(f, "other", false, future) };

        for (size_t i = 0; i < 3; i++)
                f->tasks[i] = forged_task(f, of[i], i == 0 ? "inner" : i == 1 ? "outer" : "other");
        forged_await(f, f->tasks[0], f->tasks[1], any);
        forged_await(f, f->tasks[1], f->tasks[2], any);
        make_thread(f, runs);
        *module = (struct task_module){ .interp = f->interp, .task_type = f->task_type, .future_type = f->future_type };
        if (f->offsets.tasks != LAYOUT_NONE) {
                link_lists(f);
                forged_word(f, f->tasks[2] + f->offsets.awaited_by, forged_set(f, any, false));
                f->memory[f->tasks[2] + f->offsets.awaited_by_is_set - FORGED_BASE] = 1;
        } else {
                module->eager = forged_set(f, any, false);
                module->all = forged_set(f, any, true);
                if (f->layout.names.dict == DICT_INDICES)
                        module->all = forged_weak_set(f, module->all, &module->types.dict);
        }
}

static struct pystack *open_forged(struct forged *f, struct task_module *module, size_t version)
{
        struct pystack *py;
        struct pystack_info info = { .file = "/forged" };

        *f = (struct forged){ .layout = layouts[version], .later = damage_late, .later_at = UINT32_MAX };
        f->runtime = forged_alloc(f, 2048);
        f->interp = forged_alloc(f, 32768);
        f->tstate = forged_alloc(f, LAYOUT_MAX_TSTATE);
        make_types(f);
        make_offsets(f, version);
        make_tasks(f, module);
        forged_word(f, f->runtime, f->interp);
        const struct runtime runtime = { .layout = f->layout,
                                         .interpreters = f->runtime,
                                         .code_type = f->code_type,
                                         .machine = machine_get(MACHINE_X86_64) };
        const struct pystack_memory memory = { .read = read_forged, .ctx = f };
        if (pystack_new(&memory, &info, &runtime, &py) != 0)
                abort();
        return py;
}

/* ---- reading it ------------------------------------------------------------------------------------ */

static void look_at(const struct pystack_frame *frames, size_t n)
{
        static struct pystack_text text;

        for (size_t i = 0; i < n; i++) {
                pystack_text(frames[i].code, &text);
                if (strlen(text.name) >= sizeof text.name || strlen(text.file) >= sizeof text.file)
                        abort();
        }
}

static bool look_at_task(void *ctx, const struct pystack_task *task)
{
        const size_t *bound = ctx;

        if (task->n > *bound || task->n_awaiters > PYSTACK_AWAITERS_MAX || !task->name || !task->what)
                abort();
        look_at(task->frames, task->n);
        return true;
}

static void read_one(struct pystack *py, struct forged *f, uint64_t task, bool all)
{
        struct task_reader *r = tasks_reader(py);
        struct task_object object;
        const struct pystack_code *label;

        f->reads = 0;
        if (!r || task_read(r, task, all, &object) != 0)
                return;
        if (object.n_awaiters > PYSTACK_AWAITERS_MAX)
                abort();
        if (coroutine_follow(r, object.coroutine) == 0 && coroutine_name_frames(r) == 0)
                look_at(r->frames, r->chain.n);
        if (tasks_label(r, &object, &label) == 0 && trail_confirm(&r->trail) == 0)
                look_at(&(struct pystack_frame){ .code = label, .instruction = -1 }, 1);
        if (f->reads > READS_MAX)
                abort();
}

static void sample(struct pystack *py, struct forged *f)
{
        const struct pystack_thread_ref ref = { .tstate = f->tstate, .interp = f->interp, .pthread = 0x5150 };
        struct pystack_thread *thread;
        struct pystack_stack stack;

        if (pystack_thread_open(py, &ref, &thread) != 0)
                return;
        for (int names = PYSTACK_TASKS_BY_NAME; names <= PYSTACK_TASKS_BY_CODE; names++) {
                pystack_tasks_want(py, (enum pystack_task_names)names);
                if (pystack_sample(py, thread, 2, &stack) != 0)
                        continue;
                if (stack.n > PYSTACK_MAX_FRAMES)
                        abort();
                look_at(stack.frames, stack.n);
        }
        pystack_thread_close(thread);
}

static void parse_offsets(const uint8_t *data, size_t len)
{
        struct task_offsets o;
        uint64_t size = 168;

        if (task_offsets_parse(data, len, size, 16, &o) == 0 &&
            (o.coro + 16 > size || o.name != o.coro + 8 || o.awaited_by + 8 > size || o.node + 16 > size))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static struct forged f;
        struct task_module module;
        struct pystack_tasks_seen seen;
        size_t bound = PYSTACK_TASK_FRAMES_MAX;

        parse_offsets(data, len);
        if (len < 2)
                return 0;
        struct pystack *py = open_forged(&f, &module, data[0] % VERSIONS);
        struct pystack_tasks_state *state = calloc(1, sizeof *state);
        if (!state)
                abort();
        py->tasks.state = state;
        state->places = (struct task_places){ .offsets = f.offsets, .n = 1, .modules = { module } };
        state->ready = true;
        damages.n = (len - 2) / sizeof *damages.items;
        damages.n = damages.n < DAMAGES_MAX ? damages.n : DAMAGES_MAX;
        memcpy(damages.items, data + 2, damages.n * sizeof *damages.items);
        do_damage(&f, false);
        f.later_at = data[1];
        for (size_t i = 0; i < 3; i++)
                read_one(py, &f, f.tasks[i], i != 0);
        f.reads = 0;
        (void)pystack_tasks(py, 100000000, data[0] & 1, look_at_task, &bound, &seen);
        sample(py, &f);
        struct task_places places;
        (void)task_places_find(py, &places);
        pystack_close(py);
        return 0;
}
