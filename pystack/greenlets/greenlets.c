/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the greenlets of a process, and when it is read. */
#include "reader.h"
#include "running.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void pystack_greenlets_want(struct pystack *py, bool wanted)
{
        py->greenlets.wanted = wanted;
}

bool pystack_greenlets_are_stale(const struct pystack *py)
{
        return py->greenlets.stale;
}

const char *pystack_greenlets_version(const struct pystack *py)
{
        return py->greenlets.version;
}

uint64_t pystack_greenlets_unread(const struct pystack *py)
{
        return py->greenlets.unread;
}

uint64_t pystack_greenlets_switching(const struct pystack *py)
{
        return py->greenlets.switching;
}

int pystack_greenlets_read(struct pystack *py, bool (*lock)(void *ctx), void (*unlock)(void *ctx), void *ctx)
{
        struct pystack_greenlets_state *state = calloc(1, sizeof *state);
        int e = state ? greenlet_places_find(py, &state->places) : -ENOMEM;

        if (state)
                memcpy(py->greenlets.version, state->places.version, sizeof state->places.version);
        if (e == 0 && lock && !lock(ctx))
                e = PYSTACK_E_HANGS;
        if (e != 0) {
                free(state);
                return e;
        }
        greenlets_free(py);
        py->greenlets.state = state;
        py->greenlets.stale = false;
        if (unlock)
                unlock(ctx);
        return 0;
}

struct greenlet_reader *greenlets_reader(struct pystack *py)
{
        struct pystack_greenlets_state *state = py->greenlets.state;

        if (!state->reader)
                state->reader = calloc(1, sizeof *state->reader);
        if (state->reader) {
                state->reader->py = py;
                state->reader->places = &state->places;
                state->reader->reading = (struct proved_reading){ .py = py, .trail = &state->reader->trail };
                trail_begin(&state->reader->trail, &py->memory);
        }
        return state->reader;
}

void greenlets_trim(struct pystack *py)
{
        if (!py->greenlets.state)
                return;
        free(py->greenlets.state->reader);
        py->greenlets.state->reader = NULL;
}

void greenlets_free(struct pystack *py)
{
        greenlets_trim(py);
        free(py->greenlets.state);
        py->greenlets.state = NULL;
}
