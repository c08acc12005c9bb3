/* SPDX-License-Identifier: Apache-2.0 */
/* Folded stacks with two counts, "root;…;leaf BASE NEW": the form that difffolded.pl writes and flamegraph.pl draws. */
#include "report.h"

#include "agent/base/base.h"

#include <inttypes.h>

static void write_stack(const struct profile *stacks, profile_id id, FILE *out)
{
        size_t n;
        const profile_id *frames = profile_stack(stacks, id, &n);

        while (n-- > 0) {
                const struct profile_function *function = profile_function(stacks,
                                                                           profile_frame(stacks, frames[n])->function);
                const struct walk_frame frame = { .name = function->name, .file = function->file };

                folded_frame(&frame, out);
                if (n > 0)
                        putc(';', out);
        }
}

static int folded_write(const struct compare_findings *c, FILE *out)
{
        const struct compare_result *comparison = c->comparison;

        for (uint32_t id = 1; comparison && id <= profile_stacks(comparison->stacks); id++) {
                write_stack(comparison->stacks, id, out);
                fprintf(out, " %" PRIu64 " %" PRIu64 "\n", comparison->counts[id][COMPARE_BASE],
                        comparison->counts[id][COMPARE_NEW]);
        }
        return escape_finish(out);
}

const struct compare_report report_folded = {
        .name = "folded",
        .extension = ".folded",
        .summary = "stacks with two counts, for flamegraph.pl",
        .write = folded_write,
};
