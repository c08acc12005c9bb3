/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_STORE_H
#define COLLECT_STORE_H

/*
 * The store: series, and the slices of time in which they were sampled. Any thread may call it; one writer and one
 * reader can work at the same time.
 *
 * Moments are nanoseconds since 1970. Errors: -ENOMEM, -ENOSPC, -EIO.
 */

#include "agent/profile/profile.h"

struct store;

/* Opens the store in the directory @dir, which is made if needed; NULL: in memory. COLLECT_E_STORE with a @reason. */
int store_open(const char *dir, struct store **ret, char *reason, size_t reason_size);
void store_close(struct store *store); /* accepts NULL */

/* ---- writing ------------------------------------------------------------- */

/* Between begin and end only the calling thread can write. If @keep is false, everything is undone. */
int store_begin(struct store *store);
int store_end(struct store *store, bool keep);

/* Sets @ret_new if @key is new. From now on it is known. */
int store_remember(struct store *store, const char *key, int64_t now_ns, bool *ret_new);

/* Finds or stores a thing, and gives its id. @seen_ns is the start of the slice that needs it. */
int store_series(struct store *store, const char *key, const char *attributes, int64_t seen_ns, int64_t *ret);
int store_function(struct store *store, const struct profile_function *function, int64_t seen_ns, int64_t *ret);
/* @frames has pairs of (function id, line), leaf first, packed. Native code has its address in place of the line. */
int store_stack(struct store *store, const void *frames, size_t len, int64_t seen_ns, int64_t *ret);

struct store_slice {
        int64_t series;
        enum profile_mode mode;
        int64_t start_ns, duration_ns;
        uint64_t count, running_ns;              /* sums over all samples */
        const struct profile_counters *counters; /* the books; NULL: none */
        uint64_t period_ns;
        const void *samples; /* packed (difference of stack ids; state; count; nanoseconds) */
        size_t len;
};
int store_slice(struct store *store, const struct store_slice *slice);

/* Whether none of the times exceeds @max. */
bool store_books_fit(const struct profile_counters *counters, uint64_t max);

/* ---- reading ------------------------------------------------------------- */

/* Between begin and end, readers see the same state of the store. */
int store_read_begin(struct store *store);
void store_read_end(struct store *store);

struct store_range {
        int64_t from_ns, to_ns; /* the range of the starts of slices: [from, to) */
        int64_t series;         /* 0: all, or those of @among */
        const int64_t *among;   /* ids of series, in ascending order; NULL: all */
        size_t among_n;
};

/* Sums over the slices with accounted time. Only the times of their counters are summed. */
struct store_books {
        struct profile_counters counters;
        uint64_t period_ns; /* the mean period, weighted by accounted time */
};

/* A row of the list of series. */
struct store_series {
        int64_t id;
        const char *attributes; /* JSON object, valid until the callback returns */
        int64_t first_seen_ns, last_seen_ns;
};

/* Calls back for each series, or for the one with id @series, in ascending order of ids. */
int store_each_series(struct store *store, int64_t series, int (*visit)(void *ctx, const struct store_series *series),
                      void *ctx);

/*
 * What is known of a slice without its samples; or of all slices of a series and a mode that start in one stretch of
 * time, for which there is a sum. Then start and duration are the stretch's.
 */
struct store_total {
        int64_t series;
        enum profile_mode mode;
        int64_t start_ns, duration_ns;
        uint64_t slices, count, running_ns;
        struct store_books books;
        bool summed;

        /* Of a slice: as in store_slice, NULL if they were not asked for. */
        const void *samples;
        size_t len;

        /* Of a sum. */
        uint64_t ns;                /* of all samples */
        double over_count, over_ns; /* the parts that lie beyond the stretch's end, in the next stretch */
        const void *periods;        /* packed (period in nanoseconds, number of slices); without unknown periods */
        size_t periods_len;
};

/* How totals are wanted. */
struct store_how {
        bool samples;    /* those of slices, too */
        int64_t step_ns; /* only sums of stretches that lie in one such step each, and the next; 0: any sums */
};

/* Calls back for each slice of the range, or for sums of some of them; of all modes, in no order. */
int store_each_total(struct store *store, const struct store_range *range, const struct store_how *how,
                     int (*visit)(void *ctx, const struct store_total *total), void *ctx);

/*
 * Calls back for each slice of the range, or for sums of some of them; of @mode, in no order. count, running_ns, and the
 * books are not set.
 */
int store_each_slice(struct store *store, const struct store_range *range, enum profile_mode mode,
                     int (*visit)(void *ctx, const struct store_slice *slice), void *ctx);

/*
 * Calls back for the time that slices of any series cover, in the order of starts. If steps are long enough, what lies
 * between the first and the last slice of a stretch of minutes counts as covered.
 */
int store_each_cover(struct store *store, const struct store_range *range, int64_t step_ns,
                     int (*visit)(void *ctx, int64_t start_ns, int64_t end_ns), void *ctx);

/* What there is beside a range. */
struct store_edges {
        bool has_before, has_after;
        int64_t before_end_ns;  /* when the last slice ends of those that start before the range */
        int64_t after_start_ns; /* when the first one starts after it */
};
int store_read_edges(struct store *store, const struct store_range *range, struct store_edges *ret);

/* These read a row by id. -ENOENT if there is none. The result is valid until the next call of the same function. */
int store_read_series(struct store *store, int64_t id, const char **ret_attributes);
int store_read_stack(struct store *store, int64_t id, const void **ret_frames, size_t *ret_len);
int store_read_function(struct store *store, int64_t id, struct profile_function *ret);

/* ---- sums ---------------------------------------------------------------- */

/*
 * Sums up stretches of time that have ended a while before @now_ns, at most @max of them. From then on ranges are read
 * by their sums. @ret_n is how many there were; if it is @max, there may be more.
 */
int store_sum(struct store *store, int64_t now_ns, unsigned max, unsigned *ret_n);

/* ---- retention ----------------------------------------------------------- */

/*
 * Removes slices that start before @before_ns (0: none), then the oldest slices while more than @max_bytes are used (0:
 * no bound), then everything that no slice needs any more. Forgets keys that were remembered before @forget_ns. It
 * works in small transactions, so that writers can come in between.
 */
int store_retain(struct store *store, int64_t before_ns, uint64_t max_bytes, int64_t forget_ns);

#endif
