/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/*
 * Blocks SIGINT, SIGTERM and SIGHUP for the whole program, and ignores SIGPIPE. Returns a descriptor that becomes
 * readable when one of the three comes (signalfd), or a negative errno. Call it before any thread is started.
 */
int signals_open(void);

/* Takes a signal that has come: SIGINT, SIGTERM or SIGHUP. 0 if there is none (any more). */
int signals_take(int fd);

/* Waits until @fd is readable (true), or until @timeout_ms have passed (false). */
int signals_wait(int fd, int timeout_ms);

#endif
