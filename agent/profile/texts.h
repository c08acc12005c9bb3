/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_TEXTS_H
#define PROFILE_TEXTS_H

/*
 * The text of source files, for people who look at lines. It belongs to a set of profiles, never to a profile: what is
 * sent is made of profiles. It is a part of profile.h, which includes it.
 */

#include <stddef.h>
#include <stdint.h>

/* Bounds: files, bytes and lines of one, and bytes of all. A page of all of them still opens. */
#define PROFILE_TEXTS_MAX 256
#define PROFILE_TEXT_BYTES_MAX ((size_t)4 << 20)
#define PROFILE_TEXT_LINES_MAX 200000
#define PROFILE_TEXTS_BYTES_MAX ((size_t)32 << 20)

struct profile_text {
        char *file;       /* as the profiles' functions name it */
        char *text;       /* its lines, each with a NUL at its end; NULL: it was not read */
        uint32_t *starts; /* where the lines begin */
        size_t lines;
        const char *why; /* a sentence fragment, if @text is NULL: "it is longer than 4 MiB"; static storage */
};

/* {0} is empty. */
struct profile_texts {
        struct profile_text *items; /* in the order in which they were added */
        size_t n;
        size_t bytes;       /* of all of them */
        size_t left_out;    /* files beyond PROFILE_TEXTS_MAX */
        const char *origin; /* what the texts are, a sentence: static storage */
};

/* Why a text of @size bytes must not be added: a sentence fragment; NULL: it may. */
const char *profile_texts_refuse(const struct profile_texts *texts, uint64_t size);

/*
 * Adds the text of @file, of which there is none yet, or with a NULL @text the reason why there is none. @text has room
 * for a NUL at @len. It is taken over, also on failure. Tabs become spaces; a NUL becomes a question mark. If there are
 * too many files, it only counts that. 0 or -ENOMEM.
 */
int profile_texts_add(struct profile_texts *texts, const char *file, char *text, size_t len, const char *why);

/* Line @line, from 1 on. NULL: the text does not have it, or was not read. Accepts NULL. */
const char *profile_text_line(const struct profile_text *text, uint32_t line);

/* NULL: @file was never added. Accepts NULL for @texts. */
struct profile_text *profile_texts_find(const struct profile_texts *texts, const char *file);

void profile_texts_free(struct profile_texts *texts); /* accepts NULL */

#endif
