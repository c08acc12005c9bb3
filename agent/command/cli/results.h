/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

/* Results on standard output, and whether they were written. */

/*
 * Flushes standard output. 0, or the negative errno of the first failure, also in later calls. command_end() then
 * prints a message.
 */
int results_flush(void);

#endif
