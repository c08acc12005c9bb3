/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of the resource. There are a dozen at most in practice, so they are in an array in the order in which they
 * were set, searched from the front.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t index_of_attribute(const struct profile *p, const char *key)
{
        size_t i = 0;

        while (i < p->attributes_n && strcmp(p->attributes[i].key, key) != 0)
                i++;
        return i;
}

static void remove_attribute(struct profile *p, size_t i)
{
        free(p->attributes[i].key);
        free(p->attributes[i].value);
        p->attributes_n--;
        memmove(&p->attributes[i], &p->attributes[i + 1], (p->attributes_n - i) * sizeof(*p->attributes));
}

static int append_attribute(struct profile *p, const char *key, char *value)
{
        if (p->attributes_n == PROFILE_ATTRIBUTES_MAX)
                return -ENOSPC;

        struct attribute *grown = realloc(p->attributes, (p->attributes_n + 1) * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        p->attributes = grown;

        char *copy = strdup(key);

        if (!copy)
                return -ENOMEM;
        p->attributes[p->attributes_n++] = (struct attribute){ .key = copy, .value = value };
        return 0;
}

int profile_set_attribute(struct profile *p, const char *key, const char *value)
{
        size_t i = index_of_attribute(p, key);

        if (!value) {
                if (i < p->attributes_n)
                        remove_attribute(p, i);
                return 0;
        }

        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        if (i < p->attributes_n) {
                free(p->attributes[i].value);
                p->attributes[i].value = copy;
                return 0;
        }

        int r = append_attribute(p, key, copy);

        if (r < 0)
                free(copy);
        return r;
}

const char *profile_attribute(const struct profile *p, const char *key)
{
        size_t i = index_of_attribute(p, key);

        return i < p->attributes_n ? p->attributes[i].value : NULL;
}

size_t profile_attributes(const struct profile *p)
{
        return p->attributes_n;
}

void profile_attribute_at(const struct profile *p, size_t i, const char **ret_key, const char **ret_value)
{
        *ret_key = p->attributes[i].key;
        *ret_value = p->attributes[i].value;
}

void profile_attributes_deinit(struct profile *p)
{
        for (size_t i = 0; i < p->attributes_n; i++) {
                free(p->attributes[i].key);
                free(p->attributes[i].value);
        }
        free(p->attributes);
        p->attributes = NULL;
        p->attributes_n = 0;
}
