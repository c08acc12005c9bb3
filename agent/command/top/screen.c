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
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
        int code;
        enum screen_key key;
} keys[] = {
        { 'q', SCREEN_QUIT },       { 's', SCREEN_SELF },  { 't', SCREEN_TOTAL }, { 'S', SCREEN_SELF_TIME },
        { 'T', SCREEN_TOTAL_TIME }, { ' ', SCREEN_PAUSE }, { 'r', SCREEN_RESET }, { KEY_RESIZE, SCREEN_RESIZED },
};

static const char help[] = "q quit  s self  t total  S self time  T total time  space hold  r reset";

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

static void draw_text(const char *text)
{
        int y = 0;

        for (const char *end; y < LINES - 1 && (end = strchr(text, '\n')); text = end + 1, y++)
                draw_line(y, text, (size_t)(end - text), y == VIEW_HEAD_LINES - 1 ? A_REVERSE : A_NORMAL);
        move(y, 0);
        clrtobot();
        draw_line(LINES - 1, help, strlen(help), A_BOLD);
        refresh();
}

int screen_draw(const struct view *view)
{
        char *text = NULL;
        size_t size;
        int room = LINES - VIEW_HEAD_LINES - 1;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return -errno;
        view_write(view, room > 0 ? (size_t)room : 0, out);
        int e = fclose(out) == 0 ? 0 : -errno;
        if (e == 0)
                draw_text(text);
        free(text);
        return e;
}

bool screen_key(enum screen_key *ret)
{
        int code = getch();

        *ret = SCREEN_NONE;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                if (keys[i].code == code)
                        *ret = keys[i].key;
        return code != ERR;
}
