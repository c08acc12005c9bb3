/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line tables that real interpreters made, against what they say of them
 * themselves, at every offset of the bytecode: tests/fixtures/lines/generate.py.
 */
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include "pystack/decode/lines.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_lines_real);

#define TABLES "tests/fixtures/lines/*.txt"

/* Of long functions every so manieth offset, beside those where the line changes. */
#define OFFSETS_MAX 300

struct point {
        int32_t at;
        uint32_t line; /* 0: none */
};

struct code {
        enum layout_lines kind;
        uint32_t first;
        int32_t length;
        uint8_t *table;
        size_t len, cap;
        struct point *points;
        size_t n_points, cap_points;
};

static enum layout_lines kind_of(const char *name)
{
        static const char *const names[] = {
                [LINES_LNOTAB_UNSIGNED] = "lnotab-unsigned",
                [LINES_LNOTAB_SIGNED] = "lnotab-signed",
                [LINES_RANGES] = "ranges",
                [LINES_LOCATIONS] = "locations",
        };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strcmp(names[i], name) == 0)
                        return (enum layout_lines)i;
        cr_assert_fail("%s", name);
        return LINES_LOCATIONS;
}

static void *grown(void *array, size_t *cap, size_t n, size_t size)
{
        if (n <= *cap)
                return array;
        *cap = 2 * n + 64;
        return realloc(array, *cap * size);
}

/* "BYTES" or "BYTES*N" */
static void unfold_bytes(struct code *code, char *word)
{
        char *star = strchr(word, '*');
        size_t times = star ? strtoul(star + 1, NULL, 10) : 1;
        size_t digits = star ? (size_t)(star - word) : strlen(word);

        for (size_t i = 0; i < times; i++) {
                for (size_t j = 0; j + 1 < digits; j += 2) {
                        unsigned byte;
                        cr_assert_eq(sscanf(word + j, "%2x", &byte), 1);
                        code->table = grown(code->table, &code->cap, code->len + 1, 1);
                        code->table[code->len++] = (uint8_t)byte;
                }
        }
}

/* "START:LINE", "START:-" or "START+STEP:LINE+STEP*N" */
static void unfold_lines(struct code *code, const char *word)
{
        int start, line = 0, start_step = 0, line_step = 0, times = 1;

        int found = strchr(word, '*') ? sscanf(word, "%d%d:%d%d*%d", &start, &start_step, &line, &line_step, &times)
                                      : sscanf(word, "%d:%d", &start, &line);
        cr_assert_geq(found, 1, "%s", word);
        for (int i = 0; i < times; i++) {
                code->points = grown(code->points, &code->cap_points, code->n_points + 1, sizeof *code->points);
                code->points[code->n_points++] = (struct point){
                        .at = start + i * start_step,
                        .line = (uint32_t)(line + i * line_step),
                };
        }
}

static void check_at(const struct code *code, const uint8_t *table, int32_t at, uint32_t expected, const char *path)
{
        uint32_t line = lines_find(code->kind, table, code->len, code->first, at);

        cr_expect_eq(line, expected, "%s: code of line %u, offset %d: line %u, not %u", path, code->first, at, line,
                     expected);
}

/* Returns how many offsets were compared. */
static size_t check(const struct code *code, const char *path)
{
        const uint8_t *table = (const uint8_t *)guard_copy(code->table, code->len);
        size_t step = code->n_points / OFFSETS_MAX + 1, compared = 0;

        for (size_t i = 0; i < code->n_points; i += step) {
                int32_t end = i + 1 < code->n_points ? code->points[i + 1].at : code->length;
                for (int32_t at = code->points[i].at; at < end; at++, compared++)
                        check_at(code, table, at, code->points[i].line, path);
        }
        return compared;
}

static size_t check_file(FILE *file, const char *path)
{
        struct code code = { 0 };
        size_t compared = 0, size = 0;
        char *line = NULL, *rest, kind[32];

        while (getline(&line, &size, file) > 0) {
                line[strcspn(line, "\n")] = '\0';
                rest = line;
                const char *key = strsep(&rest, " ");
                if (strcmp(key, "code") == 0) {
                        cr_assert_eq(sscanf(rest, "%31s %u %d", kind, &code.first, &code.length), 3);
                        code.kind = kind_of(kind);
                        code.len = code.n_points = 0;
                } else if (strcmp(key, "table") == 0) {
                        for (char *word; (word = strsep(&rest, " "));)
                                unfold_bytes(&code, word);
                } else if (strcmp(key, "lines") == 0) {
                        for (char *word; (word = strsep(&rest, " "));)
                                unfold_lines(&code, word);
                        compared += check(&code, path);
                }
        }
        free(line);
        free(code.table);
        free(code.points);
        return compared;
}

Test(pystack_lines_real, agree_with_the_interpreters_that_made_them)
{
        glob_t found;

        cr_assert_eq(glob(TABLES, 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                FILE *file = fopen(found.gl_pathv[i], "r");
                cr_assert(file);
                size_t compared = check_file(file, found.gl_pathv[i]);
                cr_expect_gt(compared, 1000, "%s: %zu offsets", found.gl_pathv[i], compared);
                fclose(file);
        }
        cr_expect_geq(found.gl_pathc, 11);
        globfree(&found);
}
