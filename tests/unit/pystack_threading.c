/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pystack_threading.h"

#include "pystack/decode/type.h"

#include "tests/unit/support/suite.h"

#include <string.h>

/* ---- types and small objects ------------------------------------------------------- */

uint64_t threading_object(struct threading *t, uint64_t type, size_t size)
{
        uint64_t addr = forge_alloc(&t->forge, size + 64) + 48; /* what lies before it belongs to it as well */

        forge_word(&t->forge, addr + t->forge.layout.object_type, type);
        return addr;
}

static uint64_t new_text(struct threading *t, const char *text)
{
        uint64_t addr = forge_alloc(&t->forge, strlen(text) + 1);

        memcpy(forge_at(&t->forge, addr), text, strlen(text) + 1);
        return addr;
}

uint64_t threading_type(struct threading *t, const char *name, uint64_t flags)
{
        uint64_t type = threading_object(t, t->forge.type_type, 1024);

        forge_word(&t->forge, type + t->forge.layout.names.type_name, new_text(t, name));
        forge_word(&t->forge, type + t->forge.layout.names.type_flags, flags);
        return type;
}

uint64_t threading_string(struct threading *t, const char *ascii)
{
        uint64_t addr = forge_string(&t->forge, ascii);

        forge_word(&t->forge, addr + t->forge.layout.object_type, t->types.str);
        return addr;
}

uint64_t threading_int(struct threading *t, uint64_t value)
{
        const struct layout *l = &t->forge.layout;
        uint64_t addr = threading_object(t, t->types.integer, 64);

        if (l->text == TEXT_BYTES) {
                forge_word(&t->forge, addr + l->names.int_size, value);
                return addr;
        }
        forge_word(&t->forge, addr + l->names.int_size, 2ull << l->names.int_size_shift);
        forge_half(&t->forge, addr + l->names.int_size + 8, value & 0x3fffffff);
        forge_half(&t->forge, addr + l->names.int_size + 12, (uint32_t)(value >> 30));
        return addr;
}

/* ---- dicts ------------------------------------------------------------------------- */

static unsigned log2_for(size_t n)
{
        unsigned log2 = 3;

        while (((size_t)2 << log2) / 3 < n)
                log2++;
        return log2;
}

static unsigned log2_of_index(unsigned log2)
{
        return log2 < 8 ? 0 : log2 < 16 ? 1 : 2;
}

static void fill_entries(struct threading *t, uint64_t at, const struct forged_item *items, size_t n, bool hashed,
                         bool valued)
{
        for (size_t i = 0; i < n; i++) {
                uint64_t key = at + i * (hashed ? 24 : 16) + (hashed ? 8 : 0);
                if (hashed)
                        forge_word(&t->forge, key - 8, items[i].hash);
                forge_word(&t->forge, key, items[i].key);
                forge_word(&t->forge, key + 8, valued ? items[i].value : 0);
        }
}

/* Keys of 3.4 on. @shared: their values are elsewhere. */
static uint64_t new_keys(struct threading *t, const struct forged_item *items, size_t n, bool strs, bool shared)
{
        struct forge *f = &t->forge;
        unsigned log2 = log2_for(n), bytes = log2 + log2_of_index(log2);
        uint64_t size = (uint64_t)1 << log2, keys = forge_alloc(f, 64 + size * (8 + 24));

        if (f->layout.names.dict == DICT_KINDS) {
                *forge_at(f, keys + 8) = (uint8_t)log2;
                *forge_at(f, keys + 9) = (uint8_t)bytes;
                *forge_at(f, keys + 10) = shared ? 2 : strs;
                forge_word(f, keys + 24, n);
                fill_entries(t, keys + 32 + (1ull << bytes), items, n, !strs, !shared);
                return keys;
        }
        forge_word(f, keys + 8, size);
        if (f->layout.names.dict == DICT_INDICES)
                forge_word(f, keys + 32, n);
        fill_entries(t, f->layout.names.dict == DICT_INDICES ? keys + 40 + (1ull << bytes) : keys + 32, items, n, true,
                     !shared);
        return keys;
}

/* A dict; @values: of the keys @keys, else 0. */
static uint64_t new_dict_of(struct threading *t, uint64_t keys, uint64_t values, size_t n)
{
        const struct layout *l = &t->forge.layout;
        uint64_t dict = threading_object(t, t->types.dict, 96);

        forge_word(&t->forge, dict + layout_head(l), n);
        forge_word(&t->forge, dict + l->names.dict_keys, keys);
        forge_word(&t->forge, dict + l->names.dict_values, values);
        return dict;
}

uint64_t threading_dict(struct threading *t, const struct forged_item *items, size_t n, bool strs)
{
        const struct layout *l = &t->forge.layout;

        if (l->names.dict != DICT_TABLE)
                return new_dict_of(t, new_keys(t, items, n, strs, false), 0, n);
        uint64_t dict = threading_object(t, t->types.dict, 96), size = (uint64_t)1 << log2_for(n);
        uint64_t table = forge_alloc(&t->forge, size * 24);
        forge_word(&t->forge, dict + l->names.dict_keys - 16, n);
        forge_word(&t->forge, dict + l->names.dict_keys - 8, size - 1);
        forge_word(&t->forge, dict + l->names.dict_keys, table);
        fill_entries(t, table, items, n, true, true);
        return dict;
}

uint64_t threading_count_of(const struct threading *t, uint64_t dict)
{
        const struct layout *l = &t->forge.layout;
        uint64_t keys = word_at(t->forge.memory + (dict - FORGE_BASE), l->names.dict_keys);

        switch (l->names.dict) {
        case DICT_TABLE:
                return dict + l->names.dict_keys - 8;
        case DICT_SLOTS:
                return keys + 8;
        case DICT_INDICES:
                return keys + 32;
        default:
                return keys + 24;
        }
}

/* ---- Threads ------------------------------------------------------------------------- */

/* The attributes of a Thread: `_name` is not the first one. */
static void get_attributes(struct threading *t, uint64_t name, struct forged_item ret[static 3])
{
        const char *key = t->forge.layout.text == TEXT_BYTES ? "_Thread__name" : "_name";

        ret[0] = (struct forged_item){ 1, threading_string(t, "_target"), threading_string(t, "nap") };
        ret[1] = (struct forged_item){ 2, threading_string(t, key), name };
        ret[2] = (struct forged_item){ 3, threading_string(t, "_ident"), threading_int(t, 12345) };
}

static uint64_t keys_of_class(struct threading *t)
{
        struct forged_item items[3];

        get_attributes(t, 0, items);
        if (!t->keys)
                t->keys = new_keys(t, items, 3, true, true);
        return t->keys;
}

/* Writes values as they stand in an array: of 3.13 on, if @framed, behind their frame. */
static void fill_values(struct threading *t, uint64_t at, uint64_t name, bool embedded)
{
        bool framed = t->forge.layout.names.attributes == ATTRIBUTES_INLINE;

        if (framed) {
                *forge_at(&t->forge, at) = 30;
                *forge_at(&t->forge, at + 2) = embedded;
                *forge_at(&t->forge, at + 3) = embedded;
                at += 8;
        }
        forge_word(&t->forge, at, threading_string(t, "nap"));
        forge_word(&t->forge, at + 8, name);
}

static uint64_t dict_of_thread(struct threading *t, uint64_t name, enum forged_shape shape)
{
        struct forged_item items[3];

        get_attributes(t, name, items);
        if (shape != SHAPE_SHARED || t->forge.layout.names.dict == DICT_TABLE)
                return threading_dict(t, items, 3, true);
        uint64_t values = forge_alloc(&t->forge, 256);
        fill_values(t, values, name, false);
        return new_dict_of(t, keys_of_class(t), values, 3);
}

#define THREAD_SIZE 40

static void fill_thread(struct threading *t, uint64_t thread, uint64_t name, enum forged_shape shape)
{
        const struct layout *l = &t->forge.layout;
        uint64_t values = forge_alloc(&t->forge, 256);
        bool usual = shape == SHAPE_USUAL;
        uint64_t dict = usual && l->names.attributes != ATTRIBUTES_DICT ? 0 : dict_of_thread(t, name, shape);

        if (l->names.attributes == ATTRIBUTES_DICT) {
                forge_word(&t->forge, thread + layout_head(l), dict);
                return;
        }
        fill_values(t, l->names.attributes == ATTRIBUTES_INLINE ? thread + THREAD_SIZE : values, name, usual);
        if (l->names.attributes == ATTRIBUTES_VALUES)
                forge_word(&t->forge, thread - l->names.dict_before - 8, usual ? values : 0);
        forge_word(&t->forge, thread - l->names.dict_before,
                   usual && l->names.attributes == ATTRIBUTES_TAGGED ? values - 1 : dict);
}

uint64_t threading_pthread(struct threading *t, pid_t tid)
{
        uint64_t pthread = forge_alloc(&t->forge, 1024);

        forge_half(&t->forge, pthread + machine_get(MACHINE_X86_64)->libcs[MACHINE_GLIBC].tid, (uint32_t)tid);
        return pthread;
}

uint64_t threading_add(struct threading *t, uint64_t pthread, uint64_t name, enum forged_shape shape)
{
        uint64_t thread = threading_object(t, t->types.thread, 512);

        fill_thread(t, thread, name, shape);
        t->threads[t->n++] = (struct forged_item){ pthread, threading_int(t, pthread), thread };
        return thread;
}

/* ---- the module ------------------------------------------------------------------------ */

#define OTHERS 70 /* names before the one that is looked for: more than are compared together */

uint64_t threading_namespace(struct threading *t, const char *name, uint64_t value)
{
        struct forged_item items[OTHERS + 1];

        for (size_t i = 0; i < OTHERS; i++)
                items[i] = (struct forged_item){ i, i % 5 ? threading_string(t, i % 7 ? "other" : "otherwise") : 0,
                                                 value };
        items[OTHERS] = (struct forged_item){ OTHERS, threading_string(t, name), value };
        return threading_dict(t, items, OTHERS + 1, true);
}

void threading_replace(struct threading *t, const struct forged_item *items, size_t n)
{
        const struct layout *l = &t->forge.layout;

        t->active = threading_dict(t, items, n, false);
        t->globals = threading_namespace(t, "_active", t->active);
        t->module = threading_object(t, t->types.module, 64);
        forge_word(&t->forge, t->module + layout_head(l), t->globals);
        t->modules = threading_namespace(t, "threading", t->module);
        forge_word(&t->forge, t->forge.interp + l->names.modules, t->modules);
}

void threading_publish(struct threading *t)
{
        threading_replace(t, t->threads, t->n);
}

void threading_init(struct threading *t, const struct forge_version *version)
{
        *t = (struct threading){ .n = 0 };
        forge_init(&t->forge, version);
        const struct layout *l = &t->forge.layout;

        forge_word(&t->forge, t->forge.type_type + l->names.type_name, new_text(t, "type"));
        t->types.dict = threading_type(t, "dict", TYPE_DICT_SUBCLASS);
        t->types.str = threading_type(t, "str", type_str_flag(l));
        t->types.integer = threading_type(t, "int", type_int_flag(l));
        t->types.module = threading_type(t, "module", 0);
        t->types.subclass = threading_type(t, "S", type_str_flag(l) | TYPE_HEAP);
        t->types.thread = threading_type(t, "Thread", TYPE_HEAP | TYPE_MANAGED_DICT | TYPE_INLINE_VALUES);
        forge_word(&t->forge, t->types.thread + l->names.type_size, THREAD_SIZE);
        forge_word(&t->forge, t->types.thread + l->names.type_dict, layout_head(l));
        if (l->names.type_keys != LAYOUT_NONE)
                forge_word(&t->forge, t->types.thread + l->names.type_keys, keys_of_class(t));
        uint64_t pthread = threading_pthread(t, FORGE_PTHREAD);
        threading_add(t, pthread, threading_string(t, "MainThread"), SHAPE_USUAL);
        threading_publish(t);
}

void threading_deinit(struct threading *t)
{
        forge_deinit(&t->forge);
}
