/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/*
 * Blocks SIGINT, SIGTERM and SIGHUP for the whole program and returns a
 * descriptor that becomes readable when one of them comes (signalfd), or a
 * negative errno. To be called before any thread is started. SIGPIPE is ignored.
 */
int signals_open(void);

/* The signal that has come, SIGINT, SIGTERM or SIGHUP; 0: none (any more). */
int signals_take(int fd);

/* Waits until @fd is readable: true, or until @timeout_ms has passed: false. */
int signals_wait(int fd, int timeout_ms);

#endif
