/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stdio.h>

/*
 * Names come from other people's processes. Whatever a format writes of them is clean text: valid UTF-8, without
 * characters that control a terminal or a parser.
 */

#define ESCAPE_MAX 8 /* the most bytes that one character becomes */

/*
 * Writes the next character of @s (which is not at its end) as clean text, and moves @s behind it. Returns the length
 * written.
 */
size_t escape_next(const char **s, char ret[static ESCAPE_MAX]);

/* All of @s as clean text, allocated. NULL if memory ran out. A NULL @s counts as "". */
char *escape_clean(const char *s);

/* Reverses in place what escape_folded() adds: \x3b becomes ';'. */
void escape_unfold(char *s);

/* Writes clean text; errors stay in ferror(). */
void escape_text(const char *s, FILE *out);
/* Like escape_text(), for a frame of a folded stack: it also escapes ';'. */
void escape_folded(const char *s, FILE *out);
/* Writes a JSON string with its quotes that is safe inside a <script>. Errors stay in ferror(). */
void escape_json(const char *s, FILE *out);

/* Flushes @out. 0, or the negative errno of the write to it that failed. */
int escape_finish(FILE *out);

#endif
