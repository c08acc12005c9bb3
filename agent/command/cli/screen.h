/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

/*
 * The whole terminal: lines that are drawn again and again, and keys. There is only one, since ncurses has global
 * state. Messages on stderr are held back, and shown when the screen closes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Takes the terminal. 0, or -ENOTTY if standard output is no terminal, or one that cannot be drawn on. */
int screen_open(void);

/* Restores the terminal. Without an open screen it does nothing. */
void screen_close(void);

/* The most lines that can be titles, which are drawn in reverse. */
#define SCREEN_TITLES_MAX 2

struct screen_page {
        /*
         * Writes at most @lines lines, each with its end. More are cut off. @titles: the numbers of lines that are
         * titles, from 0. They are SIZE_MAX before, which is none.
         */
        void (*write)(const void *ctx, size_t lines, FILE *out, size_t titles[static SCREEN_TITLES_MAX]);
        const void *ctx;
        const char *help; /* what keys do: the last line of the screen */
};

/* Draws the page. 0 or negative errno. */
int screen_draw(const struct screen_page *page);

/* Keys that are no characters, and the terminal's new size as a key that nobody has. */
enum {
        SCREEN_RESIZED = 0x110000,
        SCREEN_UP,
        SCREEN_DOWN,
        SCREEN_ENTER,
        SCREEN_ESCAPE,
        SCREEN_ERASE,
};

/* The width of the screen. 0: no screen is open. */
size_t screen_columns(void);

/* Whether a key was pressed. @ret is its character, a byte of it, or one of the above. Never waits. */
bool screen_key(int *ret);

#endif
