/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_PROGRESS_H
#define RECORD_PROGRESS_H

/* A bar on stderr, if stderr is a terminal. It shows how much of the time has passed. */

void progress_draw(double elapsed, double duration); /* seconds */
void progress_clear(void);

#endif
