/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen, by ncurses, which draws only what has changed and knows the terminal. A line that is too long runs into
 * the next line. That is drawn later, and covers it.
 */
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <ncurses.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static SCREEN *terminal;

/* ---- opening and closing --------------------------------------------------------------- */

/* Messages that come while the screen is drawn on. */
static struct {
        int kept, own; /* file descriptors; @own is 0 if stderr is not held back */
} said;

static void redirect_stderr(void)
{
        if (!isatty(STDERR_FILENO))
                return;
        said.kept = memfd_create("said", MFD_CLOEXEC);
        said.own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (said.kept >= 0 && said.own > 0)
                dup2(said.kept, STDERR_FILENO);
}

static void restore_stderr(void)
{
        char buffer[4096];
        off_t at = 0;

        if (said.own <= 0)
                return;
        dup2(said.own, STDERR_FILENO);
        for (ssize_t n; (n = pread(said.kept, buffer, sizeof buffer, at)) > 0; at += n)
                if (write(STDERR_FILENO, buffer, (size_t)n) != n)
                        break;
        close(said.own);
        close(said.kept);
        said.own = 0;
}

/* The bytes of a key that begin by Escape come within this time; Escape alone is the key. */
#define ESCAPE_MS 50

int screen_open(void)
{
        setlocale(LC_CTYPE, "");
        if (!isatty(STDOUT_FILENO))
                return -ENOTTY;
        terminal = newterm(NULL, stdout, stdin);
        if (!terminal)
                return -ENOTTY;
        redirect_stderr();
        cbreak();
        noecho();
        nodelay(stdscr, TRUE);
        keypad(stdscr, TRUE);
        set_escdelay(ESCAPE_MS);
        curs_set(0);
        return 0;
}

void screen_close(void)
{
        if (!terminal)
                return;
        endwin();
        delscreen(terminal);
        terminal = NULL;
        restore_stderr();
}

/* ---- drawing and keys ------------------------------------------------------------------ */

static void draw_line(int y, const char *text, size_t len, attr_t attributes)
{
        attrset(attributes);
        move(y, 0);
        clrtoeol();
        addnstr(text, (int)len);
        attrset(A_NORMAL);
}

static bool is_title(size_t y, const size_t titles[static SCREEN_TITLES_MAX])
{
        for (size_t i = 0; i < SCREEN_TITLES_MAX; i++)
                if (titles[i] == y)
                        return true;
        return false;
}

static void draw_text(const char *text, const size_t titles[static SCREEN_TITLES_MAX], const char *help)
{
        int y = 0;

        for (const char *end; y < LINES - 1 && (end = strchr(text, '\n')); text = end + 1, y++)
                draw_line(y, text, (size_t)(end - text), is_title((size_t)y, titles) ? A_REVERSE : A_NORMAL);
        move(y, 0);
        clrtobot();
        draw_line(LINES - 1, help, strlen(help), A_BOLD);
        refresh();
}

int screen_draw(const struct screen_page *page)
{
        size_t size, titles[SCREEN_TITLES_MAX] = { SIZE_MAX, SIZE_MAX };
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return -errno;
        page->write(page->ctx, LINES > 1 ? (size_t)LINES - 1 : 0, out, titles);
        int e = fclose(out) == 0 ? 0 : -errno;
        if (e == 0)
                draw_text(text, titles, page->help);
        free(text);
        return e;
}

size_t screen_columns(void)
{
        return terminal && COLS > 0 ? (size_t)COLS : 0;
}

static const struct {
        int code, key;
} keys[] = {
        { KEY_RESIZE, SCREEN_RESIZED }, { KEY_UP, SCREEN_UP },           { KEY_DOWN, SCREEN_DOWN },
        { KEY_ENTER, SCREEN_ENTER },    { '\n', SCREEN_ENTER },          { '\r', SCREEN_ENTER },
        { '\x1b', SCREEN_ESCAPE },      { KEY_BACKSPACE, SCREEN_ERASE }, { '\x7f', SCREEN_ERASE },
        { '\b', SCREEN_ERASE },
};

bool screen_key(int *ret)
{
        int code = getch();

        *ret = code;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                if (keys[i].code == code)
                        *ret = keys[i].key;
        return code != ERR;
}
