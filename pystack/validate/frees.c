/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to 3.13 no interpreter tells that a code object was freed. But each one is freed by one function: tp_dealloc of
 * the type of code objects (Objects/codeobject.c, code_dealloc), which _Py_Dealloc() calls by that pointer. A caller
 * that can count the calls of a function has a generation: as long as the count stays, each code object that was on a
 * stack is still the same one.
 *
 * A compiler that is told by a profile which function a pointer mostly leads to puts a copy of that function where the
 * pointer is called. The copy would not be counted. It would stand behind a comparison of the pointer with the address
 * of the function. So the code of the interpreter is searched for that address. Where it is mentioned, nothing is
 * counted. That is so in none of the builds at hand. Instructions of x86-64 have it as a distance from their own end,
 * or as a number of 32 bits. Those of aarch64 put it together from two: they are not searched.
 */
#include "frees.h"

#include "nsutil/nsutil.h"
#include "pystack/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* PyTypeObject behind its header: ob_size, tp_name, tp_basicsize, tp_itemsize, tp_dealloc. The same in all versions. */
#define TYPE_DEALLOC 40

/* A larger interpreter is not searched. Those at hand have 1.5 to 3 MiB of code, and 7 without optimisation. */
#define CODE_BYTES_MAX ((uint64_t)32 << 20)

#define PART ((size_t)256 << 10)

/* An address takes 4 bytes of an instruction. Before it stands one that says what it is. */
#define MENTION 4

/* Of an operand that lies at a distance from the instruction's end: mod 00, r/m 101. */
static bool is_distance(uint8_t modrm)
{
        return (modrm & 0xc7) == 0x05;
}

bool frees_is_mentioned(const uint8_t *code, size_t len, uint64_t at, uint64_t function)
{
        for (size_t i = 1; i + MENTION <= len; i++) {
                int32_t number;
                memcpy(&number, code + i, sizeof number);
                if ((uint64_t)(int64_t)number == function)
                        return true;
                if (at + i + MENTION + (uint64_t)(int64_t)number == function && is_distance(code[i - 1]))
                        return true;
        }
        return false;
}

int frees_find_code(pid_t pid, uint64_t function, uint64_t *ret_at, uint64_t *ret_len)
{
        struct nsutil_maps maps;
        int e = nsutil_maps_read(pid, &maps);

        if (e < 0)
                return e;
        e = PYSTACK_E_UNSUPPORTED;
        for (size_t i = 0; i < maps.n && maps.maps[i].start <= function; i++) {
                const struct nsutil_map *map = &maps.maps[i];
                if (function >= map->end || !(map->prot & PROT_EXEC) || (map->prot & PROT_WRITE) || !map->inode ||
                    map->end - map->start > CODE_BYTES_MAX)
                        continue;
                *ret_at = map->start;
                *ret_len = map->end - map->start;
                e = 0;
        }
        nsutil_maps_deinit(&maps);
        return e;
}

/* Searches the code part by part. The parts overlap, so that each mention lies whole in one. */
static int search_code(const struct pystack_memory *memory, uint64_t at, uint64_t len, uint64_t function)
{
        uint8_t *part = malloc(PART);
        int e = part ? 0 : -ENOMEM;

        for (uint64_t done = 0; e == 0 && done < len; done += PART - MENTION) {
                size_t n = len - done < PART ? (size_t)(len - done) : PART;
                e = remote_read(memory, at + done, part, n);
                if (e == 0 && frees_is_mentioned(part, n, at + done, function))
                        e = REFUSE(memory, PYSTACK_E_UNSUPPORTED, .field = "code of the interpreter",
                                   .address = at + done, .expected = "no mention of code_dealloc()",
                                   .wanted = function);
        }
        free(part);
        return e;
}

int pystack_frees_find(const struct pystack *py, uint64_t *ret)
{
        const struct runtime *runtime = &py->runtime;
        uint64_t at, len, function;

        if (py->process.pid == 0 || runtime->code_type == 0 || runtime->layout.object_type != 8 ||
            runtime->layout.interp.code_generation != LAYOUT_NONE || runtime->machine != machine_get(MACHINE_X86_64))
                return PYSTACK_E_UNSUPPORTED;
        int e = remote_read_word(&py->memory, runtime->code_type + runtime->layout.object_type + TYPE_DEALLOC,
                                 &function);
        if (e == 0)
                e = frees_find_code(py->process.pid, function, &at, &len);
        if (e == 0)
                e = search_code(&py->memory, at, len, function);
        if (e == 0)
                *ret = function;
        return e;
}

/* Entries have generations of the last one who counted, so the next one's begin behind them. */
void pystack_frees_watch(struct pystack *py, const struct pystack_frees *frees)
{
        py->frees.by = frees ? *frees : (struct pystack_frees){ 0 };
        py->frees.from = py->frees.last + 1;
        py->frees.now = 0;
}

uint64_t frees_generation(struct pystack *py)
{
        uint64_t count, before = py->frees.now;

        if (!py->frees.by.count)
                return 0;
        py->frees.now = py->frees.by.count(py->frees.by.ctx, &count) ? py->frees.from + count : 0;
        if (py->frees.now > py->frees.last)
                py->frees.last = py->frees.now;
        bool stayed = py->frees.now == before;
        py->frees.stayed += stayed;
        py->frees.changed += !stayed;
        return stayed ? before : 0;
}

void pystack_frees_tell(struct pystack *py, uint64_t *ret_stayed, uint64_t *ret_changed)
{
        *ret_stayed = py->frees.stayed;
        *ret_changed = py->frees.changed;
        py->frees.stayed = py->frees.changed = 0;
}
