/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/groups: what was sampled, put together by a label. */
#include "agent/base/base.h"
#include "agent/collect/answer.h"
#include "agent/collect/json.h"
#include "agent/collect/questions/grouping.h"
#include "agent/collect/questions/questions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define GROUPS_DEFAULT 500
#define GROUPS_MAX 2000

/* The most ids and starts that a group tells. */
#define MEMBERS_MAX 100

struct listing {
        FILE *out;
        const char *comma;
};

static void write_start(void *ctx, const struct group *group, int64_t at_ns)
{
        struct listing *listing = ctx;

        (void)group;
        fputs(listing->comma, listing->out);
        question_write_seconds(at_ns, listing->out);
        listing->comma = ",";
}

static int write_coverage(const struct asked_sum *sum, enum profile_mode mode, FILE *out)
{
        char *text;

        if (profile_coverage(&sum->books.counters) < 0) {
                fputs("null", out);
                return 0;
        }
        text = collect_json_coverage(&sum->books, mode);
        if (!text)
                return -ENOMEM;
        fputs(text, out);
        free(text);
        return 0;
}

static int write_group(const struct asked *asked, const struct group *group, FILE *out)
{
        struct listing starts = { .out = out, .comma = "" };
        int r;

        fputs("{\"value\":", out);
        escape_json(group->value, out);
        fprintf(out, ",\"samples\":%" PRIu64 ",\"seconds\":", group->sum.count);
        question_write_seconds((int64_t)group->sum.ns, out);
        fputs(",\"first_seen\":", out);
        question_write_seconds(group->first_seen_ns, out);
        fputs(",\"last_seen\":", out);
        question_write_seconds(group->last_seen_ns, out);
        fputs(",\"series\":[", out);
        for (size_t i = 0; i < group->n && i < MEMBERS_MAX; i++)
                fprintf(out, "%s%" PRId64, i > 0 ? "," : "", group->series[i]->id);
        fprintf(out, "],\"instances\":%zu,\"starts\":[", group->instances);
        grouping_each_start(asked, group, MEMBERS_MAX, write_start, &starts);
        fputs("],\"coverage\":", out);
        r = write_coverage(&group->sum, asked->mode, out);
        putc('}', out);
        return r;
}

static int write_groups(const struct asked *asked, const struct grouping *grouping, enum label by, size_t limit,
                        FILE *out)
{
        const struct asked_sum sum = collect_asked_sum(asked);
        size_t shown = grouping->n < limit ? grouping->n : limit;
        int r = 0;

        fputs("{\"meta\":{", out);
        question_write_range(asked, out);
        fprintf(out, ",\"by\":\"%s\",\"groups\":%zu,\"shown\":%zu,\"samples\":%" PRIu64 ",\"seconds\":",
                collect_label_name(by), grouping->n, shown, sum.count);
        question_write_seconds((int64_t)sum.ns, out);
        fputs("},\"groups\":[", out);
        for (size_t i = 0; r == 0 && i < shown; i++) {
                if (i > 0)
                        putc(',', out);
                r = write_group(asked, &grouping->groups[i], out);
        }
        fputs("]}", out);
        return r;
}

void question_groups(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct collect_api *api = ctx;
        struct grouping grouping = { 0 };
        struct question question;
        struct written written;
        struct asked asked;
        int64_t limit = GROUPS_DEFAULT;
        enum label by;
        int r;

        if (!question_by(request, &by, ret) || !question_number(request, "limit", GROUPS_MAX, &limit, ret) ||
            !question_read(request, &question, ret) || !question_write_begin(&written, ret))
                return;
        r = collect_asked_begin(api->store, &question.selection, true, &asked);
        if (r == 0) {
                r = grouping_make(&asked, by, &grouping);
                if (r == 0)
                        r = write_groups(&asked, &grouping, by, (size_t)limit, written.out);
                grouping_deinit(&grouping);
                collect_asked_end(&asked);
        }
        question_write_end(&written, r, ret);
}
