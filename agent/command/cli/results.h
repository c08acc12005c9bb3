/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

/* Results on standard output: whether they have got there. */

/* Writes out what waits. 0; or, from the first failure on, its negative errno: command_end() tells of it then. */
int results_flush(void);

#endif
