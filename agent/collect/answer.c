/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/answer.h"
#include "agent/collect/json.h"

#include <errno.h>
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

void collect_answer_error(struct http_answer *ret, int r)
{
        static const struct {
                int r;
                unsigned status;
                const char *sentence;
        } errors[] = {
                { -ENOENT, 404, "there is no such series" },
                { -ENOSPC, 503, "the disk is full" },
                { -ENOMEM, 503, "out of memory" },
        };

        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
                if (errors[i].r == r) {
                        collect_refuse(ret, errors[i].status, errors[i].sentence);
                        return;
                }
        }
        collect_refuse(ret, 500, "the store cannot be used");
}

void collect_answer_json(struct http_answer *ret, char *body)
{
        if (!body) {
                collect_refuse(ret, 500, "out of memory");
                return;
        }
        ret->status = 200;
        ret->type = "application/json";
        ret->body = body;
        ret->len = strlen(body);
}
