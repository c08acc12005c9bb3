/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_H
#define CLI_LOG_H

/* Lines on stderr: for people, or, from a command that runs for months, for a log. May be called from any thread. */

#include <stdbool.h>
#include <stdint.h>

/* From now on lines are objects of JSON if @json, otherwise text, and the number of lines of one kind is bounded. */
void log_begin(bool json);

/* Writes a line. @kind names the kind of event: the address of its format string. */
void log_line(const char *level, const char *kind, const char *text);

/* Logs how many lines were left out, for kinds with an expired interval; if @all, for every kind. */
void log_flush(bool all);

/* The number of lines left out so far. */
uint64_t log_suppressed(void);

#endif
