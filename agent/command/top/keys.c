/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, by the mode that the screen is in: the table, its filter being typed, or the page that tells the keys. */
#include "keys.h"

#include "agent/command/cli/screen.h"

#include <string.h>

static const char help[] = "Keys of podflame top\n"
                           "\n"
                           "  f functions   p processes   H threads\n"
                           "  l lines       P programs    C containers\n"
                           "\n"
                           "  up, down  choose a row\n"
                           "  Enter     its callers; again: their callers\n"
                           "  Esc       back from callers, or no filter\n"
                           "  /         only rows with a text in them\n"
                           "\n"
                           "  s, t      by self or total of the interval\n"
                           "  S, T      by those of all time\n"
                           "  space     hold the display\n"
                           "  r         forget all times\n"
                           "  q         quit;  ? or h: this page\n"
                           "\n"
                           "Of threads and processes, RUN is what they ran, ALL what was sampled of them.\n"
                           "Callers: SELF is the function's own time when it was called from there.\n"
                           "-m wall shows what threads wait for, and -m gil how long the GIL is held.\n";

void keys_write_help(FILE *out)
{
        fputs(help, out);
}

const char *keys_line(struct keys *k)
{
        static const char table[] = "q quit  ? help  / filter  Enter callers  f l H p P C rows  s t S T sort";

        if (k->mode == KEYS_HELP)
                return "q quit  any other key: back";
        if (k->mode == KEYS_TABLE)
                return table;
        snprintf(k->line, sizeof k->line, "/%s_   Enter keeps the filter, Esc drops it", k->view->filter);
        return k->line;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void choose_row(struct view *v, const struct totals_row *row)
{
        snprintf(v->chosen_name, sizeof v->chosen_name, "%s", row ? row->name : "");
        snprintf(v->chosen_file, sizeof v->chosen_file, "%s", row ? row->file : "");
}

static void show_table(struct keys *k, enum tables_kind kind)
{
        k->view->kind = kind;
        choose_row(k->view, NULL);
}

static int move_down(struct keys *k)
{
        struct totals_row rows[VIEW_ROWS_MAX];
        size_t n = view_rows(k->view, rows), at = view_find_chosen(k->view, rows, n);

        if (n > 0)
                choose_row(k->view, &rows[at == SIZE_MAX ? 0 : at + 1 < n ? at + 1 : at]);
        return KEYS_DRAW;
}

static int move_up(struct keys *k)
{
        struct totals_row rows[VIEW_ROWS_MAX];
        size_t n = view_rows(k->view, rows), at = view_find_chosen(k->view, rows, n);

        if (n > 0)
                choose_row(k->view, &rows[at == SIZE_MAX || at == 0 ? 0 : at - 1]);
        return KEYS_DRAW;
}

/* Shows the callers of the chosen row, or of the first one. */
static int show_callers(struct keys *k)
{
        struct totals_row rows[VIEW_ROWS_MAX];
        size_t n = view_rows(k->view, rows), at = view_find_chosen(k->view, rows, n);
        int e = 0;

        if (n == 0 || !tables_choose(k->tables, k->view->kind, &rows[at == SIZE_MAX ? 0 : at], &e))
                return KEYS_NOTHING;
        if (e < 0)
                return e;
        if (k->view->kind != TABLES_CALLERS)
                k->before = k->view->kind;
        *k->view->filter = '\0';
        show_table(k, TABLES_CALLERS);
        return KEYS_DRAW;
}

static int go_back(struct keys *k)
{
        if (k->view->kind == TABLES_CALLERS)
                show_table(k, k->before);
        else if (*k->view->filter)
                *k->view->filter = '\0';
        else
                choose_row(k->view, NULL);
        return KEYS_DRAW;
}

static int begin_filter(struct keys *k)
{
        k->mode = KEYS_FILTER;
        return KEYS_DRAW;
}

static int show_help(struct keys *k)
{
        k->mode = KEYS_HELP;
        return KEYS_DRAW;
}

static int hold_display(struct keys *k)
{
        k->view->paused = !k->view->paused;
        return KEYS_DRAW;
}

static int ask_for_reset(struct keys *k)
{
        choose_row(k->view, NULL);
        return KEYS_RESET;
}

static int ask_for_end(struct keys *k)
{
        (void)k;
        return KEYS_QUIT;
}

static int draw_anew(struct keys *k)
{
        (void)k;
        return KEYS_DRAW;
}

static const struct {
        int key;
        int (*obey)(struct keys *keys);
} deeds[] = {
        { SCREEN_DOWN, move_down },
        { 'j', move_down },
        { SCREEN_UP, move_up },
        { 'k', move_up },
        { SCREEN_ENTER, show_callers },
        { SCREEN_ESCAPE, go_back },
        { SCREEN_ERASE, go_back },
        { '/', begin_filter },
        { '?', show_help },
        { 'h', show_help },
        { ' ', hold_display },
        { 'r', ask_for_reset },
        { 'q', ask_for_end },
        { SCREEN_RESIZED, draw_anew },
};

static const char order_keys[TOTALS_ORDERS] = {
        [TOTALS_SELF] = 's',
        [TOTALS_TOTAL] = 't',
        [TOTALS_SELF_TIME] = 'S',
        [TOTALS_TOTAL_TIME] = 'T',
};

static const char table_keys[TABLES_CALLERS] = {
        [TABLES_FUNCTIONS] = 'f', [TABLES_LINES] = 'l',    [TABLES_THREADS] = 'H',
        [TABLES_PROCESSES] = 'p', [TABLES_PROGRAMS] = 'P', [TABLES_CONTAINERS] = 'C',
};

static int obey_in_table(struct keys *k, int key)
{
        for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
                if (deeds[i].key == key)
                        return deeds[i].obey(k);
        for (enum totals_order i = 0; i < TOTALS_ORDERS; i++)
                if (order_keys[i] == key) {
                        k->view->order = i;
                        return KEYS_DRAW;
                }
        for (enum tables_kind i = 0; i < TABLES_CALLERS; i++)
                if (table_keys[i] == key) {
                        show_table(k, i);
                        return KEYS_DRAW;
                }
        return KEYS_NOTHING;
}

/* ---- the filter ---------------------------------------------------------------------------- */

/* A character may be several bytes of UTF-8: those behind the first one are 10xxxxxx. */
static void erase_last_character(char *text)
{
        size_t len = strlen(text);

        while (len > 1 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
                len--;
        text[len > 0 ? len - 1 : 0] = '\0';
}

static int obey_in_filter(struct keys *k, int key)
{
        char *filter = k->view->filter;
        size_t len = strlen(filter);

        if (key == SCREEN_ESCAPE)
                *filter = '\0';
        if (key == SCREEN_ESCAPE || key == SCREEN_ENTER)
                k->mode = KEYS_TABLE;
        else if (key == SCREEN_ERASE)
                erase_last_character(filter);
        else if (key >= ' ' && key <= 0xff && len + 1 < sizeof k->view->filter)
                memcpy(filter + len, (char[]){ (char)key, '\0' }, 2);
        return KEYS_DRAW;
}

int keys_obey(struct keys *k, int key)
{
        if (k->mode == KEYS_FILTER)
                return obey_in_filter(k, key);
        if (k->mode == KEYS_TABLE || key == SCREEN_RESIZED || key == 'q')
                return obey_in_table(k, key);
        k->mode = KEYS_TABLE;
        return KEYS_DRAW;
}
