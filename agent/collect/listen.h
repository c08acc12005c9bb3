/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_LISTEN_H
#define COLLECT_LISTEN_H

#include <stddef.h>
#include <stdint.h>

/* A listening socket at "ADDR:PORT". COLLECT_E_ADDRESS, COLLECT_E_IN_USE or -errno, each with a @reason. */
int collect_listen(const char *address, int *ret_fd, uint16_t *ret_port, char *reason, size_t reason_size);

#endif
