/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /api/v1/compare: two selections side by side, by the statistics of `podflame check`. Those test growth. What shrank
 * is found by comparing once more, with the sides exchanged.
 *
 * A side's range is cut into equal parts, which stand for the runs of a benchmark: how much a function's share varies
 * from part to part counts as chance.
 */
#include "agent/compare/compare.h"
#include "agent/base/base.h"
#include "agent/collect/answer.h"
#include "agent/collect/questions/difference.h"
#include "agent/collect/questions/questions.h"
#include "agent/format/format.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define ROWS_DEFAULT 200
#define ROWS_MAX 2000

/* The parts of a side. More would tell more of how shares vary, and take longer. */
#define PARTS 3

static void write_points(double share, FILE *out)
{
        fprintf(out, "%.6g", 100 * share);
}

static void write_change(const struct compare_change *change, double p, FILE *out)
{
        fprintf(out, "\"base\":%.6g,\"new\":%.6g,\"points\":", change->share[COMPARE_BASE], change->share[COMPARE_NEW]);
        write_points(change->change, out);
        fputs(",\"low\":", out);
        write_points(change->low, out);
        fputs(",\"high\":", out);
        write_points(change->high, out);
        if (p < 0)
                fputs(",\"p\":null", out);
        else
                fprintf(out, ",\"p\":%.3g", p);
}

static void write_function_name(const struct compare_function *row, FILE *out)
{
        fputs("\"function\":", out);
        escape_json(row->name, out);
        fputs(",\"file\":", out);
        escape_json(row->file, out);
}

static void write_row(const struct difference *difference, size_t i, FILE *out)
{
        const struct compare_result *comparison = difference->comparison;
        const struct compare_function *row = &comparison->functions[i];
        const struct difference_row *judged = &difference->rows[i];
        const char *comma = "";

        putc('{', out);
        write_function_name(row, out);
        putc(',', out);
        write_change(&row->by[COMPARE_TOTAL], judged->p[COMPARE_TOTAL], out);
        fputs(",\"self\":{", out);
        write_change(&row->by[COMPARE_SELF], judged->p[COMPARE_SELF], out);
        fprintf(out, "},\"verdict\":\"%s\",\"folded\":[", difference_verdict_name(judged->verdict));
        for (size_t j = 0; j < comparison->n; j++) {
                if (difference->rows[j].folded_into != i)
                        continue;
                fprintf(out, "%s{", comma);
                write_function_name(&comparison->functions[j], out);
                putc('}', out);
                comma = ",";
        }
        fputs("]}", out);
}

static int write_meta(const struct collect_meta metas[static COMPARE_SIDES], bool equal, FILE *out)
{
        static const char *const sides[COMPARE_SIDES] = { [COMPARE_BASE] = "base", [COMPARE_NEW] = "new" };

        fputs("{\"meta\":{", out);
        for (int side = 0; side < COMPARE_SIDES; side++) {
                char *text = collect_json_meta(&metas[side]);

                if (!text)
                        return -ENOMEM;
                fprintf(out, "\"%s\":%s,", sides[side], text);
                free(text);
        }
        fprintf(out, "\"equal\":%s},\"tree\":", equal ? "true" : "false");
        return 0;
}

static int write_comparison(struct difference *difference, size_t limit, FILE *out)
{
        const struct compare_result *comparison = difference->comparison;
        int r = difference_cut(difference, TREE_MAX);

        if (r < 0)
                return r;
        if (comparison)
                r = tree_write_compared(comparison->stacks, comparison->counts, out);
        else
                fputs("{\"name\":\"all\",\"base\":0,\"value\":0}", out);
        fputs(",\"functions\":[", out);
        for (size_t i = 0; comparison && i < comparison->n && i < limit; i++) {
                if (i > 0)
                        putc(',', out);
                write_row(difference, i, out);
        }
        fputs("],\"sentence\":", out);
        escape_json(difference->sentence, out);
        putc('}', out);
        return r;
}

static int answer_compared(const struct profile_set sets[static COMPARE_SIDES],
                           const struct collect_meta metas[static COMPARE_SIDES], size_t limit, FILE *out)
{
        struct difference difference;
        int r = difference_make(sets, &difference);

        if (r == 0)
                r = write_meta(metas, difference.equal, out);
        if (r == 0)
                r = write_comparison(&difference, limit, out);
        difference_deinit(&difference);
        return r;
}

/* Queries both sides: the new one first, since its mode is the base's. */
static int query_sides(struct store *store, struct question questions[static COMPARE_SIDES],
                       struct profile_set sets[static COMPARE_SIDES], struct collect_meta metas[static COMPARE_SIDES])
{
        int r = 0;

        for (int side = COMPARE_SIDES; r == 0 && side-- > 0;) {
                struct collect_query query = { .selection = questions[side].selection, .runs = PARTS };

                if (side == COMPARE_BASE)
                        query.selection.mode = &metas[COMPARE_NEW].mode;
                r = collect_query(store, &query, &sets[side], &metas[side]);
        }
        return r;
}

void question_compare(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct collect_api *api = ctx;
        struct question questions[COMPARE_SIDES];
        struct profile_set sets[COMPARE_SIDES] = { { 0 }, { 0 } };
        struct collect_meta metas[COMPARE_SIDES];
        struct written written;
        int64_t limit = ROWS_DEFAULT;
        int r;

        if (!question_number(request, "limit", ROWS_MAX, &limit, ret) ||
            !question_read(request, &questions[COMPARE_NEW], ret) ||
            !question_read_base(request, &questions[COMPARE_NEW], &questions[COMPARE_BASE], ret) ||
            !question_write_begin(&written, ret))
                return;
        r = query_sides(api->store, questions, sets, metas);
        if (r == 0)
                r = answer_compared(sets, metas, (size_t)limit, written.out);
        question_write_end(&written, r, ret);
        for (int side = 0; side < COMPARE_SIDES; side++)
                profile_set_deinit(&sets[side]);
}
