/* SPDX-License-Identifier: Apache-2.0 */
/* A line about waiting. The GIL comes first, since it is the interpreter's own; then the longest waits. */
#include "waits.h"

#include <stdlib.h>
#include <string.h>

/* The most kinds that are written, so that the line fits 80 columns. */
#define KINDS_TOLD 5

void waits_add(struct waits *w, const struct profile *profile)
{
        w->mode = profile_settings(profile)->mode;
        for (size_t i = 0; i < profile_samples(profile); i++) {
                const struct profile_sample *sample = profile_sample(profile, i);
                const char *kind = profile_sample_reason(profile, sample);
                size_t k = 0;
                if (sample->state == PROFILE_RUNNING) {
                        w->running_ns += sample->nanoseconds;
                        continue;
                }
                w->idle_ns += sample->nanoseconds;
                kind = kind ? kind : "unknown";
                while (k < w->n && strcmp(w->kinds[k].kind, kind) != 0)
                        k++;
                if (k == WAITS_KINDS_MAX)
                        continue;
                w->n += k == w->n;
                w->kinds[k].kind = kind;
                w->kinds[k].ns += sample->nanoseconds;
        }
}

bool waits_are_told(const struct waits *w)
{
        return (w->mode == PROFILE_MODE_WALL || w->mode == PROFILE_MODE_GIL) && w->running_ns + w->idle_ns > 0;
}

static int by_time(const void *a, const void *b)
{
        const struct waits_kind *x = a, *y = b;

        return (x->ns < y->ns) - (x->ns > y->ns);
}

void waits_write(const struct waits *waits, FILE *out)
{
        struct waits w = *waits;
        double all = (double)(w.running_ns + w.idle_ns), gil = 0;

        if (w.mode == PROFILE_MODE_GIL) {
                fprintf(out, "the GIL was held %.0f %% of the time\n", 100 * (double)w.running_ns / all);
                return;
        }
        qsort(w.kinds, w.n, sizeof *w.kinds, by_time);
        for (size_t i = 0; i < w.n; i++)
                if (strcmp(w.kinds[i].kind, "gil") == 0)
                        gil = (double)w.kinds[i].ns;
        fprintf(out, "of the threads' time: run %.0f %%, wait for the GIL %.0f %%", 100 * (double)w.running_ns / all,
                100 * gil / all);
        for (size_t i = 0, told = 0; i < w.n && told < KINDS_TOLD; i++)
                if (strcmp(w.kinds[i].kind, "gil") != 0) {
                        fprintf(out, ", %s %.0f %%", w.kinds[i].kind, 100 * (double)w.kinds[i].ns / all);
                        told++;
                }
        putc('\n', out);
}
