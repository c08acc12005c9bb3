/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_MESSAGES_H
#define CLI_MESSAGES_H

/* Talking to people: everything but results goes to stderr, each line named. */

#include "agent/find/find.h"
#include "pystack/pystack.h"

#include <stddef.h>

/* "podflame: …" on stderr. Returns EXIT_FAILED, for `return say_error(…)`. */
int say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Room that is enough for an explanation. */
#define EXPLANATION_SIZE 768

/* Why process @pid cannot be profiled, by the error of pystack_open(), and what to do about it. */
void explain_not_profilable(pid_t pid, int error, const struct pystack_info *info, char *ret, size_t size);

/* Says why process @pid cannot be profiled, by the error of pystack_open(), and what to do about it. */
int say_not_profilable(pid_t pid, int error, const struct pystack_info *info);

/* The remedy for @pid's memory being refused: names the capability or Yama's scope. */
void explain_denial(pid_t pid, char *ret, size_t size);

/* Why process @pid is not found: it has ended, or /proc hides it. */
void explain_absence(pid_t pid, char *ret, size_t size);

/* Says that /proc hides other users' processes, if it does: before a list without them is taken for the whole. */
void say_hiding(void);

/* "3.13.0", "3.9", "3.14.0rc2", "?" */
void format_version(uint32_t version, char *ret, size_t size);

#endif
