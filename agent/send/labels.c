/* SPDX-License-Identifier: Apache-2.0 */
/* See labels.h, and agent/format/series.h for what all protocols have in common. */
#include "agent/send/labels.h"
#include "agent/format/format.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

/*
 * Cleans @value for Pyroscope: valid UTF-8 of limited length, without control characters. Only forgers put those into
 * names.
 */
static size_t clean_label_value(const char *value, char ret[static SEND_LABEL_VALUE_MAX + 1])
{
        iconv_t checker = iconv_open("UTF-8", "UTF-8");
        char *in = (char *)(uintptr_t)value, *out = ret;
        size_t left = strlen(value), room = SEND_LABEL_VALUE_MAX;

        if (checker == (iconv_t)-1)
                left = 0;
        while (left > 0 && iconv(checker, &in, &left, &out, &room) == (size_t)-1 && errno != E2BIG && room > 0) {
                *out++ = '?';
                room--;
                in++;
                left--;
        }
        if (checker != (iconv_t)-1)
                iconv_close(checker);
        *out = '\0';
        for (char *c = ret; c < out; c++) {
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        *c = '_';
        }
        return (size_t)(out - ret);
}

/* Adds a label. One without a value, or for which there is no room, is left out. */
static int add_label(struct send_labels *labels, const char *name, const char *value)
{
        char text[SEND_LABEL_VALUE_MAX + 1];

        if (!value || labels->n == SEND_LABELS_MAX || clean_label_value(value, text) == 0)
                return 0;
        struct send_label label = { strdup(name), strdup(text) };
        if (!label.name || !label.value) {
                free(label.name);
                free(label.value);
                return -ENOMEM;
        }
        labels->items[labels->n++] = label;
        return 0;
}

static bool has_label(const struct send_labels *labels, const char *name)
{
        for (size_t i = 0; i < labels->n; i++) {
                if (strcmp(labels->items[i].name, name) == 0)
                        return true;
        }
        return false;
}

/* ---- podflame's own ------------------------------------------------------ */

#define SERVICE "service.name"
#define SERVICE_LABEL "service_name"

static int add_own_labels(struct send_labels *labels, const struct profile *p)
{
        struct series_labels own;
        int r = series_labels_of(p, &own);

        if (r == 0)
                r = add_label(labels, "__name__", series_name(profile_settings(p)->mode));
        if (r == 0)
                r = add_label(labels, SERVICE_LABEL, profile_attribute(p, SERVICE));
        for (size_t i = 0; r == 0 && i < SERIES_LABELS; i++)
                r = add_label(labels, series_label_names[i], own.values[i]);
        series_labels_deinit(&own);
        return r;
}

/* ---- others -------------------------------------------------------------- */

/* Attributes that podflame's own labels are made of. */
static bool is_mapped(const char *key)
{
        static const char *const mapped[] = {
                SERVICE,          "k8s.namespace.name", "k8s.pod.name", "k8s.container.name",
                "container.name", "k8s.node.name",      "host.name",    PROFILE_POD_HASH_ATTRIBUTE,
        };

        for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++) {
                if (strcmp(mapped[i], key) == 0)
                        return true;
        }
        for (size_t i = 0; i < PROFILE_OWNERS; i++) {
                if (strcmp(profile_owners[i].attribute, key) == 0)
                        return true;
        }
        return false;
}

static bool is_own_label(const char *name)
{
        for (size_t i = 0; i < SERIES_LABELS; i++) {
                if (strcmp(series_label_names[i], name) == 0)
                        return true;
        }
        return strcmp(name, SERVICE_LABEL) == 0;
}

/*
 * Makes a label's name: letters, digits and '_', not a digit first. False for names that begin with two '_', since
 * those are Pyroscope's own.
 */
static bool name_label(const char *key, char name[static SEND_LABEL_NAME_MAX])
{
        size_t n = 0;

        if (*key >= '0' && *key <= '9')
                name[n++] = '_';
        for (; *key && n + 1 < SEND_LABEL_NAME_MAX; key++) {
                bool plain = (*key >= '0' && *key <= '9') || (*key >= 'a' && *key <= 'z') ||
                             (*key >= 'A' && *key <= 'Z');

                name[n++] = plain ? *key : '_';
        }
        name[n] = '\0';
        return !*key && strncmp(name, "__", 2) != 0;
}

/*
 * Adds the other attributes, the last one first: those of the user who runs podflame come last. None replaces one of
 * podflame's labels.
 */
static int add_other_labels(struct send_labels *labels, const struct profile *p, bool all_labels)
{
        char name[SEND_LABEL_NAME_MAX];
        const char *key, *value;
        int r = 0;

        for (size_t i = profile_attributes(p); r == 0 && i-- > 0;) {
                profile_attribute_at(p, i, &key, &value);
                if ((series_is_instance(p, key) && !all_labels) || is_mapped(key) || !name_label(key, name) ||
                    is_own_label(name) || has_label(labels, name))
                        continue;
                r = add_label(labels, name, value);
        }
        return r;
}

int send_labels_make(const struct profile *p, bool all_labels, struct send_labels *ret)
{
        struct send_labels labels = { .n = 0 };
        int r = add_own_labels(&labels, p);

        if (r == 0)
                r = add_other_labels(&labels, p, all_labels);
        if (r < 0)
                send_labels_deinit(&labels);
        else
                *ret = labels;
        return r;
}

void send_labels_deinit(struct send_labels *labels)
{
        for (size_t i = 0; i < labels->n; i++) {
                free(labels->items[i].name);
                free(labels->items[i].value);
        }
        labels->n = 0;
}
