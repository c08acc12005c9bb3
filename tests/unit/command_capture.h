/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_COMMAND_CAPTURE_H
#define TESTS_COMMAND_CAPTURE_H

/* What a function prints, as text: one descriptor (1 or 2) at a time. */

void capture_begin(int fd);
const char *capture_end(void); /* valid until the next one */

#endif
