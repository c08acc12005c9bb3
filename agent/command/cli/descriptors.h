/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DESCRIPTORS_H
#define CLI_DESCRIPTORS_H

/*
 * Raises the limit of open files as far as the hard limit allows; podflame does not use select(2). A failure is
 * ignored.
 */
void descriptors_raise(void);

#endif
