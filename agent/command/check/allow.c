/* SPDX-License-Identifier: Apache-2.0 */
/* The list of allowances. It is small and read once; it is searched for each function. */
#include "allow.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The most allowances. A longer list would not be a list of exceptions. */
#define ALLOWANCES_MAX 1000

int allow_day(long long time)
{
        time_t seconds = (time_t)time;
        struct tm day;

        if (!gmtime_r(&seconds, &day))
                return 0;
        return (day.tm_year + 1900) * 10000 + (day.tm_mon + 1) * 100 + day.tm_mday;
}

/* Parses "YYYY-MM-DD". 0 if the calendar has no such day. */
static int parse_day(const char *text, size_t len)
{
        struct tm day = { 0 };
        static const char form[] = "dddd-dd-dd";
        int year, month, mday;

        if (len != strlen(form))
                return 0;
        for (size_t i = 0; i < len; i++)
                if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
                        return 0;
        year = atoi(text);
        month = atoi(text + 5);
        mday = atoi(text + 8);
        day.tm_year = year - 1900;
        day.tm_mon = month - 1;
        day.tm_mday = mday;
        timegm(&day); /* timegm() turns a day that does not exist into another one */
        return day.tm_mon == month - 1 && day.tm_mday == mday ? year * 10000 + month * 100 + mday : 0;
}

static int report_wrong_line(char *reason, size_t line, const char *why)
{
        snprintf(reason, ALLOW_REASON_SIZE, "line %zu: %s", line, why);
        return CHECK_E_TOLD;
}

static int add_allowance(struct allow *allow, const char *function, size_t len, int day, size_t line, char *reason)
{
        struct allowance *items;
        char *copy;

        if (allow->n == ALLOWANCES_MAX)
                return report_wrong_line(reason, line, "too many lines");
        items = reallocarray(allow->items, allow->n + 1, sizeof *items);
        if (!items)
                return report_wrong_line(reason, line, strerror(ENOMEM));
        allow->items = items;
        copy = strndup(function, len);
        if (!copy)
                return report_wrong_line(reason, line, strerror(ENOMEM));
        allow->items[allow->n++] = (struct allowance){ .function = copy, .last_day = day };
        return 0;
}

/* Strips a line of its comment and of the space around it. */
static size_t strip_comment(const char **line, size_t len)
{
        const char *text = *line;

        for (size_t i = 0; i < len; i++)
                if (text[i] == '#' && (i == 0 || isspace((unsigned char)text[i - 1])))
                        len = i;
        while (len > 0 && isspace((unsigned char)*text)) {
                text++;
                len--;
        }
        while (len > 0 && isspace((unsigned char)text[len - 1]))
                len--;
        *line = text;
        return len;
}

static int parse_allowance(struct allow *allow, const char *line, size_t len, size_t number, char *reason)
{
        len = strip_comment(&line, len);
        if (len == 0)
                return 0;

        size_t date = 0, name;

        while (date < len && !isspace((unsigned char)line[date]))
                date++;
        for (name = date; name < len && isspace((unsigned char)line[name]);)
                name++;

        int day = parse_day(line, date);

        if (day == 0)
                return report_wrong_line(reason, number, "it does not begin with a day of the form 2026-12-31");
        if (name == len)
                return report_wrong_line(reason, number, "it names no function: 2026-12-31 file.py:function");
        return add_allowance(allow, line + name, len - name, day, number, reason);
}

int allow_parse(const char *text, struct allow *ret, char reason[static ALLOW_REASON_SIZE])
{
        struct allow allow = { 0 };
        size_t number = 1;
        int r = 0;

        for (const char *line = text; r == 0 && *line; number++) {
                size_t len = strcspn(line, "\n");

                r = parse_allowance(&allow, line, len, number, reason);
                line += len + (line[len] == '\n');
        }
        if (r == 0)
                *ret = allow;
        else
                allow_deinit(&allow);
        return r;
}

void allow_deinit(struct allow *allow)
{
        for (size_t i = 0; i < allow->n; i++)
                free(allow->items[i].function);
        free(allow->items);
        *allow = (struct allow){ 0 };
}

/* Whether @function names @key: they are equal, or @key has further folders before it. */
static bool is_name_of_function(const char *function, const char *key)
{
        size_t n = strlen(function), len = strlen(key);

        return len >= n && strcmp(key + len - n, function) == 0 && (len == n || key[len - n - 1] == '/');
}

void allow_apply(struct allow *allow, int today, struct compare_result *comparison)
{
        for (size_t i = 0; i < allow->n; i++)
                for (size_t k = 0; k < comparison->n; k++) {
                        struct compare_function *row = &comparison->functions[k];

                        if (!is_name_of_function(allow->items[i].function, row->key))
                                continue;
                        allow->items[i].used = true;
                        row->allowed |= today <= allow->items[i].last_day;
                }
}
