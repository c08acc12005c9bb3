/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_TEXTS_H
#define PROFILE_TEXTS_H

/*
 * The text of source files, for people who look at lines. It belongs to a set of profiles, never to a profile: what is
 * sent is made of profiles. It is a part of profile.h, which includes it.
 */

#include <stddef.h>

struct profile_text {
        char *file;      /* as the profiles' functions name it */
        char *text;      /* NULL: it was not read */
        size_t len;      /* bytes of @text, which may hold NULs, and has one more behind its end */
        const char *why; /* a sentence fragment, if @text is NULL: "it is longer than 2 MiB"; static storage */
};

/* {0} is empty. */
struct profile_texts {
        struct profile_text *items; /* in the order in which they were added */
        size_t n;
        const char *origin; /* what the texts are, a sentence: static storage */
};

/* Adds the text of @file, of which there is none yet. Takes @text over, also on failure. 0 or -ENOMEM. */
int profile_texts_add(struct profile_texts *texts, const char *file, char *text, size_t len, const char *why);

/* NULL: @file was never added. Accepts NULL for @texts. */
struct profile_text *profile_texts_find(const struct profile_texts *texts, const char *file);

void profile_texts_free(struct profile_texts *texts); /* accepts NULL */

#endif
