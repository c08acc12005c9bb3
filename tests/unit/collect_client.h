/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_COLLECT_CLIENT_H
#define TESTS_COLLECT_CLIENT_H

#include "agent/collect/collect.h"
#include "agent/profile/profile.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* A collector on a free port of loopback; fails the test if it does not open. */
struct collect *collect_start(const char *data, uint64_t retain_s, const char *token_file);

struct reply {
        long status;
        char *headers, *body;
        size_t len;
};

/* A request with @headers (lines, NULL at the end; may be NULL). A POST if @body is not NULL. */
struct reply request(const struct collect *collect, const char *path, const char *const *headers, const void *body,
                     size_t len);
void reply_free(struct reply *reply);

/* The answer to a GET of @path, which is 200 and JSON. To be put. */
struct json_object *get_json(const struct collect *collect, const char *path);

/* Follows "a/0/b"; NULL: nothing there. */
struct json_object *at(struct json_object *json, const char *path);
int64_t number_at(struct json_object *json, const char *path);
const char *text_at(struct json_object *json, const char *path);

/* A container's profile: <module> calls work and rest, at @start_s; work 7 samples, rest 3 times @scale. */
struct profile *make_profile(const char *container, enum profile_mode mode, int64_t start_s, unsigned scale);

/* Takes @profile over, posts it and returns the status. @key may be NULL. */
long post_profile(const struct collect *collect, struct profile *profile, const char *key);

/* As post_profile() does it. */
char *encode(struct profile *profile, size_t *ret_len);

/* Makes a database one of version 3, but for its number. */
#define SQL_WITHOUT_SUMS                                              \
        "DROP TABLE sum_samples; DROP TABLE sum; DROP TABLE stretch;" \
        "DROP INDEX slice_start;"                                     \
        "CREATE INDEX slice_start ON slice (start, series, mode, count, running);"

/* Runs statements in the database of a directory that is not open, or reads a number of it. */
void run_sql(const char *dir, const char *sql);
int64_t ask_sql(const char *dir, const char *sql);

/* A new directory, whose name lives until the test ends; and its end. */
const char *make_dir(void);
void remove_dir(const char *dir);

#endif
