/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_KEYS_H
#define TOP_KEYS_H

/* What keys do to the view of `top`. */

#include "view.h"

struct keys {
        struct view *view;
        struct tables *tables;
        enum keys_mode { KEYS_TABLE, KEYS_FILTER, KEYS_HELP } mode;
        enum tables_kind before; /* the table from which the user went to callers */
        char line[128];          /* what keys_line() returns */
};

enum keys_result { KEYS_NOTHING, KEYS_DRAW, KEYS_RESET, KEYS_QUIT };

/* Obeys a key, as screen_key() gives it. Says what is to follow, or a negative errno. */
int keys_obey(struct keys *keys, int key);

/* The last line of the screen. */
const char *keys_line(struct keys *keys);

/* Writes the page that tells all keys. */
void keys_write_help(FILE *out);

#endif
