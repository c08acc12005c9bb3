/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stdio.h>

/*
 * Names come from other people's processes. Whatever a format writes of them is
 * clean text: valid UTF-8, without characters that steer a terminal or a parser.
 */

#define ESCAPE_MAX 8 /* bytes that one character becomes, at most */

/* The next character of @s (not at its end) as clean text. Returns its length. */
size_t escape_next(const char **s, char ret[static ESCAPE_MAX]);

/* All of @s as clean text, allocated; NULL: out of memory. NULL is read as "". */
char *escape_clean(const char *s);

/* Takes back in place what escape_folded() adds: \x3b becomes ';'. */
void escape_unfold(char *s);

/* Writes clean text; errors stay in ferror(). */
void escape_text(const char *s, FILE *out);
/* Likewise, for a frame of a folded stack: no ';'. */
void escape_folded(const char *s, FILE *out);
/* Likewise, as a JSON string with its quotes that is safe inside a <script>. */
void escape_json(const char *s, FILE *out);

/* Flushes @out. 0, or the negative errno of whatever write to it failed. */
int escape_finish(FILE *out);

#endif
