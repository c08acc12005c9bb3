/* SPDX-License-Identifier: Apache-2.0 */
/* The bar is drawn over itself, and is removed at the end. */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define BAR_DONE "##############################"
#define BAR_LEFT ".............................."

/* Room for the longest number of seconds, twice, and the words around them. */
#define TEXT_WIDTH 30

void progress_draw(double elapsed, double duration)
{
        int filled = (int)(BAR_WIDTH * elapsed / duration);

        if (isatty(STDERR_FILENO))
                fprintf(stderr, "\r%.*s%.*s %.0f of %.0f s ", filled, BAR_DONE, BAR_WIDTH - filled, BAR_LEFT, elapsed,
                        duration);
}

void progress_clear(void)
{
        if (isatty(STDERR_FILENO))
                fprintf(stderr, "\r%*s\r", BAR_WIDTH + TEXT_WIDTH, "");
}
