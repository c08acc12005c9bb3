/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a range is read: what lies in it of the longest stretches that are summed by their sums, what is left by those of
 * shorter ones, and what is then left by slices.
 */
#include "agent/collect/store_sql.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)

const int64_t store_spans[STORE_SPANS] = { 300 * SECOND_NS, 3600 * SECOND_NS, 21600 * SECOND_NS };

static int add_piece(struct store_plan *plan, const struct store_piece *piece)
{
        struct store_piece *last = plan->n > 0 ? &plan->pieces[plan->n - 1] : NULL;

        if (piece->from_ns >= piece->to_ns)
                return 0;
        if (last && last->span_ns == piece->span_ns && last->to_ns == piece->from_ns) {
                last->to_ns = piece->to_ns;
                return 0;
        }
        if (plan->n == plan->size) {
                size_t size = plan->size > 0 ? plan->size * 2 : 8;
                struct store_piece *grown = reallocarray(plan->pieces, size, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                plan->pieces = grown;
                plan->size = size;
        }
        plan->pieces[plan->n++] = *piece;
        return 0;
}

/* Adds the stretches of one span that are summed, coalesced where they follow each other. */
static int list_stretches(struct store_connection *connection, const struct store_piece *within, int64_t span_ns,
                          bool far, struct store_plan *ret)
{
        sqlite3_stmt *s = store_statement(connection, SQL_STRETCHES);
        int code, r = 0;

        sqlite3_bind_int64(s, 1, within->from_ns);
        sqlite3_bind_int64(s, 2, within->to_ns);
        sqlite3_bind_int64(s, 3, span_ns);
        sqlite3_bind_int(s, 4, far);
        while (r == 0 && (code = sqlite3_step(s)) != SQLITE_DONE) {
                int64_t start = sqlite3_column_int64(s, 0);

                r = code == SQLITE_ROW ? add_piece(ret, &(struct store_piece){ span_ns, start, start + span_ns })
                                       : store_errno(code);
        }
        sqlite3_reset(s);
        return r;
}

/* Divides each slice piece of @coarse further, by the stretches of a shorter span. */
static int refine_plan(struct store_connection *connection, const struct store_plan *coarse, int64_t span_ns, bool far,
                       struct store_plan *ret)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < coarse->n; i++) {
                const struct store_piece *piece = &coarse->pieces[i];
                struct store_plan stretches = { 0 };
                int64_t at = piece->from_ns;

                if (piece->span_ns) {
                        r = add_piece(ret, piece);
                        continue;
                }
                r = list_stretches(connection, piece, span_ns, far, &stretches);
                for (size_t j = 0; r == 0 && j < stretches.n; j++) {
                        r = add_piece(ret, &(struct store_piece){ 0, at, stretches.pieces[j].from_ns });
                        if (r == 0)
                                r = add_piece(ret, &stretches.pieces[j]);
                        at = stretches.pieces[j].to_ns;
                }
                if (r == 0)
                        r = add_piece(ret, &(struct store_piece){ 0, at, piece->to_ns });
                free(stretches.pieces);
        }
        return r;
}

int store_plan(struct store_connection *connection, const struct store_range *range, int spans, bool far,
               struct store_plan *ret)
{
        int r;

        *ret = (struct store_plan){ 0 };
        r = add_piece(ret, &(struct store_piece){ 0, range->from_ns, range->to_ns });
        for (int i = spans; r == 0 && i-- > 0;) {
                struct store_plan finer = { 0 };

                r = refine_plan(connection, ret, store_spans[i], far, &finer);
                free(ret->pieces);
                *ret = finer;
        }
        return r;
}
