/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_TOTALS_H
#define TOP_TOTALS_H

/*
 * The functions that have been seen so far, with what they took in the last interval
 * and since the beginning. Bounded: targets may have any number of names.
 */

#include "agent/profile/profile.h"

/* Functions told apart; what all others take is counted for BOARD_OTHERS. */
#define BOARD_MAX 16384
#define BOARD_OTHERS "(other functions)"

/* What rows are sorted by, descending. */
enum board_order {
        BOARD_SELF,  /* the last interval */
        BOARD_TOTAL,
        BOARD_SELF_TIME, /* since the beginning */
        BOARD_TOTAL_TIME,
        BOARD_ORDERS
};

struct board_row {
        const char *name, *file;          /* the board's, until it is reset */
        uint64_t figures[BOARD_ORDERS]; /* nanoseconds */
};

struct board;

struct board *board_new(void); /* NULL: out of memory */
void board_free(struct board *board); /* accepts NULL */

/* Forgets all functions. */
void board_reset(struct board *board);

/* A new interval begins: what the last one held is part of the past. */
void board_turn(struct board *board);

/* Counts what was sampled in this interval, of one process. 0 or negative errno. */
int board_add(struct board *board, const struct profile *profile);

/* The first @max rows in that order, into @ret: how many there are. None if there is no memory for it. */
size_t board_rows(const struct board *board, enum board_order order, size_t max, struct board_row *ret);

#endif
