/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of a process that podflame has no field for: labels of its pod or container, and what it says of itself in
 * OTEL_RESOURCE_ATTRIBUTES, "KEY=VALUE,KEY=VALUE" with percent-encoded values. It may name its service and add to its
 * description. It may never say where it runs: the kernel says that, and a process must not impersonate another one.
 */
#include "agent/find/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_ATTRIBUTES 16
#define MAX_KEY 64
#define MAX_VALUE 256

/* What podflame says itself: families of keys, and its own labels. Backends take '.' and '_' for the same. */
static const char *const families[] = {
        "container.", "host.", "k8s.", "podflame.", "process.", "profile.", "telemetry.", "thread.",
};
static const char *const labels[] = {
        "service.name", "namespace", "workload", "pod", "container", "node",
};

static int hex_digit_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into MAX_VALUE bytes, and cuts what exceeds them. An invalid escape stays as it is. */
static size_t percent_decode(const char *text, size_t len, char *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < len && n < MAX_VALUE; i++) {
                bool escape = text[i] == '%' && i + 2 < len && hex_digit_value(text[i + 1]) >= 0 &&
                              hex_digit_value(text[i + 2]) >= 0;

                ret[n++] = escape ? (char)(hex_digit_value(text[i + 1]) << 4 | hex_digit_value(text[i + 2])) : text[i];
                i += escape ? 2 : 0;
        }
        return n;
}

static void trim_spaces(const char **text, size_t *len)
{
        while (*len > 0 && **text == ' ') {
                (*text)++;
                (*len)--;
        }
        while (*len > 0 && (*text)[*len - 1] == ' ')
                (*len)--;
}

static bool is_key(const char *key, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                char lower = (char)(key[i] | 0x20);

                if (!(lower >= 'a' && lower <= 'z') && !(key[i] >= '0' && key[i] <= '9') &&
                    !(key[i] && strchr("._-/", key[i])))
                        return false;
        }
        return len > 0 && len <= MAX_KEY;
}

static bool begins_like(const char *key, size_t len, const char *name)
{
        size_t i = 0;

        while (i < len && name[i] && tolower((unsigned char)(key[i] == '_' ? '.' : key[i])) == name[i])
                i++;
        return !name[i];
}

static bool is_reserved(const char *key, size_t len)
{
        for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
                if (begins_like(key, len, families[i]))
                        return true;
        for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
                if (len == strlen(labels[i]) && begins_like(key, len, labels[i]))
                        return true;
        return false;
}

static bool has_attribute(const struct find_process *process, const char *wanted, size_t len)
{
        const char *key, *value = NULL;

        while (find_resource_next(process, &key, &value))
                if (strlen(key) == len && !memcmp(key, wanted, len))
                        return true;
        return false;
}

/* Where the next attribute is to stand. */
static size_t get_end(const char *resource)
{
        const char *end = resource;

        while (*end) {
                end += strlen(end) + 1;
                end += strlen(end) + 1;
        }
        return (size_t)(end - resource);
}

size_t find_resource_size(const char *resource)
{
        return get_end(resource) + 1;
}

/* Appends "KEY NUL VALUE NUL". One more NUL follows the last attribute. */
static void append_attribute(struct find_process *process, const char *key, size_t len, const char *value)
{
        size_t value_len = strlen(value), at = get_end(process->resource);

        if (at + len + value_len + 3 > sizeof(process->resource) || !value_len || has_attribute(process, key, len))
                return;
        memcpy(process->resource + at, key, len);
        memcpy(process->resource + at + len + 1, value, value_len + 1);
}

/* These are OpenTelemetry's semantic conventions for resources (k8s.md and container.md). */
#define POD_LABEL "k8s.pod.label."
#define CONTAINER_LABEL "container.label."

void find_resource_add_label(struct find_process *process, const char *name, const char *value)
{
        char key[FIND_RESOURCE_SIZE];
        const char *prefix = process->pod[0] || process->pod_uid[0] ? POD_LABEL : CONTAINER_LABEL;
        int len = snprintf(key, sizeof(key), "%s%s", prefix, name);

        if ((size_t)len < sizeof(key))
                append_attribute(process, key, (size_t)len, value);
}

void find_resource_add(struct find_process *process, const struct find_process *other)
{
        const char *key, *value = NULL;

        while (find_resource_next(other, &key, &value))
                append_attribute(process, key, strlen(key), value);
}

void find_resource_parse(const char *text, size_t len, struct find_process *process)
{
        const char *end = text + len, *stop;

        for (unsigned n = 0; text < end && n < MAX_ATTRIBUTES; text = stop + 1, n++) {
                char decoded[MAX_VALUE], value[MAX_VALUE];

                stop = memchr(text, ',', (size_t)(end - text));
                stop = stop ? stop : end;
                const char *equals = memchr(text, '=', (size_t)(stop - text)), *key = text;
                if (!equals)
                        continue;
                size_t key_len = (size_t)(equals - key), raw_len = (size_t)(stop - equals - 1);
                const char *raw = equals + 1;
                trim_spaces(&key, &key_len);
                trim_spaces(&raw, &raw_len);
                find_clean(decoded, percent_decode(raw, raw_len, decoded), value, sizeof(value));
                if (key_len == strlen("service.name") && !memcmp(key, "service.name", key_len))
                        find_names_set(process->service, sizeof(process->service), value, strlen(value));
                else if (is_key(key, key_len) && !is_reserved(key, key_len))
                        append_attribute(process, key, key_len, value);
        }
}

bool find_resource_next(const struct find_process *process, const char **ret_key, const char **ret_value)
{
        const char *key = *ret_value ? *ret_value + strlen(*ret_value) + 1 : process->resource;

        if (!*key)
                return false;
        *ret_key = key;
        *ret_value = key + strlen(key) + 1;
        return true;
}
