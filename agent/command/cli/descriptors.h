/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DESCRIPTORS_H
#define CLI_DESCRIPTORS_H

/* Allows us as many open files as anybody may have who does not use select(2); what prevents it is no error. */
void descriptors_raise(void);

#endif
