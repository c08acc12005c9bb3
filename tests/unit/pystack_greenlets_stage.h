/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GREENLETS_STAGE_H
#define PYSTACK_GREENLETS_STAGE_H

/* A forged interpreter with greenlets, for the tests of pystack/greenlets. */

#include "pystack/greenlets/reader.h"
#include "tests/unit/pystack_forge.h"
#include "tests/unit/support/suite.h"

/* As measured in the real ones: see pystack/greenlets/offsets.c. */
struct kind {
        const char *python;
        bool old; /* up to 3.0: _self stands behind class Greenlet */
        uint32_t size;
};
#define WORLD_KINDS 12
extern const struct kind world_kinds[WORLD_KINDS];
#define EACH_KIND(k) for (const struct kind *k = world_kinds; k < world_kinds + WORLD_KINDS; k++)

#define ENTRY 48 /* of a dtv */

struct world {
        struct forge forge;
        const struct kind *kind;
        struct pystack *py;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        struct greenlet_offsets offsets;
        uint64_t type, state, main;
};

uint64_t world_impl_of(struct world *w, uint64_t greenlet);
void world_set_field(struct world *w, uint64_t greenlet, uint32_t field, uint64_t value);
/* A greenlet that has begun and not ended, and runs. Objects of the collector have a head before them. */
uint64_t world_add_greenlet(struct world *w, uint64_t parent);
void world_set_current(struct world *w, uint64_t greenlet);
/* What the module does when it leaves a greenlet whose innermost frame is @frame. */
void world_suspend(struct world *w, uint64_t greenlet, uint64_t frame);
/* A frame that is not on the running part of the data stack; the outermost one has no link. */
uint64_t world_aside(struct world *w, const char *name, uint64_t previous);
void world_run(struct world *w, const char *name);
void world_measure(struct world *w, const struct kind *k);
/* The storage of the first thread, as the module has it. Returns the thread's pthread_t. */
uint64_t world_add_storage(struct world *w);
void world_begin(struct world *w, const struct kind *k);
void world_end(struct world *w);
/* The stack's names, innermost first, with spaces between them. */
const char *world_sampled(struct world *w);

#endif
