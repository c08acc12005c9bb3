/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers from text and files, checked before they are sent: a line end in a value would begin another header. Values
 * are secrets, so no message repeats a value.
 */
#include "agent/http/client/headers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Nobody needs more headers. Servers accept about 100. */
#define LINES_MAX 64

/* The characters of RFC 9110's tokens. */
#define TOKEN_CHARS "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Headers of the request itself, which the user may not set. */
static const char *const reserved[] = {
        "connection", "content-encoding", "content-length",    "content-type", "expect",
        "host",       "idempotency-key",  "transfer-encoding",
};

int http_client_refuse(const struct http_client_config *config, int error, const char *format, ...)
{
        va_list args;

        if (config->reason) {
                va_start(args, format);
                vsnprintf(config->reason, config->reason_size, format, args);
                va_end(args);
        }
        return error;
}

/* ---- lines --------------------------------------------------------------- */

static void lines_deinit(struct http_client_lines *lines)
{
        for (size_t i = 0; i < lines->n; i++)
                free(lines->items[i]);
        free(lines->items);
        *lines = (struct http_client_lines){ 0 };
}

/* Adds @line, and consumes it. */
static int add_line(struct http_client_lines *lines, char *line)
{
        char **items = line ? reallocarray(lines->items, lines->n + 1, sizeof(*items)) : NULL;

        if (!items) {
                free(line);
                return -ENOMEM;
        }
        lines->items = items;
        lines->items[lines->n++] = line;
        return 0;
}

/* Whether text can be a value. RFC 9110 allows visible characters, spaces, tabs and bytes above ASCII. */
static bool is_value(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)text[i];

                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

static bool is_reserved(const char *name, size_t len)
{
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
                if (strlen(reserved[i]) == len && strncasecmp(reserved[i], name, len) == 0)
                        return true;
        }
        return false;
}

static void trim_value(const char **text, size_t *len)
{
        while (*len > 0 && strchr(" \t\r", (*text)[*len - 1]))
                --*len;
        while (*len > 0 && strchr(" \t", **text)) {
                ++*text;
                --*len;
        }
}

/* Parses a line. HTTP_CLIENT_E_HEADER with a reason in *@ret_why, or -ENOMEM. */
static int parse_header_line(struct http_client_lines *lines, const char *line, size_t len, const char **ret_why)
{
        size_t name = strspn(line, TOKEN_CHARS);
        const char *value;
        size_t value_len;
        char *copy;

        *ret_why = "not of the form KEY: VALUE";
        if (name == 0 || name >= len || line[name] != ':')
                return HTTP_CLIENT_E_HEADER;
        value = line + name + 1;
        value_len = len - name - 1;
        trim_value(&value, &value_len);
        if (value_len == 0)
                return HTTP_CLIENT_E_HEADER;
        *ret_why = "a control character in it";
        if (!is_value(value, value_len))
                return HTTP_CLIENT_E_HEADER;
        *ret_why = "that header is podflame's own";
        if (is_reserved(line, name))
                return HTTP_CLIENT_E_HEADER;
        *ret_why = "too many headers";
        if (lines->n == LINES_MAX)
                return HTTP_CLIENT_E_HEADER;
        if (asprintf(&copy, "%.*s: %.*s", (int)name, line, (int)value_len, value) < 0)
                return -ENOMEM;
        return add_line(lines, copy);
}

/* Parses all lines. @ret_line is the number of the last line that was read, counted from 1. */
static int parse_headers(struct http_client_lines *lines, const char *text, size_t *ret_line, const char **ret_why)
{
        int r = 0;

        *ret_line = 0;
        while (r == 0 && *text) {
                size_t end = strcspn(text, "\n"), len = end;
                const char *line = text;

                ++*ret_line;
                trim_value(&line, &len);
                if (len > 0 && *line != '#')
                        r = parse_header_line(lines, line, len, ret_why);
                text += end + (text[end] == '\n');
        }
        return r;
}

/* ---- files --------------------------------------------------------------- */

/* Takes the first line of a file: credentials are kept there. */
static int cut_to_first_line(char *text, const char **ret_why)
{
        text[strcspn(text, "\r\n")] = '\0';
        if (*text && is_value(text, strlen(text)))
                return 0;
        *ret_why = *text ? "a control character in it" : "its first line is empty";
        return HTTP_CLIENT_E_FILE;
}

static int add_token(struct http_client_lines *lines, const char *token)
{
        char *line;

        return asprintf(&line, "Authorization: Bearer %s", token) < 0 ? -ENOMEM : add_line(lines, line);
}

static int parse_token(struct http_client_lines *lines, char *text, const char **ret_why)
{
        int r = cut_to_first_line(text, ret_why);

        return r == 0 ? add_token(lines, text) : r;
}

static int parse_basic(struct http_client_lines *lines, char *text, const char **ret_why)
{
        char *encoded, *line = NULL;
        int r = cut_to_first_line(text, ret_why);

        if (r != 0)
                return r;
        if (!strchr(text, ':')) {
                *ret_why = "not of the form USER:PASSWORD";
                return HTTP_CLIENT_E_FILE;
        }
        encoded = http_client_base64(text, strlen(text));
        if (!encoded || asprintf(&line, "Authorization: Basic %s", encoded) < 0)
                line = NULL;
        free(encoded);
        return add_line(lines, line);
}

static int parse_file_headers(struct http_client_lines *lines, char *text, const char **ret_why)
{
        size_t line;

        return parse_headers(lines, text, &line, ret_why);
}

static int (*const parsers[HTTP_CLIENT_SECRETS])(struct http_client_lines *lines, char *text, const char **ret_why) = {
        [HTTP_CLIENT_SECRET_TOKEN] = parse_token,
        [HTTP_CLIENT_SECRET_BASIC] = parse_basic,
        [HTTP_CLIENT_SECRET_HEADERS] = parse_file_headers,
};

/* Reads a file of headers again. On failure @headers stays as it was. */
static int read_secret(struct http_client_headers *headers, size_t i, const char **ret_why)
{
        struct http_client_lines lines = { 0 };
        char *text;
        int r = http_client_watch_read(&headers->files[i], &text);

        if (r < 0) {
                *ret_why = strerror(-r);
                return r == -ENOMEM ? r : HTTP_CLIENT_E_FILE;
        }
        r = parsers[i](&lines, text, ret_why);
        explicit_bzero(text, strlen(text));
        free(text);
        if (r != 0) {
                lines_deinit(&lines);
                return r;
        }
        lines_deinit(&headers->of[i]);
        headers->of[i] = lines;
        return 0;
}

/* ---- public functions ------------------------------------------------------ */

static int add_fixed_headers(struct http_client_headers *headers, const struct http_client_config *config)
{
        const char *why = "";
        size_t line;
        int r;

        if (config->token) {
                if (!is_value(config->token, strlen(config->token)))
                        return http_client_refuse(config, HTTP_CLIENT_E_HEADER,
                                                  "the token has a control character in it");
                r = add_token(&headers->fixed, config->token);
                if (r < 0)
                        return r;
        }
        r = parse_headers(&headers->fixed, config->headers ? config->headers : "", &line, &why);
        return r > 0 ? http_client_refuse(config, r, "header %zu: %s", line, why) : r;
}

static int add_header_file(struct http_client_headers *headers, size_t i, const char *path,
                           const struct http_client_config *config)
{
        const char *why = "";
        int r = http_client_watch_init(&headers->files[i], path);

        if (r == 0 && path)
                r = read_secret(headers, i, &why);
        else if (r < 0)
                why = strerror(-r);
        return r == 0 || r == -ENOMEM ? r : http_client_refuse(config, HTTP_CLIENT_E_FILE, "%s: %s", path, why);
}

int http_client_headers_init(struct http_client_headers *headers, const struct http_client_config *config)
{
        const char *const paths[HTTP_CLIENT_SECRETS] = {
                [HTTP_CLIENT_SECRET_TOKEN] = config->token_file,
                [HTTP_CLIENT_SECRET_BASIC] = config->basic_file,
                [HTTP_CLIENT_SECRET_HEADERS] = config->headers_file,
        };
        int r = add_fixed_headers(headers, config);

        for (size_t i = 0; r == 0 && i < HTTP_CLIENT_SECRETS; i++)
                r = add_header_file(headers, i, paths[i], config);
        return r;
}

void http_client_headers_deinit(struct http_client_headers *headers)
{
        lines_deinit(&headers->fixed);
        for (size_t i = 0; i < HTTP_CLIENT_SECRETS; i++) {
                lines_deinit(&headers->of[i]);
                http_client_watch_deinit(&headers->files[i]);
        }
}

void http_client_headers_refresh(struct http_client_headers *headers)
{
        const char *why;

        for (size_t i = 0; i < HTTP_CLIENT_SECRETS; i++) {
                if (http_client_watch_changed(&headers->files[i]))
                        read_secret(headers, i, &why);
        }
}

static bool call_for_each_line(const struct http_client_lines *lines, bool (*add)(void *ctx, const char *line),
                               void *ctx)
{
        for (size_t i = 0; i < lines->n; i++) {
                if (!add(ctx, lines->items[i]))
                        return false;
        }
        return true;
}

bool http_client_headers_each(const struct http_client_headers *headers, bool (*add)(void *ctx, const char *line),
                              void *ctx)
{
        bool all = call_for_each_line(&headers->fixed, add, ctx);

        for (size_t i = 0; all && i < HTTP_CLIENT_SECRETS; i++)
                all = call_for_each_line(&headers->of[i], add, ctx);
        return all;
}
