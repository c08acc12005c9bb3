/* SPDX-License-Identifier: Apache-2.0 */
/* Proves and names the frames of coroutines. */
#include "reader.h"

#include "pystack/validate/proved.h"

int coroutine_name_frames(struct task_reader *r)
{
        const struct coroutine_chain *chain = &r->chain;
        const struct proved_reading reading = {
                .py = r->py, .trail = &r->trail, .interp = r->interp, .generation = r->generation
        };
        int e = 0;

        for (size_t i = 0; e == 0 && i < chain->n; i++)
                e = proved_frame(&reading, &chain->frames[i], &r->frames[chain->n - 1 - i]);
        return e;
}
