/* SPDX-License-Identifier: Apache-2.0 */
/* There are few hundred texts, of which each is looked for once: a walk finds it. */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAB 8 /* as Python counts */

const char *profile_texts_refuse(const struct profile_texts *texts, uint64_t size)
{
        if (size > PROFILE_TEXT_BYTES_MAX)
                return "it is longer than 4 MiB";
        if (size > PROFILE_TEXTS_BYTES_MAX - texts->bytes)
                return "the files before it have taken the 32 MiB that there are for source";
        return NULL;
}

/* ---- lines ------------------------------------------------------------------------- */

/* What a text takes with spaces in place of its tabs, and how many lines it has. */
static size_t measure_text(const char *text, size_t len, size_t *ret_lines)
{
        size_t size = 0, column = 0, lines = 1;

        for (size_t i = 0; i < len; i++) {
                size_t n = text[i] == '\t' ? TAB - column % TAB : 1;

                size += n;
                column = text[i] == '\n' ? 0 : column + n;
                lines += text[i] == '\n' && i + 1 < len;
        }
        *ret_lines = len > 0 ? lines : 0;
        return size;
}

/* Copies a text to @to, and notes where its lines begin. */
static void split_text(const char *text, size_t len, char *to, uint32_t *starts)
{
        size_t at = 0, column = 0, lines = 0;

        for (size_t i = 0; i < len; i++) {
                size_t n = text[i] == '\t' ? TAB - column % TAB : 1;

                if (i == 0 || text[i - 1] == '\n')
                        starts[lines++] = (uint32_t)at;
                memset(to + at, text[i] == '\t' ? ' ' : text[i] ? text[i] : '?', n);
                at += n;
                column += n;
                if (text[i] != '\n')
                        continue;
                column = 0;
                to[at - 1] = '\0';
                if (i > 0 && text[i - 1] == '\r')
                        to[at - 2] = '\0';
        }
        to[at] = '\0';
}

/* 0, or a reason in @item->why; -ENOMEM. */
static int set_lines(struct profile_texts *texts, struct profile_text *item, const char *text, size_t len)
{
        size_t lines, size = measure_text(text, len, &lines);

        item->why = lines > PROFILE_TEXT_LINES_MAX ? "it has more than 200 000 lines"
                                                   : profile_texts_refuse(texts, size);
        if (item->why)
                return 0;
        item->text = malloc(size + 1);
        item->starts = calloc(lines + 1, sizeof(*item->starts));
        if (!item->text || !item->starts)
                return -ENOMEM;
        split_text(text, len, item->text, item->starts);
        item->lines = lines;
        texts->bytes += size;
        return 0;
}

const char *profile_text_line(const struct profile_text *text, uint32_t line)
{
        return text && text->text && line > 0 && line <= text->lines ? text->text + text->starts[line - 1] : NULL;
}

/* ---- texts --------------------------------------------------------------------------- */

static void free_text(struct profile_text *item)
{
        free(item->file);
        free(item->text);
        free(item->starts);
}

static int append_item(struct profile_texts *texts, const char *file, const char *text, size_t len, const char *why)
{
        struct profile_text *items = reallocarray(texts->items, texts->n + 1, sizeof(*items));
        struct profile_text item = { .file = strdup(file), .why = why };

        if (items)
                texts->items = items;
        if (!items || !item.file || (text && set_lines(texts, &item, text, len) < 0)) {
                free_text(&item);
                return -ENOMEM;
        }
        items[texts->n++] = item;
        return 0;
}

int profile_texts_add(struct profile_texts *texts, const char *file, char *text, size_t len, const char *why)
{
        int r = 0;

        if (texts->n < PROFILE_TEXTS_MAX)
                r = append_item(texts, file, text, len, why);
        else
                texts->left_out++;
        free(text);
        return r;
}

struct profile_text *profile_texts_find(const struct profile_texts *texts, const char *file)
{
        for (size_t i = 0; texts && i < texts->n; i++)
                if (strcmp(texts->items[i].file, file) == 0)
                        return &texts->items[i];
        return NULL;
}

void profile_texts_free(struct profile_texts *texts)
{
        for (size_t i = 0; texts && i < texts->n; i++)
                free_text(&texts->items[i]);
        if (texts)
                free(texts->items);
        free(texts);
}
