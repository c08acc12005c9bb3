/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_STORE_H
#define COLLECT_STORE_H

/*
 * The store: series, and slices of time in which they were sampled. Calls come
 * from any thread, one writer and one reader at a time.
 *
 * Moments are nanoseconds since 1970. Errors: -ENOMEM, -ENOSPC, -EIO.
 */

#include "agent/profile/profile.h"

struct store;

/* In the directory @dir, which is made if need be; NULL: in memory. COLLECT_E_STORE with a @reason. */
int store_open(const char *dir, struct store **ret, char *reason, size_t reason_size);
void store_close(struct store *store); /* accepts NULL */

/* ---- writing ------------------------------------------------------------- */

/* Between begin and end, the calling thread has the store for itself. @keep false undoes everything. */
int store_begin(struct store *store);
int store_end(struct store *store, bool keep);

/* Whether @key is new; from now on it is not. */
int store_remember(struct store *store, const char *key, int64_t now_ns, bool *ret_new);

/*
 * What is stored, by equality: the id of the one that is there or is made.
 * @seen_ns is the start of the slice that it is wanted for.
 */
int store_series(struct store *store, const char *key, const char *attributes, int64_t seen_ns, int64_t *ret);
int store_function(struct store *store, const struct profile_function *function, int64_t seen_ns, int64_t *ret);
/* @frames: pairs of (function id, line), leaf first, packed. */
int store_stack(struct store *store, const void *frames, size_t len, int64_t seen_ns, int64_t *ret);

struct store_slice {
        int64_t series;
        enum profile_mode mode;
        int64_t start_ns, duration_ns;
        uint64_t count, running_ns;              /* of all samples */
        const struct profile_counters *counters; /* the books; NULL: none */
        uint64_t period_ns;
        const void *samples; /* (stack id, less the one before; state; count; nanoseconds), packed */
        size_t len;
};
int store_slice(struct store *store, const struct store_slice *slice);

/* Whether none of the times is more than @max. */
bool store_books_fit(const struct profile_counters *counters, uint64_t max);

/* ---- reading ------------------------------------------------------------- */

/* Between these, what is read stays as it is. */
int store_read_begin(struct store *store);
void store_read_end(struct store *store);

struct store_range {
        int64_t from_ns, to_ns; /* slices that start in [from, to) */
        int64_t series;         /* 0: all */
};

/* Sums of the slices whose time was accounted: of their counters the times. */
struct store_books {
        struct profile_counters counters;
        uint64_t period_ns; /* the mean of the accounted time */
};

struct store_found {
        int64_t id;
        const char *attributes; /* JSON object; lives until the callback returns */
        int64_t first_seen_ns, last_seen_ns;
        uint64_t samples, cpu_ns; /* in cpu mode, or else in the first that there is */
        unsigned modes;           /* bit n: enum profile_mode n */
        struct store_books books; /* of the mode that samples and cpu_ns are of */
};

/* The busiest series first; at most STORE_SERIES_MAX, as many as a page can show. */
#define STORE_SERIES_MAX 2000
int store_list(struct store *store, const struct store_range *range,
               int (*visit)(void *ctx, const struct store_found *found), void *ctx);

int store_read_books(struct store *store, const struct store_range *range, enum profile_mode mode,
                     struct store_books *ret);

/* Slices of @mode; count, running_ns, and the books are not set. */
int store_each_slice(struct store *store, const struct store_range *range, enum profile_mode mode,
                     int (*visit)(void *ctx, const struct store_slice *slice), void *ctx);

/* -ENOENT: no such id. What is returned lives until the next call of the same function. */
int store_read_series(struct store *store, int64_t id, const char **ret_attributes);
int store_read_stack(struct store *store, int64_t id, const void **ret_frames, size_t *ret_len);
int store_read_function(struct store *store, int64_t id, struct profile_function *ret);

/* ---- retention ----------------------------------------------------------- */

/*
 * Removes slices that start before @before_ns (0: none), then the oldest ones
 * while more than @max_bytes (0: no bound) are used, then what none needs any
 * more; forgets keys that were remembered before @forget_ns.
 * In small transactions: writers come in between.
 */
int store_retain(struct store *store, int64_t before_ns, uint64_t max_bytes, int64_t forget_ns);

#endif
