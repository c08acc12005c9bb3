/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library: scribble() writes over memory for good. What is there, and what might be there, changes at random; now and
 * then all of it is as it was. Nobody may need what is written over: it never returns.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct region {
        volatile uint64_t *words;
        size_t n;
        uint64_t *saved; /* as many: what it held */
};

static uint64_t draw(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        return *state ^= *state << 17;
}

static void restore(const struct region *regions, size_t n)
{
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < regions[i].n; j++)
                        regions[i].words[j] = regions[i].saved[j];
}

/* A length or a pointer that a reader might believe. */
static uint64_t invent(uint64_t *state, const struct region *regions, size_t n, uint64_t was)
{
        const struct region *other = &regions[draw(state) % n];
        const uint64_t values[] = { 0,
                                    1,
                                    UINT64_MAX,
                                    (uint64_t)1 << 63,
                                    INT64_MAX,
                                    UINT32_MAX,
                                    was + 8,
                                    was ^ (draw(state) & 255),
                                    draw(state),
                                    (uintptr_t)other->words,
                                    other->saved[draw(state) % other->n],
                                    was << 1 };

        return values[draw(state) % (sizeof values / sizeof *values)];
}

void scribble(const struct region *regions, size_t n, uint64_t state)
{
        for (;;) {
                for (int damages = (int)(draw(&state) % 12); damages > 0; damages--) {
                        /* The first ones are those that are read most. */
                        const struct region *region = &regions[draw(&state) % (draw(&state) % n + 1)];
                        size_t i = draw(&state) % region->n;

                        region->words[i] = invent(&state, regions, n, region->saved[i]);
                        for (volatile int pause = (int)(draw(&state) % 20000); pause > 0; pause--)
                                ;
                }
                restore(regions, n);
        }
}
