/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that threading has for threads, in forged memory of each version: the right one, or none. Wrong offsets,
 * damaged objects and memory that changes lead to no name.
 */
#include "tests/unit/pystack_threading.h"
#include "tests/unit/support/suite.h"

#include "pystack/decode/attribute.h"
#include "pystack/memory/effort.h"

#include <string.h>

SUITE(pystack_thread_names);

#define WORKER_TID 4711

/* A forged process with the threads "MainThread" and "worker-3", and what is told of them. */
struct scene {
        struct threading threading;
        struct pystack *py;
        struct pystack_thread_ref refs[2];
        char names[2][PYSTACK_TEXT_SIZE];
        unsigned told;
};

static void take_name(void *ctx, size_t i, const char *name)
{
        struct scene *s = ctx;

        cr_assert_lt(i, 2);
        cr_assert_lt(strlen(name), PYSTACK_THREAD_NAME_SIZE);
        strcpy(s->names[i], name);
        s->told++;
}

static int read_names(struct scene *s)
{
        s->told = 0;
        s->names[0][0] = s->names[1][0] = '\0';
        return pystack_thread_names(s->py, s->refs, 2, take_name, s);
}

/* @name is an object; 0: "worker-3". Returns the worker's Thread. */
static uint64_t build_scene(struct scene *s, enum forged_shape shape, uint64_t name)
{
        struct threading *t = &s->threading;

        uint64_t pthread = threading_pthread(t, WORKER_TID);
        uint64_t thread = threading_add(t, pthread, name ? name : threading_string(t, "worker-3"), shape);
        threading_publish(t);
        s->py = forge_open(&t->forge);
        s->refs[0] = (struct pystack_thread_ref){
                .interp = t->forge.interp, .pthread = t->threads[0].hash, .inner_tid = FORGE_PTHREAD, .main = true
        };
        s->refs[1] = (struct pystack_thread_ref){ .interp = t->forge.interp,
                                                  .pthread = pthread,
                                                  .inner_tid = WORKER_TID };
        return thread;
}

static uint64_t open_scene(struct scene *s, const struct forge_version *v, enum forged_shape shape)
{
        threading_init(&s->threading, v);
        return build_scene(s, shape, 0);
}

static void close_scene(struct scene *s)
{
        pystack_close(s->py);
        threading_deinit(&s->threading);
}

/* Asserts that the main thread has its name, or, if @main is NULL, any right one; and the other one @worker or none. */
static void expect_names(const struct scene *s, const char *main, const char *worker)
{
        const char *version = s->threading.forge.version->name;

        cr_expect_str_eq(s->names[0], main, "%s", version);
        cr_expect_str_eq(s->names[1], worker, "%s", version);
}

static struct scene scene;

Test(pystack_thread_names, of_every_version_in_every_shape)
{
        EACH_VERSION(v)
        for (int shape = SHAPE_USUAL; shape <= SHAPE_SHARED; shape++) {
                open_scene(&scene, v, shape);
                cr_expect_eq(read_names(&scene), 0, "%s", v->name);
                expect_names(&scene, "MainThread", "worker-3");
                close_scene(&scene);
        }
}

Test(pystack_thread_names, a_thread_that_threading_does_not_know_has_none)
{
        EACH_VERSION(v)
        {
                open_scene(&scene, v, SHAPE_USUAL);
                scene.threading.n = 1;
                threading_publish(&scene.threading);
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", "");
                close_scene(&scene);
        }
}

Test(pystack_thread_names, without_threading_the_first_thread_is_called_main)
{
        EACH_VERSION(v)
        {
                open_scene(&scene, v, SHAPE_USUAL);
                struct threading *t = &scene.threading;
                const struct forged_item other = { 1, threading_string(t, "threadinG"), t->module };
                forge_word(&t->forge, t->forge.interp + t->forge.layout.names.modules,
                           threading_dict(t, &other, 1, true));
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", "");
                scene.refs[0].main = false;
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "", "");
                close_scene(&scene);
        }
}

Test(pystack_thread_names, a_pthread_of_another_thread_names_nobody)
{
        EACH_VERSION(v)
        {
                open_scene(&scene, v, SHAPE_USUAL);
                scene.refs[1].inner_tid = WORKER_TID + 1;
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", "");
                close_scene(&scene);
        }
}

/* ---- texts -------------------------------------------------------------------------- */

static void expect_text(const struct forge_version *v, const void *data, size_t chars, unsigned width, uint64_t length,
                        const char *expected)
{
        threading_init(&scene.threading, v);
        struct threading *t = &scene.threading;
        const struct layout *l = &t->forge.layout;
        uint64_t name = threading_string(t, ""), at = forge_alloc(&t->forge, 8192);

        /* Not compact, as strs of subclasses are; in 2.x all bytes follow the head. */
        if (l->text == TEXT_BYTES)
                name = at, forge_word(&t->forge, at + l->object_type, t->types.subclass);
        else
                forge_word(&t->forge, name + l->object_type, t->types.subclass);
        forge_word(&t->forge, name + l->string.length, length);
        if (l->text == TEXT_FLEXIBLE) {
                forge_half(&t->forge, name + l->string.state, width << l->string.kind_shift);
                forge_word(&t->forge, name + l->string.data_pointer, at);
        }
        memcpy(forge_at(&t->forge, l->text == TEXT_BYTES ? at + l->string.ascii_data : at), data, chars * width);
        build_scene(&scene, SHAPE_USUAL, name);
        cr_expect_eq(read_names(&scene), 0);
        expect_names(&scene, "MainThread", expected);
        close_scene(&scene);
}

Test(pystack_thread_names, are_escaped_and_of_any_kind)
{
        static const uint16_t two[] = { 0x4f60, 0xd800, 0x1b, '\\' };
        static const uint32_t four[] = { 0x1f4a9, 'x', 0xffffffff };

        EACH_VERSION(v)
        {
                bool bytes = v->version < 0x03000000;
                expect_text(v, "a\x1b[0m", 5, 1, 5, "a\\x1b[0m");
                expect_text(v, bytes ? "d\xc3\xa9" : "d\xe9", bytes ? 3 : 2, 1, bytes ? 3 : 2, "d\xc3\xa9");
                if (bytes)
                        continue;
                expect_text(v, two, 4, 2, 4, "\xe4\xbd\xa0\\ud800\\x1b\\\\");
                expect_text(v, four, 3, 4, 3, "\xf0\x9f\x92\xa9x\\Uffffffff");
                expect_text(v, "", 0, 1, 0, "");
        }
}

Test(pystack_thread_names, are_cut)
{
        char x[PYSTACK_THREAD_NAME_CHARS + 1], cut[PYSTACK_THREAD_NAME_CHARS + 8];
        uint32_t widest[PYSTACK_THREAD_NAME_CHARS + 1];

        memset(x, 'x', sizeof x);
        memset(widest, 0xff, sizeof widest);
        memset(cut, 'x', sizeof cut);
        strcpy(cut + PYSTACK_THREAD_NAME_CHARS, "\xe2\x80\xa6");
        EACH_VERSION(v)
        {
                expect_text(v, x, sizeof x, 1, sizeof x, cut);
                expect_text(v, x, sizeof x, 1, 1ull << 30, cut);
                if (v->version < 0x03000000)
                        continue;
                char long_one[PYSTACK_THREAD_NAME_SIZE] = "";
                for (size_t i = 0; i < PYSTACK_THREAD_NAME_CHARS; i++)
                        memcpy(long_one + 10 * i, "\\Uffffffff", 10);
                strcpy(long_one + sizeof long_one - 4, "\xe2\x80\xa6");
                expect_text(v, widest, PYSTACK_THREAD_NAME_CHARS + 1, 4, 1ull << 60 >> 1, long_one);
        }
        /* A character of 2.x's UTF-8 is not cut in the middle. */
        x[PYSTACK_THREAD_NAME_CHARS - 1] = '\xc3';
        x[PYSTACK_THREAD_NAME_CHARS] = '\xa9';
        strcpy(cut + PYSTACK_THREAD_NAME_CHARS - 1, "\xe2\x80\xa6");
        expect_text(forge_version("2.7"), x, sizeof x, 1, sizeof x, cut);
}

/* ---- what is wrong -------------------------------------------------------------------- */

/* Asserts that no name is told but right ones. */
static void expect_no_wrong_names(void)
{
        read_names(&scene);
        cr_expect(!*scene.names[0] || strcmp(scene.names[0], "MainThread") == 0, "%s", scene.names[0]);
        cr_expect(!*scene.names[1] || strcmp(scene.names[1], "worker-3") == 0, "%s", scene.names[1]);
}

Test(pystack_thread_names, wrong_offsets_lead_to_none)
{
        EACH_VERSION(v)
        {
                open_scene(&scene, v, SHAPE_USUAL);
                struct layout *l = &scene.py->runtime.layout;
                uint32_t *const fields[] = { &l->names.modules,    &l->names.type_name, &l->names.type_flags,
                                             &l->names.type_size,  &l->names.type_dict, &l->names.type_keys,
                                             &l->names.dict_before };
                for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                        for (uint32_t by = -64u; by != 72u; by += 8) {
                                uint32_t right = *fields[i];
                                *fields[i] = right + by;
                                if (right != LAYOUT_NONE && right + by < 1u << 20)
                                        expect_no_wrong_names();
                                *fields[i] = right;
                        }
                close_scene(&scene);
        }
}

Test(pystack_thread_names, layouts_of_other_versions_lead_to_none)
{
        static struct scene other;

        EACH_VERSION(v)
        EACH_VERSION(w)
        {
                if (v == w)
                        continue;
                open_scene(&scene, v, SHAPE_USUAL);
                open_scene(&other, w, SHAPE_USUAL);
                scene.py->runtime.layout = other.py->runtime.layout;
                scene.py->runtime.layout.names.modules = scene.threading.forge.layout.names.modules;
                expect_no_wrong_names();
                close_scene(&scene);
                close_scene(&other);
        }
}

Test(pystack_thread_names, dicts_that_claim_too_much_are_bounded)
{
        static const uint64_t counts[] = { 1ull << 60, UINT64_MAX, 10000000, 1ull << 24, 3 };

        EACH_VERSION(v)
        for (size_t which = 0; which < 3; which++)
                for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                        open_scene(&scene, v, SHAPE_USUAL);
                        struct threading *t = &scene.threading;
                        uint64_t dict = which == 0 ? t->modules : which == 1 ? t->globals : t->active;
                        forge_word(&t->forge, threading_count_of(t, dict), counts[i]);
                        t->forge.reads = 0;
                        expect_no_wrong_names();
                        cr_expect_lt(t->forge.reads, 200);
                        close_scene(&scene);
                }
}

/* Each pointer in turn leads to where nothing is, to another object, and into a circle. */
Test(pystack_thread_names, damaged_pointers_lead_to_none)
{
        EACH_VERSION(v)
        {
                uint64_t thread = open_scene(&scene, v, SHAPE_DICT);
                struct threading *t = &scene.threading;
                const struct layout *l = &t->forge.layout;
                const uint64_t places[] = { t->forge.interp + l->names.modules,
                                            t->modules + l->names.dict_keys,
                                            t->module + l->object_type,
                                            t->module + layout_head(l),
                                            t->globals + l->object_type,
                                            t->active + l->names.dict_keys,
                                            t->types.dict + l->names.type_name,
                                            t->types.str + l->object_type,
                                            t->types.integer + l->names.type_flags,
                                            thread + l->object_type,
                                            t->types.thread + l->names.type_dict,
                                            t->types.thread + l->names.type_size,
                                            thread + layout_head(l) };
                const uint64_t values[] = { 0, 1, UINT64_MAX, FORGE_BASE - 8, t->modules, t->active, thread };
                for (size_t i = 0; i < sizeof places / sizeof *places; i++)
                        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
                                uint64_t right = word_at(forge_at(&t->forge, places[i]), 0);
                                forge_word(&t->forge, places[i], values[j]);
                                expect_no_wrong_names();
                                forge_word(&t->forge, places[i], right);
                        }
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", "worker-3");
                close_scene(&scene);
        }
}

/* The hash is the thread's ident, and the key is another object. */
Test(pystack_thread_names, a_key_must_be_the_ident_itself)
{
        EACH_VERSION(v)
        {
                open_scene(&scene, v, SHAPE_USUAL);
                struct threading *t = &scene.threading;
                struct forged_item right = t->threads[1];
                const uint64_t keys[] = { t->threads[0].key, threading_string(t, "ident"), right.value };
                for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                        t->threads[1].key = keys[i];
                        threading_publish(t);
                        cr_expect_eq(read_names(&scene), 0);
                        expect_names(&scene, "MainThread", "");
                }
                close_scene(&scene);
        }
}

Test(pystack_thread_names, a_name_must_be_a_str)
{
        EACH_VERSION(v)
        {
                threading_init(&scene.threading, v);
                build_scene(&scene, SHAPE_USUAL, scene.threading.threads[0].key);
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", "");
                close_scene(&scene);
        }
}

/* ---- what changes ----------------------------------------------------------------------- */

/* Before each reading, the first character of the name becomes another one. */
static void change_name(struct forge *forge, size_t span, size_t n)
{
        (void)n;
        if (span == 0)
                *(uint8_t *)forge->test = (uint8_t)('0' + forge->reads % 64);
}

Test(pystack_thread_names, a_name_that_changes_meanwhile_is_not_told)
{
        EACH_VERSION(v)
        {
                threading_init(&scene.threading, v);
                struct threading *t = &scene.threading;
                uint64_t name = threading_string(t, "worker-3");
                build_scene(&scene, SHAPE_USUAL, name);
                t->forge.test = forge_at(&t->forge, name + t->forge.layout.string.ascii_data);
                t->forge.between = change_name;
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", "");
                t->forge.between = NULL;
                *(uint8_t *)t->forge.test = 'W';
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", "Worker-3");
                close_scene(&scene);
        }
}

/* ---- bounds ------------------------------------------------------------------------------- */

/* A Thread whose dict claims more attributes than are searched. */
Test(pystack_thread_names, a_thread_of_too_many_attributes_has_none)
{
        static struct forged_item items[2 * ATTRIBUTE_ENTRIES_MAX];

        EACH_VERSION(v)
        for (size_t n = ATTRIBUTE_ENTRIES_MAX / 4; n <= 2 * ATTRIBUTE_ENTRIES_MAX; n *= 8) {
                uint64_t thread = open_scene(&scene, v, SHAPE_DICT);
                struct threading *t = &scene.threading;
                const struct layout *l = &t->forge.layout;
                const char *key = l->text == TEXT_BYTES ? "_Thread__name" : "_name";
                for (size_t i = 0; i < n; i++)
                        items[i] = (struct forged_item){ i, t->threads[0].key, thread };
                items[n - 1] = (struct forged_item){ n, threading_string(t, key), threading_string(t, "worker-3") };
                bool in_object = l->names.attributes == ATTRIBUTES_DICT;
                forge_word(&t->forge, in_object ? thread + layout_head(l) : thread - l->names.dict_before,
                           threading_dict(t, items, n, true));
                cr_expect_eq(read_names(&scene), 0);
                expect_names(&scene, "MainThread", n < ATTRIBUTE_ENTRIES_MAX ? "worker-3" : "");
                close_scene(&scene);
        }
}

/* Each reading takes 10 ms. */
static void take_long(struct forge *forge, size_t span, size_t n)
{
        uint64_t end = effort_cpu_ns() + 10000000;

        (void)forge;
        (void)n;
        while (span == 0 && effort_cpu_ns() < end)
                continue;
}

Test(pystack_thread_names, cpu_time_of_them_ends)
{
        open_scene(&scene, forge_version("3.12"), SHAPE_USUAL);
        scene.threading.forge.between = take_long;
        uint64_t begin = effort_cpu_ns();
        cr_expect_eq(read_names(&scene), PYSTACK_E_COSTLY);
        cr_expect_lt(effort_cpu_ns() - begin, 600000000);
        close_scene(&scene);
}

static void count_name(void *ctx, size_t i, const char *name)
{
        size_t *n = ctx;

        cr_assert(i < PYSTACK_MAX_THREADS && strcmp(name, "worker") == 0);
        ++*n;
}

/* @n threads with one Thread for all of them. */
static struct pystack_thread_ref *open_crowd(struct scene *s, size_t n)
{
        static struct forged_item items[PYSTACK_MAX_THREADS];
        static struct pystack_thread_ref refs[PYSTACK_MAX_THREADS];

        open_scene(s, forge_version("3.6"), SHAPE_USUAL);
        struct threading *t = &s->threading;
        uint64_t thread = threading_add(t, 1, threading_string(t, "worker"), SHAPE_USUAL);
        for (size_t i = 0; i < n; i++) {
                uint64_t pthread = forge_alloc(&t->forge, 16);
                items[i] = (struct forged_item){ pthread, threading_int(t, pthread), thread };
                refs[i] = (struct pystack_thread_ref){ .interp = t->forge.interp,
                                                       .pthread = pthread,
                                                       .inner_tid = (pid_t)i + 1 };
        }
        for (size_t i = 0; i < n; i++)
                forge_half(&t->forge, items[i].hash + machine_get(MACHINE_X86_64)->libcs[MACHINE_GLIBC].tid,
                           (uint32_t)refs[i].inner_tid);
        threading_replace(t, items, n);
        t->forge.reads = 0;
        return refs;
}

/* As many as are listed. */
Test(pystack_thread_names, readings_of_them_end)
{
        size_t told = 0;
        const struct pystack_thread_ref *refs = open_crowd(&scene, PYSTACK_MAX_THREADS);

        cr_expect_eq(pystack_thread_names(scene.py, refs, PYSTACK_MAX_THREADS, count_name, &told), PYSTACK_E_COSTLY);
        cr_expect_leq(scene.threading.forge.reads, 65536);
        cr_expect_gt(told, 0, "how many they are depends on the machine: 100 ms of CPU time end them, too");
        cr_expect_lt(told, PYSTACK_MAX_THREADS);
        close_scene(&scene);
}

static size_t slow_from; /* the number of a reading */

/* From one reading on, each takes longer than all may. */
static void take_long_at(struct forge *forge, size_t span, size_t n)
{
        uint64_t end = effort_cpu_ns() + 120000000;

        (void)n;
        while (span == 0 && forge->reads == slow_from && effort_cpu_ns() < end)
                continue;
}

/* The clock is looked at in each 32nd reading. A thread takes 9 of them: so it is each of them once. */
Test(pystack_thread_names, the_end_is_told_whatever_is_read_then)
{
        size_t n = 64, told;

        for (slow_from = 32; slow_from <= 9 * 32; slow_from += 32) {
                const struct pystack_thread_ref *refs = open_crowd(&scene, n);
                scene.threading.forge.between = take_long_at;
                told = 0;
                int e = pystack_thread_names(scene.py, refs, n, count_name, &told);
                cr_expect_eq(e, PYSTACK_E_COSTLY, "%d, slow from reading %zu on, %zu told", e, slow_from, told);
                cr_expect_lt(told, n);
                close_scene(&scene);
        }
}
