/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/answer.h"
#include "agent/collect/json.h"

#include <string.h>

void collect_refuse(struct http_answer *ret, unsigned status, const char *sentence)
{
        char *body = collect_json_error(status, sentence);

        *ret = (struct http_answer){
                .status = status,
                .type = "application/json",
                .body = body,
                .len = body ? strlen(body) : 0,
        };
}
