/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the module _asyncio of each interpreter by sys.modules, and how its Tasks are laid out: by the table that it
 * publishes in the section .AsyncioDebug, of which only the file tells where it lies; or by the version.
 */
#include "places.h"

#include "pystack/memory/effort.h"
#include "pystack/trace.h"

#include "elfsym/elfsym.h"
#include "nsutil/nsutil.h"

#include <string.h>
#include <unistd.h>

/* Readings, and ns of CPU time of the calling thread. */
#define PLACES_READS 20000
#define PLACES_CPU_NS 20000000

/* How often something is read that changes meanwhile. */
#define TRIES 3

#define SECTION ".AsyncioDebug"
#define TABLE_BYTES 104
#define VERSION_THAT_PUBLISHES 0x030e

struct finding {
        const struct pystack *py;
        const struct layout *layout;
        struct pystack_memory memory;
        struct effort effort;
        struct trail trail;
};

/* ---- the modules ------------------------------------------------------------------------- */

/* An optional global: 0 if there is none. */
static int read_global(struct finding *f, const struct dict *globals, struct task_module *m, const char *name,
                       uint64_t *ret)
{
        bool found = false;
        int e = registry_value(&f->trail, f->layout, globals, name, &m->types, ret, &found);

        if (e == 0 && !found)
                *ret = 0;
        return e;
}

static int read_module(struct finding *f, uint64_t interp, struct task_module *ret, bool *ret_found)
{
        struct dict globals;

        *ret = (struct task_module){ .interp = interp };
        trail_begin(&f->trail, &f->memory);
        int e = registry_open_module(&f->trail, f->layout, interp, &ret->types, "_asyncio", &globals, ret_found);
        if (e != 0 || !*ret_found)
                return e;
        const struct {
                const char *name;
                uint64_t *ret;
        } wanted[] = {
                { "Task", &ret->task_type },       { "Future", &ret->future_type }, { "_current_tasks", &ret->current },
                { "_scheduled_tasks", &ret->all }, { "_eager_tasks", &ret->eager },
        };
        for (size_t i = 0; e == 0 && i < sizeof wanted / sizeof *wanted; i++)
                e = read_global(f, &globals, ret, wanted[i].name, wanted[i].ret);
        if (e == 0 && !ret->all)
                e = read_global(f, &globals, ret, "_all_tasks", &ret->all);
        if (e == 0 && (!ret->task_type || !ret->future_type))
                e = PYSTACK_E_NOT_READY; /* the module is just being imported */
        return e == 0 ? trail_confirm(&f->trail) : e;
}

static int read_modules(struct finding *f, struct task_places *ret)
{
        const struct runtime *runtime = &f->py->runtime;
        uint64_t interp;
        int e = remote_read_word(&f->memory, runtime->interpreters, &interp);

        for (unsigned i = 0; e == 0 && interp && i < LAYOUT_INTERPRETERS_MAX && ret->n < TASK_INTERPRETERS_MAX; i++) {
                bool found = false;
                int error = PYSTACK_E_TORN;
                for (unsigned j = 0; error == PYSTACK_E_TORN && j < TRIES; j++)
                        error = read_module(f, interp, &ret->modules[ret->n], &found);
                if (error == PYSTACK_E_COSTLY || error == PYSTACK_E_GONE || error < 0)
                        return error;
                ret->n += error == 0 && found;
                e = remote_read_word(&f->memory, interp + runtime->layout.interp.next, &interp);
        }
        return e == 0 && ret->n == 0 ? PYSTACK_E_NOT_READY : e;
}

/* ---- the table ---------------------------------------------------------------------------- */

/* Whether the file may be that of the module: itself, or that of the interpreter into which it was linked. */
static bool may_have_table(const struct pystack *py, const struct nsutil_map *map)
{
        const char *slash = strrchr(map->path, '/');

        return strncmp(slash ? slash + 1 : map->path, "_asyncio", strlen("_asyncio")) == 0 ||
               strcmp(map->path, py->info.file) == 0;
}

static bool read_table(struct finding *f, const struct nsutil_map *map, uint8_t ret[static TABLE_BYTES])
{
        struct elfsym *elf = NULL;
        struct elfsym_section section;
        bool read = false;
        int fd = -1;

        if (nsutil_open_map(f->py->process.pid, map, &fd) != 0)
                return false;
        if (elfsym_open_fd(fd, &elf) == 0 && elfsym_section(elf, SECTION, &section) == 0 && section.addr != 0)
                read = remote_read(&f->memory, section.addr + elfsym_load_bias(elf, map->start), ret, TABLE_BYTES) == 0;
        elfsym_close(elf);
        close(fd);
        return read;
}

static int look_for_table(struct finding *f, uint64_t size, struct task_offsets *ret)
{
        struct nsutil_maps maps = { 0 };
        uint8_t table[TABLE_BYTES];
        int e = PYSTACK_E_UNSUPPORTED;

        if (f->py->process.pid == 0 || nsutil_maps_read(f->py->process.pid, &maps) != 0)
                return PYSTACK_E_UNSUPPORTED;
        for (size_t i = 0; e != 0 && i < maps.n; i++) {
                const struct nsutil_map *map = &maps.maps[i];
                if (map->inode && map->offset == 0 && may_have_table(f->py, map) && !effort_is_spent(&f->effort) &&
                    read_table(f, map, table))
                        e = task_offsets_parse(table, sizeof table, size, layout_head(f->layout), ret);
        }
        nsutil_maps_deinit(&maps);
        return e;
}

static int read_offsets(struct finding *f, const struct task_module *module, struct task_offsets *ret)
{
        uint64_t size;
        int e = remote_read_word(&f->memory, module->task_type + f->layout->names.type_size, &size);

        if (e != 0)
                return e;
        if (f->layout->version >= VERSION_THAT_PUBLISHES)
                e = look_for_table(f, size, ret);
        else
                e = task_offsets_find(f->layout->version, size, layout_head(f->layout), ret);
        if (e == PYSTACK_E_UNSUPPORTED || e == PYSTACK_E_CORRUPT)
                return REFUSE(&f->memory, PYSTACK_E_UNSUPPORTED, .field = "asyncio.Task", .address = module->task_type,
                              .expected = "a Task of a size that is known", .found = size);
        return e;
}

int task_places_find(const struct pystack *py, struct task_places *ret)
{
        struct finding f = { .py = py, .layout = &py->runtime.layout };

        *ret = (struct task_places){ .n = 0 };
        if (f.layout->names.modules == LAYOUT_NONE || f.layout->coroutine.frame == LAYOUT_NONE)
                return PYSTACK_E_UNSUPPORTED;
        f.memory = effort_begin_within(&f.effort, &py->memory, PLACES_READS, PLACES_CPU_NS);
        int e = read_modules(&f, ret);
        return e == 0 ? read_offsets(&f, &ret->modules[0], &ret->offsets) : e;
}
