/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenTelemetry's environment variables. Each exists in a form for all signals and in a form for profiles, which takes
 * precedence. An endpoint for profiles is a whole URL; the protocol's path is appended to one for all signals. Headers
 * are NAME=VALUE,… with percent-encoded values (W3C Baggage without properties).
 */
#include "agent/send/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL "OTEL_EXPORTER_OTLP_"
#define PROFILES ALL "PROFILES_"

/* OpenTelemetry says that an empty variable counts as unset. */
static const char *get_nonempty(const char *name)
{
        const char *value = getenv(name);

        return value && *value ? value : NULL;
}

/* Room for the longest name, …_CLIENT_CERTIFICATE. */
#define NAME_SIZE 64

/* Finds a variable. @name gets the full name of the variable that is set. */
static const char *get_profile_variable(const char *key, char name[static NAME_SIZE])
{
        snprintf(name, NAME_SIZE, PROFILES "%s", key);
        if (!get_nonempty(name))
                snprintf(name, NAME_SIZE, ALL "%s", key);
        return get_nonempty(name);
}

static void set_text(const char **field, const char *key)
{
        char name[NAME_SIZE];

        if (!*field)
                *field = get_profile_variable(key, name);
}

static int set_compression(struct send_config *config)
{
        char name[NAME_SIZE];
        const char *value = get_profile_variable("COMPRESSION", name);

        if (!value || config->uncompressed || strcmp(value, "gzip") == 0)
                return 0;
        if (strcmp(value, "none") != 0)
                return http_client_refuse(&config->client, SEND_E_PROTOCOL, "%s: '%.64s' is neither gzip nor none",
                                          name, value);
        config->uncompressed = true;
        return 0;
}

/* Sets the timeout. It is in milliseconds, up to an hour. */
static int set_timeout(struct send_config *config)
{
        char name[NAME_SIZE];
        const char *value = get_profile_variable("TIMEOUT", name);
        char *end;
        long ms;

        if (!value || config->client.timeout_ms)
                return 0;
        errno = 0;
        ms = strtol(value, &end, 10);
        if (errno || *end || ms < 1 || ms > 3600000)
                return http_client_refuse(&config->client, SEND_E_TIMEOUT,
                                          "%s: '%.64s' is not a number of milliseconds", name, value);
        config->client.timeout_ms = (unsigned)ms;
        return 0;
}

static void set_endpoint(struct send_config *config)
{
        if (config->client.url)
                return;
        config->client.url = get_nonempty(PROFILES "ENDPOINT");
        config->url_is_whole = config->client.url;
        if (!config->client.url)
                config->client.url = get_nonempty(ALL "ENDPOINT");
}

/* ---- headers ------------------------------------------------------------- */

static int hex_digit_of(char c)
{
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int)(at - digits) % 16 : -1;
}

/* Decodes in place. A '%' that is no escape stays. False if the result has a line end or a zero byte. */
static bool unescape_percent(char *text)
{
        char *out = text;

        for (const char *in = text; *in; in++) {
                char c = *in;

                if (c == '%' && hex_digit_of(in[1]) >= 0 && hex_digit_of(in[2]) >= 0) {
                        c = (char)(hex_digit_of(in[1]) << 4 | hex_digit_of(in[2]));
                        in += 2;
                }
                if (c == '\0' || c == '\n' || c == '\r')
                        return false;
                *out++ = c;
        }
        *out = '\0';
        return true;
}

/* Writes one NAME=VALUE, @pair, as a line of send_config.headers. */
static bool write_header(FILE *out, char *pair)
{
        char *equals = strchr(pair, '=');

        if (!equals)
                return pair[strspn(pair, " \t")] == '\0';
        *equals = '\0';
        pair += strspn(pair, " \t");
        pair[strcspn(pair, " \t")] = '\0';
        if (!unescape_percent(equals + 1))
                return false;
        fprintf(out, "%s: %s\n", pair, equals + 1);
        return true;
}

static int set_headers(struct send_config *config, char **ret_storage)
{
        char name[NAME_SIZE];
        const char *value = get_profile_variable("HEADERS", name);
        char *copy, *text = NULL, *rest, *pair;
        bool valid = true;
        size_t len;
        FILE *out;

        if (!value || config->client.headers)
                return 0;
        copy = rest = strdup(value);
        out = copy ? open_memstream(&text, &len) : NULL;
        while (out && valid && (pair = strsep(&rest, ",")))
                valid = write_header(out, pair);
        free(copy);
        if (!out || fclose(out) != 0) {
                free(text);
                return -ENOMEM;
        }
        if (!valid) {
                free(text);
                return http_client_refuse(&config->client, HTTP_CLIENT_E_HEADER,
                                          "%s: not of the form NAME=VALUE,NAME=VALUE", name);
        }
        config->client.headers = *ret_storage = text;
        return 0;
}

int send_config_from_environment(struct send_config *config, char **ret_storage)
{
        struct send_config all = *config;
        char *storage = NULL;
        int r = set_compression(&all);

        if (r == 0)
                r = set_timeout(&all);
        if (r == 0)
                r = set_headers(&all, &storage);
        if (r != 0)
                return r;
        set_endpoint(&all);
        set_text(&all.client.ca_file, "CERTIFICATE");
        set_text(&all.client.cert_file, "HTTP_CLIENT_CERTIFICATE");
        set_text(&all.client.key_file, "HTTP_CLIENT_KEY");
        *config = all;
        *ret_storage = storage;
        return 0;
}
