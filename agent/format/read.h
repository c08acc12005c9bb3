/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_READ_H
#define FORMAT_READ_H

#include "format.h"

struct json_value;
struct reading;

/* Readers of single formats, for unpacked data. On -EINVAL @ret_error gets a sentence. */
int read_folded(const char *text, size_t len, struct profile_set *ret, const char **ret_error);
int read_pprof(const void *bytes, size_t len, struct profile_set *ret, const char **ret_error);
int read_austin(const char *text, size_t len, struct profile_set *ret, const char **ret_error);
int read_mojo(const char *bytes, size_t len, struct profile_set *ret, const char **ret_error);
int read_pstats(const void *bytes, size_t len, struct profile_set *ret, const char **ret_error);
int read_jsonl(const char *text, size_t len, struct profile_set *ret, const char **ret_error);
int read_json(const char *text, size_t len, struct profile_set *ret, const char **ret_error);

/* Whether a file begins as Austin's text does, and as its binary format does. */
bool is_austin(const char *text, size_t len);
bool is_mojo(const char *bytes, size_t len);

/* Readers of single formats of JSON, in the order in which they are told apart: see read_json.c. */
int read_chrome(const struct json_value *document, struct reading *reading);
int read_gecko(const struct json_value *document, struct reading *reading);
int read_speedscope(const struct json_value *document, struct reading *reading);

/*
 * Interns a frame of a format that tells no kind. It is native code if it has no line, and its file is a shared object,
 * stands in brackets, or is a path that does not end in ".py".
 */
int read_named_frame(struct profile *p, const char *name, const char *file, uint32_t line, profile_id *ret);

#endif
