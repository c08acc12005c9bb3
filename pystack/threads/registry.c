/* SPDX-License-Identifier: Apache-2.0 */
#include "registry.h"

#include "pystack/decode/type.h"
#include "pystack/internal.h"

/* Opens sys.modules: a dict, by which the type of all others is known. */
static int open_modules(struct trail *t, const struct layout *l, uint64_t interp, struct registry_types *types,
                        struct dict *ret)
{
        uint64_t modules, type;
        int e = trail_word(t, interp + l->names.modules, &modules);

        if (e == 0)
                e = remote_read_word(t->memory, modules + l->object_type, &type);
        if (e == 0)
                e = type_expect(t->memory, l, type, "dict", TYPE_DICT_SUBCLASS, &types->dict);
        return e == 0 ? dict_open(t, l, modules, types->dict, ret) : e;
}

/* @ret_found is false if it has no such entry. Each key must be a str. */
static int get_value(struct trail *t, const struct layout *l, const struct dict *d, const char *key, size_t max,
                     struct registry_types *types, uint64_t *ret, bool *ret_found)
{
        struct dict_entry entry;
        uint64_t type;
        int e = dict_find(t, l, d, key, max, &entry, ret_found);

        if (e != 0 || !*ret_found)
                return e;
        e = trail_word(t, entry.key + l->object_type, &type);
        if (e == 0)
                e = type_expect(t->memory, l, type, "str", type_str_flag(l), &types->str);
        return e == 0 ? dict_value(t, d, &entry, ret) : e;
}

/* PyModuleObject begins with md_dict (Objects/moduleobject.c). */
static int open_globals(struct trail *t, const struct layout *l, uint64_t module, struct registry_types *types,
                        struct dict *ret)
{
        const uint8_t *head;
        int e = trail_read(t, module + l->object_type, 16, &head);

        if (e == 0)
                e = type_expect(t->memory, l, word_at(head, 0), "module", 0, &types->module);
        return e == 0 ? dict_open(t, l, word_at(head, 8), types->dict, ret) : e;
}

int registry_open_module(struct trail *t, const struct layout *l, uint64_t interp, struct registry_types *types,
                         const char *name, struct dict *ret, bool *ret_found)
{
        struct dict modules;
        uint64_t module;
        int e = open_modules(t, l, interp, types, &modules);

        if (e == 0)
                e = get_value(t, l, &modules, name, REGISTRY_MODULES_MAX, types, &module, ret_found);
        return e == 0 && *ret_found ? open_globals(t, l, module, types, ret) : e;
}

int registry_value(struct trail *t, const struct layout *l, const struct dict *globals, const char *key,
                   struct registry_types *types, uint64_t *ret, bool *ret_found)
{
        return get_value(t, l, globals, key, REGISTRY_GLOBALS_MAX, types, ret, ret_found);
}

int registry_find(struct trail *t, const struct layout *l, uint64_t interp, struct registry_types *types,
                  struct dict *ret, bool *ret_found)
{
        struct dict globals;
        uint64_t active;
        bool has_active;
        int e = registry_open_module(t, l, interp, types, "threading", &globals, ret_found);

        if (e != 0 || !*ret_found)
                return e;
        e = registry_value(t, l, &globals, "_active", types, &active, &has_active);
        if (e == 0 && !has_active)
                e = PYSTACK_E_NOT_READY;
        return e == 0 ? dict_open(t, l, active, types->dict, ret) : e;
}
