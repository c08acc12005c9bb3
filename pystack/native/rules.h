/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_RULES_H
#define PYSTACK_RULES_H

/*
 * How a frame of C code leads to its caller, by the address in it. A rule is made of the file's unwinding table when its
 * address is first met, and kept.
 */

#include "images.h"

/* Rules of a process. Each takes 128 bytes. When they are full, all are forgotten. A power of two. */
#define NATIVE_RULES_MAX 16384

/*
 * Rules that are made for one sample. Making one takes some 10 us. One for which code that is still to run is looked at
 * takes up to 0.5 ms, and counts for so many.
 */
#define NATIVE_RULES_NEW 64
#define NATIVE_RULES_AHEAD 30

struct rule {
        uint64_t pc; /* 0: a free slot */
        struct elfsym_unwind unwind;
        uint32_t image;
        bool known; /* @unwind is set; else only the frame pointer can lead on, where @by_pointer says so */
        bool by_pointer;
        bool looked_ahead; /* the code that is to run was looked at */
        bool ahead;        /* and @unwind is by that code: the caller must have made a call */
        bool calls;        /* @pc lies in a call */
        bool calls_loop;   /* and that is one of the evaluation loop */
};

struct rules {
        struct rule *slots;
        size_t mask, n;
};

void rules_deinit(struct rules *rules);
/* Forgets all rules: other code is mapped now. */
void rules_clear(struct rules *rules);

/*
 * The rule at @pc, which lies in a call if @in_call. *@budget is the number of rules that may still be made. 0;
 * PYSTACK_E_COSTLY: the budget is spent; PYSTACK_E_CORRUPT: nothing is known of this code; -ENOMEM.
 */
int rules_get(struct rules *rules, const struct pystack *py, const struct images *images, uint64_t pc, bool in_call,
              unsigned *budget, const struct rule **ret);

/* Whether a call lies before @address in the code, which is then where a call may return to. */
bool rules_is_after_call(const struct pystack *py, uint64_t address);

#endif
