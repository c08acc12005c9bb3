/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_READING_H
#define FORMAT_READING_H

/* What the readers of JSON and of other stacks share: a profile that is made of frames and of stacks with weights. */

#include "format.h"

struct json_value;

/* A stack of a file that tells how long something was, and not how many samples that is. */
struct reading_span {
        profile_id stack, thread;
        uint64_t ns;
};

struct reading {
        struct profile *profile;
        profile_id frames[FORMAT_OTLP_MAX_FRAMES]; /* of the stack that is being read, root first */
        size_t n;
        uint64_t steps; /* frames of all stacks so far */
        struct reading_span *spans;
        size_t spans_n, spans_capacity;
        uint64_t period_ns; /* 0: the file does not tell */
        const char *error;
};

/* Frames of all stacks that are read of a file: stacks of a tree, or of events, may have more frames than it has bytes. */
#define READING_STEPS_MAX ((uint64_t)1 << 27)

int reading_init(struct reading *reading);
void reading_deinit(struct reading *reading);

/* Sets the error: a sentence that lives until the thread's next one. Returns -EINVAL. */
int reading_refuse(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends a frame to the stack that is being read. */
int reading_push(struct reading *reading, profile_id frame);

/* Counts the stack that is being read, of reading->n frames, which stay. Without frames it is ignored. */
int reading_count(struct reading *reading, profile_id thread, uint64_t count, uint64_t ns);

/* The same of a stack of which only the time is known. reading_finish() makes samples of it. */
int reading_last(struct reading *reading, profile_id thread, uint64_t ns);

/*
 * Makes a set of what was read. Times without counts become samples: so many as the least of them goes into each, if it
 * goes into all of them without a rest; else one for each microsecond. So shares are kept, and a rate is not made up.
 */
int reading_finish(struct reading *reading, struct profile_set *ret);

/* ---- JSON ------------------------------------------------------------------ */

/* A finite number that is not negative. False if it is none. */
bool reading_number(const struct json_value *value, double *ret);

/* A whole number below @limit, for a table's index. False if it is none. */
bool reading_index(const struct json_value *value, uint64_t limit, uint64_t *ret);

/* The text of @object's member @key. "" if it has none. */
const char *reading_text(const struct json_value *object, const char *key);

/* The member @key if it is an array. NULL if it is not. */
const struct json_value *reading_array(const struct json_value *object, const char *key);

/* A time in @unit nanoseconds. Times of more than 100 years are cut. */
uint64_t reading_ns(double value, double unit);

#endif
