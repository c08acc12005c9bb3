/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_SCREEN_H
#define TOP_SCREEN_H

/*
 * The terminal as a whole: a view that is drawn over itself, and keys. One at a time;
 * ncurses has global state. What is said on stderr meanwhile is shown when it closes.
 */

#include "view.h"

/* Takes the terminal: 0, or -ENOTTY if standard output is none, or none that can be drawn on. */
int screen_open(void);

/* Gives it back as it was. Without an open screen it does nothing. */
void screen_close(void);

/* Draws as many functions as there is room for. 0 or negative errno. */
int screen_draw(const struct view *view);

enum screen_key {
        SCREEN_NONE, /* no key that means anything */
        SCREEN_QUIT,
        SCREEN_SELF, /* orders, as in enum totals_order */
        SCREEN_TOTAL,
        SCREEN_SELF_TIME,
        SCREEN_TOTAL_TIME,
        SCREEN_HOLD,
        SCREEN_RESET,
        SCREEN_RESIZED,
};

/* Whether a key was pressed; @ret: which. Never waits. */
bool screen_key(enum screen_key *ret);

#endif
