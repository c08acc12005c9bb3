/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_QUESTIONS_H
#define COLLECT_QUESTIONS_H

/* The questions of the API, GET /api/v1/…; and what they share: the parameters that select, and writing JSON. */

#include "agent/collect/api.h"
#include "agent/collect/asked.h"
#include "agent/collect/query.h"

#include <stdio.h>

void question_series(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_groups(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_timeline(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_tree(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_top(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_openapi(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_compare(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_export(void *ctx, const struct http_request *request, struct http_answer *ret);
void question_function(void *ctx, const struct http_request *request, struct http_answer *ret);

/* ---- answers -------------------------------------------------------------- */

/* The most stacks of a tree. A screen has some 2000 columns; rarer stacks are thinner than one. */
#define TREE_MAX 4000

/* ---- parameters ----------------------------------------------------------- */

/* The most filters of a question, and the most bytes of a value. A pod's name has up to 253 characters. */
#define FILTERS_MAX 32
#define FILTER_MAX_BYTES 1024

/* What the parameters of a selection say. It refers to the request, and to itself: it must not be moved. */
struct question {
        struct collect_selection selection;
        enum profile_mode mode;
        struct collect_filter filters[2 * FILTERS_MAX]; /* a base may have its own, and those of the new side */
};

/* Reads the selection. False: @ret has the refusal. */
bool question_read(const struct http_request *request, struct question *question, struct http_answer *ret);

/*
 * Reads the selection of a comparison's base, whose parameters begin with "base.". What is absent is taken from the new
 * side: its filters for each label that the base has no filter for. False: @ret has the refusal.
 */
bool question_read_base(const struct http_request *request, const struct question *new_side, struct question *question,
                        struct http_answer *ret);

/* Runs a query. @query says how, @request what is selected. False: @ret has the reason. */
bool question_run(struct collect_api *api, const struct http_request *request, struct collect_query query,
                  struct profile_set *ret_set, struct collect_meta *ret_meta, struct http_answer *ret);

/* A number from 1 to @max; @ret stays as it is if there is no such parameter. False: @answer has the refusal. */
bool question_number(const struct http_request *request, const char *name, int64_t max, int64_t *ret,
                     struct http_answer *answer);

/* A moment in Unix seconds, likewise. */
bool question_moment(const struct http_request *request, const char *name, int64_t *ret_ns, struct http_answer *answer);

/* The label that "by" names. It has to be there. */
bool question_by(const struct http_request *request, enum label *ret, struct http_answer *answer);

/* ---- answers -------------------------------------------------------------- */

/* Text that grows; what it becomes. */
struct written {
        FILE *out;
        char *text;
        size_t len;
};
bool question_write_begin(struct written *written, struct http_answer *ret);
/* Answers with what was written as JSON; @ret keeps its tag. @r: a negative errno if that failed. */
void question_write_end(struct written *written, int r, struct http_answer *ret);

/* Nanoseconds as seconds, without rounding. */
void question_write_seconds(int64_t ns, FILE *out);

/* "from":…,"to":…,"mode":…,"modes":[…] */
void question_write_range(const struct asked *asked, FILE *out);

#endif
