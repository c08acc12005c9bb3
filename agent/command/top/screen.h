/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_SCREEN_H
#define TOP_SCREEN_H

/*
 * The whole terminal: a view that is drawn again and again, and keys. There is only one, since ncurses has global
 * state. Messages on stderr are held back, and shown when the screen closes.
 */

#include "view.h"

/* Takes the terminal. 0, or -ENOTTY if standard output is no terminal, or one that cannot be drawn on. */
int screen_open(void);

/* Restores the terminal. Without an open screen it does nothing. */
void screen_close(void);

/* Draws the view, with as many functions as there is room for. 0 or negative errno. */
int screen_draw(const struct view *view);

enum screen_key {
        SCREEN_NONE, /* a key without a meaning */
        SCREEN_QUIT,
        SCREEN_SELF, /* this and the next three are orders, as in enum totals_order */
        SCREEN_TOTAL,
        SCREEN_SELF_TIME,
        SCREEN_TOTAL_TIME,
        SCREEN_PAUSE,
        SCREEN_RESET,
        SCREEN_RESIZED,
};

/* Whether a key was pressed. @ret says which. Never waits. */
bool screen_key(enum screen_key *ret);

#endif
