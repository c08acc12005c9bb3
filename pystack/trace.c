/* SPDX-License-Identifier: Apache-2.0 */
/* What was refused, told and worded. */
#include "trace.h"

#include <inttypes.h>
#include <string.h>

void trace_refusal(const struct pystack_memory *memory, const struct pystack_refusal *refusal, const char *name)
{
        struct pystack_refusal told = *refusal;

        if (!memory->trace.refused)
                return;
        told.pid = memory->pid;
        if (name)
                pystack_escape(name, strlen(name), told.name, sizeof told.name);
        memory->trace.refused(memory->trace.ctx, &told);
}

void pystack_refusal_text(const struct pystack_refusal *r, char ret[static PYSTACK_REFUSAL_SIZE])
{
        char at[32] = "", wanted[32] = "", found[32];

        if (r->address)
                snprintf(at, sizeof at, " at 0x%" PRIx64, r->address);
        if (r->wanted)
                snprintf(wanted, sizeof wanted, " (0x%" PRIx64 ")", r->wanted);
        snprintf(found, sizeof found, "0x%" PRIx64, r->found);
        snprintf(ret, PYSTACK_REFUSAL_SIZE, "%s%s%s%s: expected %s%s, found %s", r->field, at, *r->name ? " in " : "",
                 r->name, r->expected, wanted, r->unreadable ? "none" : found);
}
