/* SPDX-License-Identifier: Apache-2.0 */
/* Labels are attributes of the resource. A label cannot set what podflame finds out itself. */
#include "labels.h"

#include "agent/command/command.h"
#include "agent/command/processes/describe.h"

#include <string.h>

#define KEY_MAX 128
#define LABEL_VALUE_MAX 1024

#define KEY_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

/* NULL, or what is wrong with the label. */
static const char *check_label(const char *text)
{
        char key[KEY_MAX + 1];
        size_t len = strcspn(text, "=");

        if (text[len] != '=')
                return "KEY=VALUE is expected";
        if (len == 0 || len > KEY_MAX || strspn(text, KEY_CHARS) != len)
                return "a key is made of letters, digits and . _ - /, 128 at most";
        memcpy(key, text, len);
        key[len] = '\0';
        if (describe_is_own(key))
                return "podflame itself says that";
        text += len + 1;
        if (!*text || strlen(text) > LABEL_VALUE_MAX)
                return "a value has 1 to 1024 bytes";
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        return "there is a control character in its value";
        return NULL;
}

int labels_check(const struct option_list *labels, const struct usage *usage)
{
        if (labels->n > LABELS_MAX)
                return options_wrong(usage, "--label: more than %d of them", LABELS_MAX);
        for (size_t i = 0; i < labels->n; i++) {
                const char *why = check_label(labels->items[i].text);
                if (why)
                        return options_wrong(usage, "--label: '%s': %s", labels->items[i].text, why);
        }
        return GO_ON;
}

static int put_label(const char *text, struct profile *profile)
{
        char key[KEY_MAX + 1] = "";
        const char *equals = strchr(text, '=');

        memcpy(key, text, (size_t)(equals - text));
        return profile_set_attribute(profile, key, equals + 1);
}

int labels_put(const struct option_list *labels, const struct profile_set *set)
{
        int r = 0;

        for (size_t i = 0; i < set->n; i++)
                for (size_t j = 0; j < labels->n && r == 0; j++)
                        r = put_label(labels->items[j].text, set->items[i]);
        return r;
}
