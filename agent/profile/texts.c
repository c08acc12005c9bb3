/* SPDX-License-Identifier: Apache-2.0 */
/* There are few hundred texts, of which each is looked for once: a walk finds it. */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int profile_texts_add(struct profile_texts *texts, const char *file, char *text, size_t len, const char *why)
{
        struct profile_text *items = reallocarray(texts->items, texts->n + 1, sizeof(*items));
        char *name = strdup(file);

        if (items)
                texts->items = items;
        if (!items || !name) {
                free(name);
                free(text);
                return -ENOMEM;
        }
        items[texts->n++] = (struct profile_text){ .file = name, .text = text, .len = len, .why = why };
        return 0;
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
        for (size_t i = 0; texts && i < texts->n; i++) {
                free(texts->items[i].file);
                free(texts->items[i].text);
        }
        if (texts)
                free(texts->items);
        free(texts);
}
