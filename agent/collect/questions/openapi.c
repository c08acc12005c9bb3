/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/openapi.json: the API's description, which is embedded. */
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"
#include "agent/format/embed.h"

#include <string.h>

EMBED_SOURCE(question_openapi_json, "agent/collect/openapi.json");

void question_openapi(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        (void)ctx;
        (void)request;
        collect_answer_json(
                ret, strndup(question_openapi_json, (size_t)(question_openapi_json_end - question_openapi_json)));
}
