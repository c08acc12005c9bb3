/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_VALUE_TEXT_H
#define BASE_JSON_VALUE_TEXT_H

/* Strings and numbers of JSON. Both functions return NULL if there is no string or number. */

/*
 * Decodes in place the string that has its first character at @text, and ends it with a NUL. Returns a pointer behind
 * its closing quote. A NUL inside the string ends it for readers of C strings.
 */
char *json_value_decode_string(char *text, const char *end);

/* Returns a pointer behind the number that begins at @text. */
char *json_value_skip_number(char *text, const char *end);

#endif
