/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_ANSWER_H
#define COLLECT_ANSWER_H

#include "agent/http/http.h"

/* Fills @ret with a status and a sentence, as JSON. */
void collect_refuse(struct http_answer *ret, unsigned status, const char *sentence);

#endif
