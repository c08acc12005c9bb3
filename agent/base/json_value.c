/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One allocation holds all values. A value is first put on a stack that grows from the allocation's end. When an array
 * or an object ends, its values move to the allocation's front, one behind the other, so that each can be reached by
 * its number. No value is in both places, so the front and the stack never meet.
 */
#include "json_value.h"
#include "json_value_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An array or object whose end has not been read yet. */
struct open {
        size_t before;
        bool object;
};

struct reader {
        char *at, *end;
        struct json_value *all;
        /* @front: number of values at the front. @top: index of the stack's newest value, or of the allocation's end */
        size_t front, top;
        struct open open[JSON_VALUE_DEPTH_MAX];
        size_t depth;
        int error;
};

static bool fail_reading(struct reader *r, int error)
{
        r->error = error;
        return false;
}

static void skip_space(struct reader *r)
{
        while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
                r->at++;
}

static void push_value(struct reader *r, struct json_value value)
{
        r->all[--r->top] = value;
}

/* ---- values --------------------------------------------------------------- */

static bool take_word(struct reader *r, const char *word, enum json_value_type type)
{
        size_t len = strlen(word);

        if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
                return fail_reading(r, JSON_VALUE_E_WRONG);
        r->at += len;
        push_value(r, (struct json_value){ .type = type });
        return true;
}

static bool take_string(struct reader *r)
{
        char *text = r->at + 1;
        char *end = json_value_decode_string(text, r->end);

        if (!end)
                return fail_reading(r, JSON_VALUE_E_WRONG);
        r->at = end;
        push_value(r, (struct json_value){ .type = JSON_VALUE_STRING, .text = text });
        return true;
}

static bool take_number(struct reader *r)
{
        char *text = r->at;
        char *end = json_value_skip_number(text, r->end);

        if (!end)
                return fail_reading(r, JSON_VALUE_E_WRONG);
        r->at = end;
        push_value(r, (struct json_value){ .type = JSON_VALUE_NUMBER, .text = text });
        return true;
}

static bool open_container(struct reader *r, bool object)
{
        if (r->depth == JSON_VALUE_DEPTH_MAX)
                return fail_reading(r, JSON_VALUE_E_DEEP);
        r->open[r->depth++] = (struct open){ .before = r->top, .object = object };
        r->at++;
        return true;
}

/* Moves a container's values to the front, in order: the stack has the last one first. */
static bool close_container(struct reader *r)
{
        struct open open = r->open[--r->depth];
        size_t n = open.before - r->top;
        struct json_value *items = &r->all[r->front];

        if (open.object && n / 2 > JSON_VALUE_MEMBERS_MAX)
                return fail_reading(r, JSON_VALUE_E_MANY);
        for (size_t i = 0; i < n / 2; i++) {
                struct json_value *a = &r->all[r->top + i], *b = &r->all[open.before - 1 - i], swapped = *a;

                *a = *b;
                *b = swapped;
        }
        memmove(items, &r->all[r->top], n * sizeof(*items));
        r->front += n;
        r->top = open.before;
        r->at++;
        push_value(r, (struct json_value){ .type = open.object ? JSON_VALUE_OBJECT : JSON_VALUE_ARRAY,
                                           .items = items,
                                           .n = (uint32_t)(open.object ? n / 2 : n) });
        return true;
}

static bool take_key(struct reader *r)
{
        skip_space(r);
        if (r->at == r->end || *r->at != '"' || !take_string(r))
                return fail_reading(r, JSON_VALUE_E_WRONG);
        skip_space(r);
        if (r->at == r->end || *r->at != ':')
                return fail_reading(r, JSON_VALUE_E_WRONG);
        r->at++;
        return true;
}

/* ---- the order of values -------------------------------------------------------- */

/* Takes a value, or the beginning of an array or object: then @ret_opened is true. */
static bool take_value(struct reader *r, bool *ret_opened)
{
        skip_space(r);
        *ret_opened = r->at < r->end && (*r->at == '{' || *r->at == '[');
        if (r->at == r->end)
                return fail_reading(r, JSON_VALUE_E_WRONG);
        switch (*r->at) {
        case '{':
        case '[':
                return open_container(r, *r->at == '{');
        case '"':
                return take_string(r);
        case 'n':
                return take_word(r, "null", JSON_VALUE_NULL);
        case 't':
                return take_word(r, "true", JSON_VALUE_TRUE);
        case 'f':
                return take_word(r, "false", JSON_VALUE_FALSE);
        default:
                return take_number(r);
        }
}

static bool is_closing(const struct reader *r)
{
        return r->at < r->end && *r->at == (r->open[r->depth - 1].object ? '}' : ']');
}

/* Goes on behind a value: ends the containers that end there, and goes to the next value if there is one. */
static bool go_on_to_next_value(struct reader *r)
{
        for (;;) {
                skip_space(r);
                if (r->depth == 0)
                        return r->at == r->end || fail_reading(r, JSON_VALUE_E_WRONG);
                if (!is_closing(r))
                        break;
                if (!close_container(r))
                        return false;
        }
        if (r->at == r->end || *r->at != ',')
                return fail_reading(r, JSON_VALUE_E_WRONG);
        r->at++;
        return !r->open[r->depth - 1].object || take_key(r);
}

/* Goes on behind the beginning of a container. @ret_empty is true if the container ends there. */
static bool enter_container(struct reader *r, bool *ret_empty)
{
        skip_space(r);
        *ret_empty = is_closing(r);
        if (*ret_empty)
                return close_container(r);
        return !r->open[r->depth - 1].object || take_key(r);
}

static bool read_all_values(struct reader *r)
{
        do {
                bool opened, empty = true;

                if (!take_value(r, &opened) || (opened && !enter_container(r, &empty)))
                        return false;
                if (opened && !empty)
                        continue;
                if (!go_on_to_next_value(r))
                        return false;
        } while (r->depth > 0 || r->at < r->end);
        return true;
}

/* ---- the door --------------------------------------------------------------- */

/*
 * The most values and keys that @text can have: counts the characters that begin a value or follow one, also those in
 * strings.
 */
static size_t count_values_at_most(const char *text, size_t len)
{
        size_t n = 1;

        for (size_t i = 0; i < len; i++)
                n += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{';
        return n;
}

int json_value_read(char *text, size_t len, size_t max, struct json_value **ret_all, const struct json_value **ret)
{
        size_t n = count_values_at_most(text, len);
        struct reader r = { .at = text, .end = text + len, .top = n };

        if (n > max)
                return JSON_VALUE_E_MANY;
        r.all = reallocarray(NULL, n, sizeof(*r.all));
        if (!r.all)
                return -ENOMEM;
        if (!read_all_values(&r)) {
                free(r.all);
                return r.error;
        }
        *ret_all = r.all;
        *ret = r.all + r.top;
        return 0;
}

const struct json_value *json_value_member(const struct json_value *object, const char *key)
{
        if (!object || object->type != JSON_VALUE_OBJECT)
                return NULL;
        for (size_t i = object->n; i > 0; i--) {
                const struct json_value *member = &object->items[2 * (i - 1)];

                if (strcmp(member->text, key) == 0)
                        return member + 1;
        }
        return NULL;
}
