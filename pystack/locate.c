/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding _PyRuntime: in the executable, or in a libpython, whichever file of
 * the process's maps defines the symbol. It is exported even by stripped builds,
 * since extension modules need it.
 */
#include "locate.h"

#include "elfsym/elfsym.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* The first symbol that each version brought, newest first. */
static const struct {
        uint32_t version;
        const char *symbol;
} ladder[] = {
        { 0x030f0000, "PyBytesWriter_Create" }, { 0x030e0000, "PyUnicodeWriter_Create" },
        { 0x030d0000, "PyTime_Time" },          { 0x030c0000, "PyType_FromMetaclass" },
        { 0x030b0000, "Py_Version" },           { 0x030a0000, "PyGC_Enable" },
        { 0x03090000, "PyFrame_GetBack" },      { 0x03080000, "PyConfig_InitPythonConfig" },
        { 0x03070000, "PyContext_New" },        { 0x03060000, "PyOS_FSPath" },
        { 0x03050000, "PyCoro_New" },           { 0x03040000, "PyMem_RawMalloc" },
        { 0x03000000, "PyBytes_FromString" },
};

static uint32_t climb_ladder(struct elfsym *elf)
{
        struct elfsym_symbol symbol;

        if (elfsym_symbol(elf, "PyString_FromString", &symbol) == 0)
                return elfsym_symbol(elf, "PyCapsule_New", &symbol) == 0 ? 0x02070000 : 0x02060000;
        for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++)
                if (elfsym_symbol(elf, ladder[i].symbol, &symbol) == 0)
                        return ladder[i].version;
        return 0;
}

static uint64_t address_of(struct elfsym *elf, const char *name, uint64_t bias)
{
        struct elfsym_symbol symbol;

        return elfsym_symbol(elf, name, &symbol) == 0 ? symbol.value + bias : 0;
}

/* 0 and @ret if the file defines a runtime; PYSTACK_E_NOT_PYTHON if not. */
static int look_into(struct elfsym *elf, const struct nsutil_map *map, struct location *ret)
{
        uint64_t bias = elfsym_load_bias(elf, map->start);
        struct elfsym_symbol runtime;
        bool modern = elfsym_symbol(elf, "_PyRuntime", &runtime) == 0;

        if (!modern && address_of(elf, "_PyThreadState_Current", bias) == 0)
                return PYSTACK_E_NOT_PYTHON;
        *ret = (struct location){
                .runtime = modern ? runtime.value + bias : 0,
                .runtime_size = modern ? runtime.size : 0,
                .code_type = address_of(elf, "PyCode_Type", bias),
                .version_at = address_of(elf, "Py_Version", bias),
                .ladder = climb_ladder(elf),
        };
        snprintf(ret->file, sizeof ret->file, "%s", map->path);
        return 0;
}

static int from_nsutil(int r)
{
        switch (r) {
        case NSUTIL_E_GONE:
                return PYSTACK_E_GONE;
        case NSUTIL_E_DENIED:
                return PYSTACK_E_DENIED;
        default:
                return r < 0 ? r : PYSTACK_E_NOT_PYTHON;
        }
}

static int look_into_map(pid_t pid, const struct nsutil_map *map, struct location *ret)
{
        struct elfsym *elf = NULL;
        int fd = -1;
        int r = nsutil_open_map(pid, map, &fd);

        if (r != 0)
                return from_nsutil(r);
        r = elfsym_open_fd(fd, &elf);
        if (r == 0)
                r = look_into(elf, map, ret);
        else if (r > 0)
                r = PYSTACK_E_NOT_PYTHON;
        elfsym_close(elf);
        close(fd);
        return r;
}

/* A file's first mapping has its offset 0; only that one is looked at. */
static bool worth_looking(const struct nsutil_map *map, const char *exe)
{
        return map->inode != 0 && map->offset == 0 &&
               (strstr(base_name(map->path), "python") || strcmp(map->path, exe) == 0);
}

/* What has been found so far over a process's maps. */
struct search {
        pid_t pid;
        bool (*in_use)(void *ctx, const struct location *);
        void *ctx;
        struct location *ret;
        bool found;
        int error; /* the first real one, PYSTACK_E_NOT_PYTHON before */
};

/* True if the search is over. */
static bool consider(struct search *search, const struct nsutil_map *map)
{
        struct location location;
        int r = look_into_map(search->pid, map, &location);

        if (r != 0) {
                if (r != PYSTACK_E_NOT_PYTHON && search->error == PYSTACK_E_NOT_PYTHON)
                        search->error = r;
                return r == PYSTACK_E_GONE;
        }
        if (!search->found)
                *search->ret = location;
        search->found = true;
        if (!search->in_use(search->ctx, &location))
                return false;
        *search->ret = location;
        return true;
}

int locate_runtime(pid_t pid, bool (*in_use)(void *ctx, const struct location *), void *ctx, struct location *ret)
{
        struct search search = { .pid = pid, .in_use = in_use, .ctx = ctx, .ret = ret, .error = PYSTACK_E_NOT_PYTHON };
        struct nsutil_maps maps = { 0 };
        char exe[sizeof ret->file] = "";
        int r = nsutil_maps_read(pid, &maps);

        if (r != 0)
                return from_nsutil(r);
        r = nsutil_exe(pid, exe, sizeof exe);
        const char *last = "";
        for (size_t i = 0; r == 0 && i < maps.n; i++) {
                if (!worth_looking(&maps.maps[i], exe) || strcmp(maps.maps[i].path, last) == 0)
                        continue;
                last = maps.maps[i].path;
                if (consider(&search, &maps.maps[i]))
                        break;
        }
        nsutil_maps_deinit(&maps);
        if (r != 0)
                return from_nsutil(r);
        return search.found ? 0 : search.error;
}
