/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FORMAT_HELPER_H
#define TESTS_FORMAT_HELPER_H

#include "agent/format/format.h"
#include "tests/unit/support/suite.h"

/*
 * 10 samples of a small service at 100 Hz: <module>;handle;dumps 7 times and
 * <module>;handle 3 times.
 */
struct profile *helper_service(void);

/* A profile without attributes that holds one sample of one frame. */
struct profile *helper_frame(const char *name, const char *file, uint32_t line);

/* Adds @count samples of a stack of (name, file, line), root first. */
struct helper_frame {
        const char *name, *file;
        uint32_t first_line, line;
};
void helper_add(struct profile *p, const struct helper_frame *frames, size_t n, profile_id thread,
                enum profile_state state, uint64_t count);

/* A set of one; takes @p. */
struct profile_set helper_set(struct profile *p);

/* What @write writes, ended by a NUL that @ret_len does not count. To be freed. */
char *helper_write(int (*write)(const struct profile_set *set, FILE *out), const struct profile_set *set,
                   size_t *ret_len);

/* The same by a format's name. */
char *helper_format(const char *format, const struct profile_set *set);

/* Fails unless @format writes @expected for @set, which is deinitialised. */
void helper_expect(const char *format, struct profile_set set, const char *expected);

/*
 * All of the samples' frames as text, to be freed: for each sample "COUNT:\n" and its frames, leaf first, as
 * "KIND NAME|FILE|BUILD-ID|ADDRESS|FIRST LINE|LINE\n".
 */
char *helper_describe_frames(const struct profile *p);

/* Reads a file that ends at an unmapped page. Fails if it cannot be read. */
struct profile_set helper_read_back(const char *bytes, size_t len);

#endif
