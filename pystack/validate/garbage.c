/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Since 3.7 CPython has a flag in known memory that is 1 while a collection is in progress. It does not say which thread
 * collects. A finalizer or a destructor can release the GIL in the middle of a collection. Then another thread runs while
 * the flag is 1.
 *
 * From 3.15 on CPython notes the frame that the collection has interrupted. The thread that has this frame on its stack
 * collects. Up to 3.14 one of three things shows who collects.
 *
 * - The thread is the only one of its interpreter.
 * - The GIL counts how often another thread than before has taken it. If the flag was 0 at one moment, and the count is
 *   still the same, then one thread alone has held the GIL since. So that thread has begun the collection. It is the
 *   GIL's last holder.
 * - The thread holds the GIL, and is frozen while a collection is finding out what is garbage: see marking.c.
 *
 * If none of them shows, the stack is one without a collection. The README says how often that is.
 *
 * Then the innermost frame is the interrupted one, or the collector has called it: it is a finalizer's. C calls a
 * finalizer. So a call by C is in doubt, unless the program is known to make this call itself: then it was on a stack
 * while the flag was 0. Up to 3.10 a frame does not show whether C has called it, so each call is in doubt.
 */
#include "garbage.h"
#include "marking.h"
#include "pystack/trace.h"

#include <stdlib.h>
#include <string.h>

/* The calls that are known. A call that meets another one in its place replaces it. */
#define CALLS_MAX 1024

/* One span is read instead of two if the two lie no farther apart. A copied byte costs less than a span. */
#define SPAN_GAP_MAX 1024

/*
 * A span more makes a sample cost a tenth more. If this many samples in a row have noticed no collection, only one
 * sample in so many is to notice the next one.
 */
#define UNEVENTFUL_MAX 2048
#define LOOK_EVERY 8

/* Three times the number of collections, that of objects collected, and of uncollectable ones; up to 3.13. */
#define STATS_SIZE 72
#define STATS_UNTIL 0x030d

#define GIL_SIZE (LAYOUT_GIL_SWITCHES_AFTER + 8)

/* ---- where it lies ------------------------------------------------------------------- */

/* The versions whose structs lie in _PyRuntime. Later they lie in the interpreter. */
#define GC_OF_RUNTIME_UNTIL 0x0308
#define GIL_OF_RUNTIME_UNTIL 0x030b

static uint64_t start_of_struct(const struct pystack_thread *t, uint16_t of_runtime_until)
{
        return t->py->runtime.layout.version <= of_runtime_until ? t->py->info.runtime : t->interp;
}

/* From 3.12 on an interpreter may use the GIL of another one. */
static bool has_own_gil(const struct pystack_thread *t, uint64_t holder)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint64_t gil;

        return layout->interp.gil == LAYOUT_NONE ||
               (remote_read_word(&t->py->memory, t->interp + layout->interp.gil, &gil) == 0 &&
                gil + layout->gil.holder == holder);
}

/* Something to read: where it lies, and where in the bytes that are read it will be. */
struct item {
        uint64_t addr;
        uint32_t len;
        uint32_t *place;
};

static void widen_span(struct span *span, const struct item *item)
{
        uint64_t end = span->addr + span->len, item_end = item->addr + item->len;

        span->addr = item->addr < span->addr ? item->addr : span->addr;
        span->len = (uint32_t)((item_end > end ? item_end : end) - span->addr);
}

static bool is_near(const struct span *span, const struct item *item)
{
        return item->addr + SPAN_GAP_MAX >= span->addr && item->addr <= span->addr + span->len + SPAN_GAP_MAX;
}

/* Puts the first item, and what lies near it, into one span. If @apart lies elsewhere, it gets the second one. */
static void make_spans(struct garbage_place *place, const struct item *items, size_t n, const struct item *apart)
{
        struct span *near = &place->spans[0];

        *near = (struct span){ .addr = items[0].addr, .len = items[0].len };
        for (size_t i = 1; i < n; i++)
                if (is_near(near, &items[i]))
                        widen_span(near, &items[i]);
        for (size_t i = 0; i < n; i++)
                if (is_near(near, &items[i]))
                        *items[i].place = (uint32_t)(items[i].addr - near->addr);
        place->n_spans = 1;
        if (apart->place && !is_near(near, apart)) {
                place->spans[place->n_spans++] = (struct span){ .addr = apart->addr, .len = apart->len };
                *apart->place = near->len;
        }
}

static void look_up_places(struct pystack_thread *t)
{
        const struct layout *layout = &t->py->runtime.layout;
        struct garbage_place *place = &t->garbage;
        uint64_t collecting = start_of_struct(t, GC_OF_RUNTIME_UNTIL) + layout->gc.collecting;
        uint64_t holder = start_of_struct(t, GIL_OF_RUNTIME_UNTIL) + layout->gc.gil;
        uint32_t stats = layout->version <= STATS_UNTIL ? STATS_SIZE : 0;
        struct item items[5], gil = { 0 };
        size_t n = 0;

        *place = (struct garbage_place){ t->interp, .interrupted = LAYOUT_NONE, .threads_head = LAYOUT_NONE,
                                         .holder = LAYOUT_NONE, .code_generation = LAYOUT_NONE };
        place->told = layout->gc.collecting != LAYOUT_NONE;
        if (!place->told)
                return;
        items[n++] = (struct item){ collecting - stats, stats + 4, &place->collecting };
        if (layout->version > GC_OF_RUNTIME_UNTIL) /* one collector serves all interpreters up to then */
                items[n++] = (struct item){ t->interp + layout->interp.threads_head, 8, &place->threads_head };
        if (layout->gc.interrupted != LAYOUT_NONE)
                items[n++] = (struct item){ t->interp + layout->gc.interrupted, 8, &place->interrupted };
        else if (layout->gc.gil != LAYOUT_NONE && has_own_gil(t, holder))
                items[n++] = gil = (struct item){ holder, GIL_SIZE, &place->holder };
        if (layout->interp.code_generation != LAYOUT_NONE)
                items[n++] = (struct item){ t->interp + layout->interp.code_generation, 8, &place->code_generation };
        make_spans(place, items, n, &gil);
        place->collecting += stats;
}

/* The GIL's span is left out if the thread is frozen and alone. */
static unsigned count_spans(const struct pystack_thread *t, bool frozen)
{
        return frozen && t->garbage.sole ? 1 : t->garbage.n_spans;
}

size_t garbage_plan(struct pystack_thread *t, bool frozen, struct remote_batch *batch)
{
        size_t at = batch->end;

        if (t->garbage.interp != t->interp)
                look_up_places(t);
        if (!t->garbage.told)
                return GARBAGE_UNREAD;
        if (t->garbage.code_generation == LAYOUT_NONE && t->py->garbage.uneventful > UNEVENTFUL_MAX &&
            t->py->numbers.snapshot % LOOK_EVERY != 0)
                return GARBAGE_UNREAD;
        for (unsigned i = 0; i < count_spans(t, frozen); i++)
                remote_add(batch, t->garbage.spans[i].addr, t->garbage.spans[i].len);
        return at;
}

bool garbage_drop(struct pystack_thread *t, uint64_t addr)
{
        bool is_one = false;

        for (unsigned i = 0; t->garbage.told && i < t->garbage.n_spans; i++)
                is_one = is_one || t->garbage.spans[i].addr == addr;
        if (is_one)
                t->garbage.told = false;
        return is_one;
}

/* ---- the calls that the program makes ------------------------------------------------------ */

/* Of the call from the frame that lies behind frame @i. The outermost frame is called by none. */
static uint64_t hash_call(const struct pystack_stack *stack, size_t i)
{
        const struct pystack_frame *caller = i + 1 < stack->n ? &stack->frames[i + 1] : NULL;
        uint64_t hash = caller ? (uint64_t)caller->code->serial << 32 | (uint32_t)caller->instruction : 0;

        hash = (hash ^ hash >> 31) * 0x9e3779b97f4a7c15u;
        hash = (hash ^ hash >> 29 ^ stack->frames[i].code->serial) * 0xc2b2ae3d27d4eb4fu;
        return hash ^ hash >> 32;
}

/* 0 is a free place. */
static uint32_t tag_of_call(uint64_t hash)
{
        return (uint32_t)hash | 1;
}

/* Whether the collector can have called frame @i, by what the frame shows. */
static bool is_call_by_c(const struct pystack *py, size_t i)
{
        return py->runtime.layout.frame.owner == LAYOUT_NONE || py->scratch.raw[i].from_c;
}

static void note_calls(struct pystack *py, const struct pystack_stack *stack)
{
        if (!py->garbage.calls && !(py->garbage.calls = calloc(CALLS_MAX, sizeof *py->garbage.calls)))
                return;
        for (size_t i = 0; i < stack->n; i++) {
                if (!is_call_by_c(py, i))
                        continue;
                uint64_t hash = hash_call(stack, i);
                py->garbage.calls[hash >> 32 & (CALLS_MAX - 1)] = tag_of_call(hash);
        }
}

static bool is_known_call(const struct pystack *py, const struct pystack_stack *stack, size_t i)
{
        uint64_t hash = hash_call(stack, i);

        return py->garbage.calls && py->garbage.calls[hash >> 32 & (CALLS_MAX - 1)] == tag_of_call(hash);
}

/* The number of frames, from the leaf on, that the collector may have called. */
static size_t count_doubtful_frames(const struct pystack *py, const struct pystack_stack *stack)
{
        for (size_t i = stack->n; i-- > 0;)
                if (is_call_by_c(py, i) && !is_known_call(py, stack, i))
                        return i + 1;
        return 0;
}

void garbage_trim(struct pystack *py)
{
        free(py->garbage.calls);
        py->garbage.calls = NULL;
}

/* ---- who collects --------------------------------------------------------------------------- */

/* 3.15 on. The collection has interrupted @frame. */
static void look_up_interrupted(const struct pystack *py, uint64_t frame, struct pystack_stack *stack)
{
        for (size_t i = 0; i < stack->n && !stack->gc; i++) {
                stack->gc = stack->gc_certain = py->scratch.raw[i].addr == frame;
                stack->gc_at = stack->gc ? i : 0;
        }
}

/*
 * Whether @t holds the GIL for the same turn as at the last moment at which the collector did not run. The flag is read
 * before the number of switches, so that number was not larger while the flag was read. It was not smaller either, if
 * the thread is frozen and had the last turn, or if the number was the same before. A thread that is just taking the
 * GIL has become its last holder, and has not counted yet: so the holder must be the same, too.
 */
static bool is_in_known_turn(struct pystack_thread *t, const struct snapshot *s, const uint8_t *bytes, bool collects)
{
        struct garbage *garbage = &t->py->garbage;
        uint64_t switches = word_at(bytes, t->garbage.holder + LAYOUT_GIL_SWITCHES_AFTER);
        bool same = garbage->interp == t->interp && garbage->switches == switches;

        if (garbage->interp != t->interp)
                garbage->known_holder = 0;
        garbage->interp = t->interp;
        garbage->switches = switches;
        if (word_at(bytes, t->garbage.holder) != t->tstate)
                return false;
        if (!collects && (same || s->frozen)) {
                garbage->known_holder = t->tstate;
                garbage->known_turn = switches;
        }
        return garbage->known_holder == t->tstate && garbage->known_turn == switches;
}

/* A state becomes the last of the list for good. If it is the first one, too, then its thread alone can add others. */
static bool is_sole(struct pystack_thread *t, const struct snapshot *s, const uint8_t *bytes)
{
        const struct layout *layout = &t->py->runtime.layout;

        t->garbage.sole = t->garbage.threads_head != LAYOUT_NONE &&
                          word_at(bytes, t->garbage.threads_head) == t->tstate &&
                          word_at(s->second, layout->tstate.next) == 0;
        return t->garbage.sole && s->frozen;
}

/* The same if the flag was never seen 0 in this turn. From now on this turn is known to be the collector's. */
static bool is_marking(struct pystack_thread *t, const struct pystack_uninterrupted *uninterrupted,
                       const uint8_t *bytes)
{
        const struct layout *layout = &t->py->runtime.layout;
        struct garbage *garbage = &t->py->garbage;

        if (word_at(bytes, t->garbage.holder) != t->tstate ||
            !marking_is_shown(t, uninterrupted, start_of_struct(t, GC_OF_RUNTIME_UNTIL) + layout->gc.collecting,
                              start_of_struct(t, GIL_OF_RUNTIME_UNTIL) + layout->gc.gil, garbage->switches))
                return false;
        garbage->known_holder = t->tstate;
        garbage->known_turn = garbage->switches;
        return true;
}

/* Up to 3.14. */
static void judge_by_threads(struct pystack_thread *t, const struct snapshot *s,
                             const struct pystack_uninterrupted *uninterrupted, const uint8_t *bytes,
                             struct pystack_stack *stack)
{
        bool collects = half_at(bytes, t->garbage.collecting), sole = is_sole(t, s, bytes);
        bool has_gil = t->garbage.holder != LAYOUT_NONE && s->has_gil;
        bool known = (has_gil && is_in_known_turn(t, s, bytes, collects)) || sole;

        if (!collects) {
                note_calls(t->py, stack);
        } else if (known) {
                stack->gc_at = count_doubtful_frames(t->py, stack);
                stack->gc = stack->gc_at < stack->n;
                stack->gc_certain = stack->gc && stack->gc_at == 0;
        } else if (has_gil && s->frozen && is_marking(t, uninterrupted, bytes)) {
                stack->gc = stack->gc_certain = stack->n > 0;
        }
}

/* Notes whether there has been a collection since the last look. */
static void note_collections(struct pystack_thread *t, const uint8_t *bytes)
{
        struct garbage *garbage = &t->py->garbage;
        const uint8_t *stats = bytes + t->garbage.collecting - STATS_SIZE;
        uint64_t collections = word_at(stats, 0) + word_at(stats, 24) + word_at(stats, 48);

        if (collections != garbage->collections || half_at(bytes, t->garbage.collecting))
                garbage->uneventful = 0;
        garbage->collections = collections;
}

void garbage_judge(struct pystack_thread *t, const struct snapshot *s,
                   const struct pystack_uninterrupted *uninterrupted, struct pystack_stack *stack)
{
        const struct garbage_place *place = &t->garbage;

        t->py->garbage.uneventful++;
        if (s->garbage == GARBAGE_UNREAD || !place->told)
                return;
        const uint8_t *bytes = t->py->scratch.room.buf + s->garbage;
        uint32_t collecting = half_at(bytes, place->collecting);
        if (collecting > 1) {
                TRACE(&t->py->memory, .field = "gc.collecting", .expected = "0 or 1", .wanted = 1, .found = collecting);
                t->garbage.told = false;
                return;
        }
        if (t->py->runtime.layout.version <= STATS_UNTIL)
                note_collections(t, bytes);
        if (place->interrupted == LAYOUT_NONE)
                judge_by_threads(t, s, uninterrupted, bytes, stack);
        else if (collecting)
                look_up_interrupted(t->py, word_at(bytes, place->interrupted), stack);
}
