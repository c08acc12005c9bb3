/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_VALUE_TEXT_H
#define BASE_JSON_VALUE_TEXT_H

/* Strings and numbers of JSON. NULL: it is none. */

/*
 * Decodes the string whose first character is at @text, in its own place, and ends it with a NUL. Returns what follows
 * its closing quote. A NUL in it ends it for whoever reads it as a C string.
 */
char *json_value_decode_string(char *text, const char *end);

/* Returns what follows the number that begins at @text. */
char *json_value_skip_number(char *text, const char *end);

#endif
