/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that frames lie end to end. The data stack of 3.11 and 3.12 is a stack: a frame begins where its caller
 * ends, and the top is where the innermost frame ends. Code objects have the sizes of their frames. So a frame that
 * is missing leaves a gap, and a frame that has returned long ago overlaps.
 *
 * The links alone do not show that. Some compilers write a new frame's link after the store that makes the frame the
 * running one. For some instructions its link is what an earlier frame has left in that place.
 *
 * A gap may be where C has called Python: it holds frames that are being cleared, while __del__ of their objects
 * runs. At the top it holds a callee that is not linked yet. Frames of generators lie elsewhere. But the thread state
 * points to the innermost generator. If a frame has not begun, its link may be old, so it must have that same
 * generator behind it.
 */
#include "fit.h"

#include "pystack/trace.h"

/* Offsets at which the frames of a chunk begin: a header has three words; the first chunk leaves one more word free. */
#define CHUNK_DATA 24
#define CHUNK_DATA_FIRST 32

static bool begins_chunk(uint64_t addr)
{
        uint64_t at = addr & (REMOTE_PAGE - 1);

        return at == CHUNK_DATA || at == CHUNK_DATA_FIRST;
}

/*
 * Whether a frame that ends at @end may lie before one that begins at @next. @from_c: other frames may lie between
 * them.
 */
static bool is_before(uint64_t end, uint64_t next, bool from_c)
{
        return end == next || begins_chunk(next) || (from_c && end < next);
}

static bool is_begun(const struct pystack_frame *frame)
{
        return frame->instruction >= 0;
}

/*
 * The exception state of the innermost generator among the frames, or that of the thread state if there is no
 * generator.
 */
static uint64_t innermost_exc_state(const struct pystack_thread *t, size_t n)
{
        const struct raw_frame *raw = t->py->scratch.raw;

        for (size_t i = 0; i < n; i++)
                if (!raw[i].on_data_stack)
                        return raw[i].addr - LAYOUT_EXC_STATE_BEFORE;
        return t->tstate + t->py->runtime.layout.tstate.exc_state;
}

/* Whether the running frame, which lies on the data stack and ends at @end, fits the top of the data stack. */
static bool fits_top(const struct pystack_thread *t, const struct snapshot *s, size_t n, uint64_t end)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint64_t top = word_at(s->first, layout->tstate.chunk_top);

        if (is_begun(&t->py->scratch.frames[0]))
                return is_before(end, top, true);
        return is_before(end, top, false) && word_at(s->first, layout->tstate.exc_info) == innermost_exc_state(t, n);
}

/*
 * Whether other frames may lie before the one at @i. For the running frame that is so only if it runs or waits for C.
 * One that does neither, and does not lie next to its caller, may have returned long ago: an old cframe points to it.
 */
static bool is_called_from_c(const struct raw_frame *raw, size_t i)
{
        return raw[i].from_c && !(i == 0 && raw[i].at_rest);
}

bool fit_frames(const struct pystack_thread *t, const struct snapshot *s, size_t n)
{
        const struct pystack_memory *memory = &t->py->memory;
        const struct raw_frame *raw = t->py->scratch.raw;
        uint32_t top = t->py->runtime.layout.tstate.chunk_top;
        uint64_t next = word_at(s->first, top);
        bool from_c = true;

        if (next != word_at(s->second, top))
                return REFUSE(memory, false, .field = "tstate.datastack_top", .address = t->tstate + top,
                              .expected = "the same in both readings", .wanted = next,
                              .found = word_at(s->second, top));
        for (size_t i = 0; i < n; i++) {
                uint64_t end = raw[i].addr + t->named[n - 1 - i].entry->frame_size;
                if (i == 0 && raw[i].on_data_stack && !fits_top(t, s, n, end))
                        return REFUSE(memory, false, .field = "running frame", .address = raw[i].addr,
                                      .expected = "an end at the top of the data stack", .wanted = next, .found = end);
                if (raw[i].on_data_stack && !is_before(end, next, from_c))
                        return REFUSE(memory, false, .field = "calling frame", .address = raw[i].addr,
                                      .expected = "an end at the frame that it called", .wanted = next, .found = end);
                from_c = is_called_from_c(raw, i) || (from_c && !raw[i].on_data_stack);
                next = raw[i].on_data_stack ? raw[i].addr : next;
        }
        return true;
}
