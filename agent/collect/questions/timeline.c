/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/timeline. */
#include "agent/collect/questions/timeline.h"
#include "agent/base/base.h"
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)

#define ROWS_DEFAULT 12

/* What is asked of a timeline beside the selection. */
struct wanted {
        enum label by;
        int64_t step_ns, since_ns, limit;
};

/* The first step that is told. */
static size_t first_step(const struct timeline *timeline, int64_t since_ns)
{
        int64_t first = (since_ns - timeline->start_ns + timeline->step_ns - 1) / timeline->step_ns;

        if (since_ns <= timeline->start_ns)
                return 0;
        return (uint64_t)first < timeline->steps ? (size_t)first : timeline->steps;
}

/* Rounds what has come so far, and not each step: so rounded steps add up to the whole. */
static void write_steps(const struct timeline *timeline, size_t row, size_t first, bool samples, FILE *out)
{
        double sum = 0;
        int64_t told = 0;

        putc('[', out);
        for (size_t i = 0; i < timeline->steps; i++) {
                const struct timeline_cell *cell = &timeline->cells[row * timeline->steps + i];
                int64_t until;

                sum += samples ? cell->samples : cell->ns;
                until = llround(sum);
                if (i > first)
                        putc(',', out);
                if (i >= first && samples)
                        fprintf(out, "%" PRId64, until - told);
                else if (i >= first)
                        question_write_seconds(until - told, out);
                told = until;
        }
        putc(']', out);
}

static void write_rows(const struct timeline *timeline, size_t first, FILE *out)
{
        size_t rows = timeline->shown + (timeline->shown < timeline->grouping.n);

        fputs("\"groups\":[", out);
        for (size_t row = 0; row < rows; row++) {
                if (row > 0)
                        putc(',', out);
                fputs("{\"value\":", out);
                if (row < timeline->shown)
                        escape_json(timeline->grouping.groups[row].value, out);
                else
                        fputs("\"(others)\",\"others\":true", out);
                fputs(",\"seconds\":", out);
                write_steps(timeline, row, first, false, out);
                fputs(",\"samples\":", out);
                write_steps(timeline, row, first, true, out);
                putc('}', out);
        }
        putc(']', out);
}

static void write_gaps(const struct timeline *timeline, FILE *out)
{
        fputs(",\"gaps\":[", out);
        for (size_t i = 0; i < timeline->gaps_n; i++) {
                fputs(i > 0 ? ",{\"from\":" : "{\"from\":", out);
                question_write_seconds(timeline->gaps[i].from_ns, out);
                fputs(",\"to\":", out);
                question_write_seconds(timeline->gaps[i].to_ns, out);
                putc('}', out);
        }
        fputs("],\"rates\":[", out);
        for (size_t i = 0; i < timeline->rates_n; i++)
                fprintf(out, "%s{\"hz\":%.6g,\"share\":%.6g}", i > 0 ? "," : "",
                        1e9 / (double)timeline->rates[i].period_ns,
                        (double)timeline->rates[i].slices / (double)timeline->rated);
        putc(']', out);
}

struct marking {
        FILE *out;
        size_t n;
};

static void write_mark(void *ctx, const struct group *group, int64_t at_ns)
{
        struct marking *marking = ctx;

        fputs(marking->n++ > 0 ? ",{\"at\":" : "{\"at\":", marking->out);
        question_write_seconds(at_ns, marking->out);
        fputs(",\"value\":", marking->out);
        escape_json(group->value, marking->out);
        fputs(",\"what\":\"start\"}", marking->out);
}

static void write_marks(const struct timeline *timeline, FILE *out)
{
        struct marking marking = { .out = out };

        fputs(",\"marks\":[", out);
        for (size_t i = 0; i < timeline->grouping.n; i++)
                grouping_each_start(timeline->asked, &timeline->grouping.groups[i], TIMELINE_MARKS_MAX - marking.n,
                                    write_mark, &marking);
        putc(']', out);
}

static void write_timeline(const struct timeline *timeline, const struct wanted *wanted, FILE *out)
{
        const struct asked_sum sum = collect_asked_sum(timeline->asked);
        size_t first = first_step(timeline, wanted->since_ns);

        fputs("{\"meta\":{", out);
        question_write_range(timeline->asked, out);
        fputs(",\"start\":", out);
        question_write_seconds(timeline->start_ns + (int64_t)first * timeline->step_ns, out);
        fprintf(out, ",\"step\":%" PRId64 ",\"steps\":%zu,\"by\":\"%s\",\"samples\":%" PRIu64 ",\"seconds\":",
                timeline->step_ns / SECOND_NS, timeline->steps - first, collect_label_name(wanted->by), sum.count);
        question_write_seconds((int64_t)sum.ns, out);
        fputs("},", out);
        write_rows(timeline, first, out);
        write_gaps(timeline, out);
        write_marks(timeline, out);
        putc('}', out);
}

static int answer_timeline(const struct asked *asked, const struct wanted *wanted, FILE *out)
{
        struct timeline *timeline = malloc(sizeof(*timeline));
        int r = timeline ? timeline_make(asked, wanted->by, wanted->step_ns, (size_t)wanted->limit, timeline) : -ENOMEM;

        if (r == 0)
                write_timeline(timeline, wanted, out);
        if (timeline)
                timeline_deinit(timeline);
        free(timeline);
        return r;
}

static bool read_wanted(const struct http_request *request, struct question *question, struct wanted *wanted,
                        struct http_answer *ret)
{
        int64_t step = 0;

        *wanted = (struct wanted){ .limit = ROWS_DEFAULT };
        if (!question_by(request, &wanted->by, ret) ||
            !question_number(request, "limit", TIMELINE_GROUPS_MAX, &wanted->limit, ret) ||
            !question_number(request, "step", INT32_MAX, &step, ret) ||
            !question_moment(request, "since", &wanted->since_ns, ret) || !question_read(request, question, ret))
                return false;
        wanted->step_ns = step ? step * SECOND_NS : timeline_choose_step_ns(&question->selection.range);
        if (timeline_steps(&question->selection.range, wanted->step_ns) <= TIMELINE_STEPS_MAX)
                return true;
        collect_refuse(ret, 400, "\"step\" is too short for the range: it gives more than 1000 steps");
        return false;
}

void question_timeline(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct collect_api *api = ctx;
        struct question question;
        struct written written;
        struct wanted wanted;
        struct asked asked;
        int r;

        if (!read_wanted(request, &question, &wanted, ret) || !question_write_begin(&written, ret))
                return;
        r = collect_asked_begin(api->store, &question.selection, true, &asked);
        if (r == 0) {
                r = answer_timeline(&asked, &wanted, written.out);
                collect_asked_end(&asked);
        }
        question_write_end(&written, r, ret);
}
