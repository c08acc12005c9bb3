/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_MESSAGES_H
#define CLI_MESSAGES_H

/* Messages to people. Everything but results goes to stderr, and each line begins with the program's name. */

/* Prints "podflame: …" on stderr. Returns EXIT_FAILED, for `return say_error(…)`. */
int say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
