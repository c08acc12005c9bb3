/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds out the version of a located runtime, and makes its layout. These tell the version, the best one first: the
 * caller, who has asked for one; _Py_DebugOffsets (3.13 on); Py_Version (3.11 on); the size of _PyRuntime, if a minor
 * version has two layouts; the symbols that exist.
 *
 * All of these are constants. But the target may have written anything into memory that is writable, so each value is
 * checked where it is used.
 */
#include "version.h"

#include "pystack/locate/machine.h"
#include "pystack/trace.h"

#include <stdio.h>

/*
 * sizeof(_PyRuntime) on x86-64. On other machines it is larger by what libc's mutexes take. The first row tells 3.7.0
 * to 3.7.3 from later releases. The other rows are needed if no symbol exists; they also tell which libc it is.
 */
static const struct {
        uint64_t least, most;
        uint32_t version;
} sizes[] = {
        { 1424, 1424, 0x03070000 },
        { 1520, 1520, 0x03070000 | LAYOUT_MICRO_UNKNOWN },
        { 1464, 1464, 0x03080000 | LAYOUT_MICRO_UNKNOWN },
        { 656, 656, 0x03090000 | LAYOUT_MICRO_UNKNOWN },
        { 672, 672, 0x030a0000 | LAYOUT_MICRO_UNKNOWN },
        { 166688, 166688, 0x030b0000 | LAYOUT_MICRO_UNKNOWN },
        { 459328, 459992, 0x030c0000 | LAYOUT_MICRO_UNKNOWN },
};

/* From this version on _PyRuntime begins with _Py_DebugOffsets. */
#define SELF_DESCRIBING 0x030d0000u

#define RELEASE_LEVEL 0xf0 /* these bits are 0 in a version whose micro version is not known */

/* @location: what was looked at. */
static int refuse_unsupported(const struct pystack_memory *memory, const struct pystack_location *location,
                              struct pystack_info *info, const char *why)
{
        trace_refusal(
                memory,
                &(struct pystack_refusal){ .field = "version",
                                           .address = location->version_at ? location->version_at : location->runtime,
                                           .expected = why,
                                           .found = info->version },
                location->file);
        if (info->version == 0)
                snprintf(info->detail, sizeof info->detail, "it is a CPython whose version does not show");
        else
                snprintf(info->detail, sizeof info->detail, "it is CPython %u.%u%s, %s", info->version >> 24,
                         info->version >> 16 & 255, info->free_threaded ? " without the GIL" : "", why);
        return PYSTACK_E_UNSUPPORTED;
}

/* The version whose runtime has the size of this one, less the @mutexes of another machine. 0: there is none. */
static uint32_t version_of_size(const struct pystack_location *location, uint32_t mutexes)
{
        uint64_t size = location->runtime_size - mutexes;

        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                if (size >= sizes[i].least && size <= sizes[i].most &&
                    (!location->ladder || location->ladder >> 16 == sizes[i].version >> 16))
                        return sizes[i].version;
        return 0;
}

/*
 * How many bytes the mutexes move what lies behind them in the runtime of @version. The size of the runtime tells
 * which libc it has; if it does not, glibc is assumed.
 */
static uint32_t mutexes_of(const struct pystack_location *location, const struct machine *machine, uint32_t version)
{
        for (size_t libc = 0; libc < MACHINE_LIBCS; libc++)
                if (version_of_size(location, machine->libcs[libc].mutexes) >> 16 == version >> 16)
                        return machine->libcs[libc].mutexes;
        return machine->libcs[MACHINE_GLIBC].mutexes;
}

/* PY_VERSION_HEX; with LAYOUT_MICRO_UNKNOWN if only the size or the symbols tell. */
static uint32_t read_version(const struct pystack_memory *memory, const struct pystack_location *location,
                             const struct machine *machine)
{
        uint64_t version;

        if (location->version_at && remote_read_word(memory, location->version_at, &version) == 0 && version)
                return (uint32_t)version;
        uint32_t by_size = 0;
        for (size_t libc = 0; libc < MACHINE_LIBCS && !by_size; libc++)
                by_size = version_of_size(location, machine->libcs[libc].mutexes);
        return by_size ? by_size : location->ladder | LAYOUT_MICRO_UNKNOWN;
}

static void tell_version(struct pystack_info *info, uint32_t version)
{
        info->version = version & RELEASE_LEVEL ? version : version & 0xffff0000;
}

/*
 * How many bytes come before the head of an object. PyCode_Type is static, and its own type is PyType_Type: the place
 * of that pointer tells.
 */
static uint32_t extra_head_bytes(const struct pystack_memory *memory, const struct pystack_location *location)
{
        uint64_t head[4];

        if (!location->code_type || !location->type_type ||
            remote_read(memory, location->code_type, head, sizeof head) != 0)
                return 0;
        return head[1] != location->type_type && head[3] == location->type_type ? 16 : 0;
}

static int detect_from_table(const struct pystack_memory *memory, const struct pystack_location *location,
                             uint32_t version, const struct machine *machine, struct pystack_info *info,
                             struct detected *ret)
{
        const struct layout *layout = layout_find(version);

        if (!layout && version >= SELF_DESCRIBING)
                return refuse_unsupported(memory, location, info,
                                          "but its runtime does not describe itself as that version's does");
        if (!layout)
                return refuse_unsupported(memory, location, info, "which this podflame cannot read");
        ret->runtime.layout = *layout;
        layout_widen_objects(&ret->runtime.layout, extra_head_bytes(memory, location));
        if (layout->runtime.tstate_current != LAYOUT_NONE)
                ret->runtime.layout.runtime.tstate_current += mutexes_of(location, machine, layout->version << 16);
        return 0;
}

static int trace_fault(const struct pystack_memory *memory, const struct pystack_location *location,
                       const struct layout_fault *fault, int error)
{
        return error == 0 ? 0
                          : REFUSE(memory, error, .field = fault->field,
                                   .address = location->runtime + 8 * (uint64_t)fault->word,
                                   .expected = fault->expected, .wanted = fault->wanted, .found = fault->found);
}

/* @self: what the table at the beginning of the runtime says of its version. */
static int detect_from_offsets(const struct pystack_memory *memory, const void *table, size_t len,
                               const struct pystack_location *location, uint32_t version,
                               const struct layout_debug_info *self, struct pystack_info *info, struct detected *ret)
{
        struct layout_fault fault;
        uint64_t size;
        int e = trace_fault(memory, location, &fault,
                            layout_from_debug_offsets(table, len, version, &ret->runtime.layout, &fault));

        if (e == PYSTACK_E_UNSUPPORTED || (e != 0 && !self->known))
                return refuse_unsupported(memory, location, info, "which this podflame cannot read");
        ret->on_trial = !self->known;
        __builtin_memcpy(&size, (const char *)table + 24, sizeof size);
        if (e == 0 && ret->on_trial && location->runtime_size && location->runtime_size != size)
                return refuse_unsupported(memory, location, info,
                                          "whose description of itself this podflame does not understand");
        return e;
}

/* Sets where the list of interpreters begins, and where the holder of the GIL stands. */
static int set_anchors(const struct pystack_memory *memory, const struct pystack_location *location,
                       struct pystack_info *info, struct runtime *runtime)
{
        const struct layout *layout = &runtime->layout;
        bool modern = layout->runtime.interpreters_head != LAYOUT_NONE;

        runtime->code_type = location->code_type;
        runtime->machine = machine_get(location->machine);
        runtime->interpreters = location->interp_head;
        runtime->tstate_current = location->tstate_current;
        if (modern && location->runtime) {
                runtime->interpreters = location->runtime + layout->runtime.interpreters_head;
                runtime->tstate_current = layout->runtime.tstate_current == LAYOUT_NONE
                                                  ? 0
                                                  : location->runtime + layout->runtime.tstate_current;
        } else if (modern || location->runtime) {
                return refuse_unsupported(memory, location, info, "but its runtime is not where that version has it");
        } else if (!runtime->interpreters) {
                return refuse_unsupported(memory, location, info, "but its list of interpreters cannot be found");
        }
        return 0;
}

/*
 * An error of reading what a runtime begins with. Corrupt means not ready here: while the dynamic linker maps a
 * library, its symbols can be read before its data is there.
 */
static int explain_unread(const struct pystack_memory *memory, int e, const char *field, uint64_t addr)
{
        trace_unread(memory, e, field, addr);
        return e == PYSTACK_E_CORRUPT ? PYSTACK_E_NOT_READY : e;
}

int version_detect(const struct pystack_memory *memory, const struct pystack_location *location, uint32_t abi,
                   struct pystack_info *info, struct detected *ret)
{
        uint8_t table[LAYOUT_DEBUG_OFFSETS_MAX];
        struct layout_debug_info self;
        struct detected detected = { 0 };
        const struct machine *machine = machine_get(location->machine);
        if (!machine)
                return refuse_unsupported(memory, location, info, "of a machine that this podflame does not know");
        uint32_t version = abi ? layout_abi_version(abi) : read_version(memory, location, machine);
        int e = location->runtime ? remote_read(memory, location->runtime, table, sizeof table) : 0;

        tell_version(info, version);
        if (e != 0)
                return explain_unread(memory, e, "_PyRuntime", location->runtime);
        if (location->runtime && (!abi || abi >= 313) && layout_debug_probe(table, sizeof table, &self)) {
                info->free_threaded = self.free_threaded;
                if (abi)
                        self.known = true;
                else
                        version = info->version = self.version;
                e = detect_from_offsets(memory, table, sizeof table, location, version, &self, info, &detected);
        } else {
                e = detect_from_table(memory, location, version, machine, info, &detected);
        }
        if (e == 0)
                e = set_anchors(memory, location, info, &detected.runtime);
        if (e == 0)
                *ret = detected;
        return e;
}

/*
 * The first interpreter that has a thread state; @ret_tstate 0: none has one. New interpreters come first, and
 * _interpreters.create() of 3.13 leaves them without a thread state until they run.
 */
static int seek_thread_state(const struct pystack_memory *memory, const struct runtime *runtime, uint64_t *ret_interp,
                             uint64_t *ret_tstate)
{
        const struct layout *l = &runtime->layout;
        uint64_t at = *ret_interp;
        int e = 0;

        *ret_tstate = 0;
        for (unsigned i = 0; at && i < LAYOUT_INTERPRETERS_MAX; i++) {
                *ret_interp = at;
                uint64_t head = at + l->interp.threads_head, next = at + l->interp.next;
                if ((e = remote_read_word(memory, head, ret_tstate)) != 0)
                        return trace_unread(memory, e, "interp.threads_head", head);
                if (*ret_tstate)
                        return 0;
                if ((e = remote_read_word(memory, next, &at)) != 0)
                        return trace_unread(memory, e, "interp.next", next);
        }
        return 0;
}

/* Looks once for an interpreter with a thread. PYSTACK_E_CORRUPT: the thread may have ended between the readings. */
static int check_once(const struct pystack_memory *memory, const struct runtime *runtime)
{
        const struct layout *l = &runtime->layout;
        uint64_t interp, tstate, back;
        int e = remote_read_word(memory, runtime->interpreters, &interp);

        if (e != 0)
                return explain_unread(memory, e, "runtime.interpreters_head", runtime->interpreters);
        if (!interp)
                return REFUSE(memory, PYSTACK_E_NOT_READY, .field = "runtime.interpreters_head",
                              .address = runtime->interpreters, .expected = "an interpreter");
        if ((e = seek_thread_state(memory, runtime, &interp, &tstate)) != 0)
                return e;
        if (!tstate)
                return REFUSE(memory, PYSTACK_E_NOT_READY, .field = "interp.threads_head",
                              .address = interp + l->interp.threads_head, .expected = "a thread state");
        if ((e = remote_read_word(memory, tstate + l->tstate.interp, &back)) != 0)
                return trace_unread(memory, e, "tstate.interp", tstate + l->tstate.interp);
        if (back != interp)
                return REFUSE(memory, PYSTACK_E_CORRUPT, .field = "tstate.interp", .address = tstate + l->tstate.interp,
                              .expected = "its interpreter", .wanted = interp, .found = back);
        return 0;
}

/* Looks, since a thread can end between two readings. */
#define CHECKS_MAX 8

int version_check(const struct pystack_memory *memory, const struct runtime *runtime)
{
        int e = PYSTACK_E_CORRUPT;

        for (unsigned i = 0; e == PYSTACK_E_CORRUPT && i < CHECKS_MAX; i++)
                e = check_once(memory, runtime);
        return e;
}
