/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data stack of 3.11 and 3.12 is a stack: a frame begins where the one that has
 * called it ends, the sizes stand in their code objects, and the top is the innermost
 * one's end. So a frame that is missing, and one that is long gone, leave a gap or
 * overlap. That shows what the links alone do not: compilers write a new frame's link
 * behind the store that makes it the running one, and then what an earlier frame at
 * this place has left there is its link for some instructions.
 *
 * Gaps there are only where C has called Python: frames that are being cleared, whose
 * objects' __del__ runs, and at the top a callee that is not linked yet. Generators'
 * frames lie elsewhere; but the thread state points to the innermost generator, so a
 * frame that has not begun, whose link may be old, must have the same one behind it.
 */
#include "fit.h"

#include "pystack/trace.h"

/* Where the frames of a chunk begin, the first one's and others': a header of three words, in the first a word more. */
#define CHUNK_DATA 24
#define CHUNK_DATA_FIRST 32

static bool begins_chunk(uint64_t addr)
{
        uint64_t at = addr & (REMOTE_PAGE - 1);

        return at == CHUNK_DATA || at == CHUNK_DATA_FIRST;
}

/* Whether what ends at @end may lie before what begins at @next. @from_c: other frames may lie between them. */
static bool is_before(uint64_t end, uint64_t next, bool from_c)
{
        return end == next || begins_chunk(next) || (from_c && end < next);
}

static bool is_begun(const struct pystack_frame *frame)
{
        return frame->instruction >= 0;
}

/* The innermost generator's frame, or the thread state's own if there is none, by the frames. */
static uint64_t innermost_exc_state(const struct pystack_thread *t, size_t n)
{
        const struct raw_frame *raw = t->py->scratch.raw;

        for (size_t i = 0; i < n; i++)
                if (!raw[i].on_data_stack)
                        return raw[i].addr - LAYOUT_EXC_STATE_BEFORE;
        return t->tstate + t->py->runtime.layout.tstate.exc_state;
}

/* The running frame, on the data stack, whose end is @end. */
static bool fits_top(const struct pystack_thread *t, const struct snapshot *s, size_t n, uint64_t end)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint64_t top = word_at(s->first, layout->tstate.chunk_top);

        if (is_begun(&t->py->scratch.frames[0]))
                return is_before(end, top, true);
        return is_before(end, top, false) && word_at(s->first, layout->tstate.exc_info) == innermost_exc_state(t, n);
}

/*
 * Whether other frames may lie before the one at @i. Of the running one only if it runs or waits for C: what
 * neither does nor stands next to its caller may have returned long ago, and be what an old cframe points to.
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
