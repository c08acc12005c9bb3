/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_EXPLANATIONS_H
#define CLI_EXPLANATIONS_H

/* Why a process cannot be seen or profiled, and what to do, in sentences. */

#include "pystack/pystack.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Enough room for any explanation. */
#define EXPLANATION_SIZE 768

/* Explains why process @pid cannot be profiled, and what to do. @error is pystack_open()'s. */
void explain_not_profilable(pid_t pid, int error, const struct pystack_info *info, char *ret, size_t size);

/* Prints why process @pid cannot be profiled, and what to do. @error is pystack_open()'s. */
int say_not_profilable(pid_t pid, int error, const struct pystack_info *info);

/* Explains how to allow reading @pid's memory: names the capability, or Yama's scope. */
void explain_denial(pid_t pid, char *ret, size_t size);

/* Explains why process @pid is not found: it has ended, or /proc hides it. */
void explain_absence(pid_t pid, char *ret, size_t size);

/* Prints that what some threads of process @pid wait for is unknown, since their system calls cannot be read. */
void say_calls_refused(pid_t pid);

/* Prints that /proc hides other users' processes, if it does, so that nobody takes a list without them for complete. */
void say_hiding(void);

/* Formats a version: "3.13.0", "3.9", "3.14.0rc2", "?". */
void format_version(uint32_t version, char *ret, size_t size);

#endif
