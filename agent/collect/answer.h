/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_ANSWER_H
#define COLLECT_ANSWER_H

#include "agent/http/http.h"

/* Fills @ret with a status and a sentence, as JSON. */
void collect_refuse(struct http_answer *ret, unsigned status, const char *sentence);

/* The same for a negative errno of the store. */
void collect_answer_error(struct http_answer *ret, int r);

/* Answers with JSON; @ret keeps its tag. Consumes @body; NULL means that memory ran out. */
void collect_answer_json(struct http_answer *ret, char *body);

#endif
