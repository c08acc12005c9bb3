/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offsets of a greenlet are measured at a main greenlet: it has its own address and that of its ThreadState, one
 * behind the other, behind class Greenlet. If the size of that class is one that this CPython is known to lead to, all
 * others follow from it.
 *
 *   class Greenlet       vtable, _self (since greenlet 3.1), ExceptionState, SwitchingArgs, StackState, PythonState
 *   class MainGreenlet   behind it: _self, _thread_state
 *   class UserGreenlet   behind it: _self (up to 3.0), _main_greenlet, _run_callable, _parent
 *
 * Measured with greenlet 2.0.2, 3.0.3, 3.1.1, 3.2.4, 3.3.0, 3.4.0 and 3.5.6 in CPython 3.9 to 3.15.
 */
#include "places.h"

#define WORDS (GREENLET_BYTES / 8)

/* Sizes of class Greenlet with its _self, by the version of CPython. Its PythonState has grown. */
static const struct {
        uint16_t version;
        uint32_t sizes[2]; /* 0: none */
} known[] = {
        { 0x0308, { 136, 0 } }, { 0x0309, { 136, 0 } },   { 0x030a, { 152, 0 } },   { 0x030b, { 168, 0 } },
        { 0x030c, { 168, 0 } }, { 0x030d, { 160, 168 } }, { 0x030e, { 168, 184 } }, { 0x030f, { 184, 0 } },
};

/* _PyErr_StackItem has two pointers instead of four since 3.11. */
#define VERSION_OF_SHORT_EXCEPTIONS 0x030b
#define START 56
#define START_OF_LONG_EXCEPTIONS 72

/* PythonState: _context, _top_frame. StackState has five words. */
#define TOP_AFTER_START 48

static bool is_known_size(uint16_t version, uint32_t size)
{
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                if (known[i].version == version && size != 0 &&
                    (known[i].sizes[0] == size || known[i].sizes[1] == size))
                        return true;
        return false;
}

int greenlet_offsets_measure(const uint64_t words[static WORDS], uint64_t main, uint64_t state, uint16_t version,
                             uint32_t head, struct greenlet_offsets *ret)
{
        bool first = words[1] == main;
        uint32_t lacks = first ? 0 : 8, base = 0;

        for (uint32_t i = 2; i + 1 < WORDS; i++)
                if (words[i] == main && words[i + 1] == state) {
                        if (base)
                                return PYSTACK_E_UNSUPPORTED;
                        base = 8 * i;
                }
        if (!is_known_size(version, base + lacks))
                return PYSTACK_E_UNSUPPORTED;
        uint32_t start = version >= VERSION_OF_SHORT_EXCEPTIONS ? START : START_OF_LONG_EXCEPTIONS;
        *ret = (struct greenlet_offsets){
                .pimpl = head + 16,
                .self = first ? 8 : base,
                .start = start - lacks,
                .stop = start - lacks + 8,
                .top = start - lacks + TOP_AFTER_START,
                .base = base,
                .main = base + lacks,
                .parent = base + lacks + 16,
                .thread_state = base + 8,
        };
        return ret->parent + 8 <= GREENLET_BYTES ? 0 : PYSTACK_E_UNSUPPORTED;
}
