/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/tree and /api/v1/top: the stacks of a selection as a flame graph, and its functions. */
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"
#include "agent/format/format.h"

#include <errno.h>
#include <stdlib.h>

#define TOP_DEFAULT 100
#define TOP_MAX 10000

static int write_tree(const struct profile_set *set, const struct collect_meta *meta, FILE *out)
{
        char *text = collect_json_meta(meta);
        int r;

        if (!text)
                return -ENOMEM;
        fprintf(out, "{\"meta\":%s,\"tree\":", text);
        r = format_write_tree(set, out);
        putc('}', out);
        free(text);
        return r;
}

void question_tree(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct profile_set set = { 0 };
        struct collect_meta meta;
        struct written written;

        if (!question_run(ctx, request, (struct collect_query){ .apart = true, .stacks_max = TREE_MAX }, &set, &meta,
                          ret))
                return;
        if (question_write_begin(&written, ret))
                question_write_end(&written, write_tree(&set, &meta, written.out), ret);
        profile_set_deinit(&set);
}

static void answer_top(const struct profile_set *set, const struct collect_meta *meta, int64_t limit,
                       struct http_answer *ret)
{
        struct profile_top *tops = NULL;
        struct profile *shown = NULL;
        size_t n = 0;
        int r = set->n > 0 ? profile_view(set->items[0], PROFILE_VIEW_FOLDED, &shown) : 0;

        if (r == 0 && shown)
                r = profile_top(shown, (size_t)limit, &tops, &n);
        if (r == 0)
                collect_answer_json(ret, collect_json_top(tops, n, meta->samples));
        else
                collect_answer_error(ret, r);
        free(tops);
        profile_free(shown);
}

void question_top(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct profile_set set = { 0 };
        struct collect_meta meta;
        int64_t limit = TOP_DEFAULT;

        if (!question_number(request, "limit", TOP_MAX, &limit, ret) ||
            !question_run(ctx, request, (struct collect_query){ .apart = false }, &set, &meta, ret))
                return;
        answer_top(&set, &meta, limit, ret);
        profile_set_deinit(&set);
}
