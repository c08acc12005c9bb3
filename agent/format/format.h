/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_H
#define FORMAT_H

/*
 * format: from profiles to bytes, and from some formats back to profiles. There is one file for each format, and one
 * table of all formats.
 */

#include "agent/base/base.h"
#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct format {
        const char *name;       /* as in -f NAME */
        const char *endings[3]; /* file endings, with the dot; the recommended one comes first, NULL comes last */
        const char *summary;    /* one line for the usage text */
        bool binary;            /* it must not be written to a terminal */
        bool timeline;          /* it keeps the time of each sample, if the profiles have it */
        bool seconds;           /* it has times only: see format_has_times() */
        bool runs;              /* it keeps the runs of a command apart, and a reader can tell them apart */
        bool source;            /* it has the text of source files: set->texts. No other format may look at that */
        /* Writes all of @set. 0, or a negative errno, also for write errors. */
        int (*write)(const struct profile_set *set, FILE *out);
};

/* All formats, the default first. */
extern const struct format *const format_table[];
extern const size_t format_table_n;

/*
 * Finds a format by name, or by a path's ending. NULL if it is not known. If several endings fit a path, the longest
 * counts. The case does not matter.
 */
const struct format *format_by_name(const char *name);
const struct format *format_by_path(const char *path);

/* Whether the time of each sample is known: as it was told, or by the period. */
bool format_has_times(const struct profile_set *set);

/*
 * Writes the tree of all stacks of @set as the pages want it: {"name", "value", "file", "line", "children": […]},
 * with counts as values. A node of native code has a "kind": "c", "internal" (C, and the interpreter's own machinery:
 * see profile_find_internals()) or "kernel". The html format embeds it, and the collector's page draws it.
 */
int format_write_tree(const struct profile_set *set, FILE *out);

/* The same with a root of its own, whose value is @value: the stacks are those above or below it. */
int format_write_tree_of(const struct profile_set *set, const struct profile_function *root, uint64_t value, FILE *out);

/*
 * The coverage as an object of json-c, for callers that put it into their own JSON: {"share": 0.6, "low": true,
 * "sentence", "accounted", "sampled", "native", "left_out", "losses": [{"name", "reason", "seconds"}, …]}. Times are in
 * seconds. The greatest loss comes first. Call it only if the time was accounted. The caller owns the object. NULL if
 * memory ran out.
 */
struct json_object;
struct json_object *format_coverage(const struct profile_counters *counters, enum profile_mode mode,
                                    uint64_t period_ns);

/* Writes an OTLP ExportProfilesServiceRequest as JSON, uncompressed. */
int format_write_otlp(const struct profile_set *set, FILE *out);

/*
 * The same as it is sent. A backend makes labels of a resource's attributes, and series of labels: so attributes of
 * instances (see series.h) are attributes of the profile, unless @all_labels. The scope has podflame's own labels. Time
 * that is not of a CPU is told in nanoseconds. Each profile has its format_profile_id().
 */
int format_send_otlp(const struct profile_set *set, bool all_labels, FILE *out);

/*
 * Makes a pprof of one profile as it is sent: not packed, with times alone, and without comments. Backends make series
 * of labels of samples, so there are none of threads, and those of idle threads and of reasons only if @all_labels.
 * @ret is allocated.
 */
int format_send_pprof(const struct profile *p, bool all_labels, void **ret, size_t *ret_len);

/*
 * The id of a profile: the same for the same content, whatever the order of its samples, and after it was read back.
 * Other content has another one.
 */
#define FORMAT_ID_SIZE 16
void format_profile_id(const struct profile *p, uint8_t ret[static FORMAT_ID_SIZE]);

/*
 * Gives the original of a name that pystack_escape() has escaped: valid UTF-8, for JSON. A NUL, and what UTF-8 cannot
 * hold, stays an escape. No original name looks like such an escape. A name that was not escaped this way, from another
 * program's profile, is only made valid. Allocated; NULL if memory ran out.
 */
char *format_true_name(const char *name);

/* Bounds of an OTLP body, against hostile senders. */
#define FORMAT_OTLP_MAX_BYTES ((size_t)64 << 20) /* the specification's cap */
/* values and keys, 16 bytes each: 64 MiB; 60000 stacks 50 deep have 3.5 million */
#define FORMAT_OTLP_MAX_VALUES (1u << 22)
/* bytes of profiles: tables are shared, so a small body can make large profiles */
#define FORMAT_OTLP_MAX_COST ((size_t)128 << 20)
#define FORMAT_OTLP_MAX_FRAMES 4096 /* frames of one stack; twice what podflame reads */

/*
 * Reads an OTLP body. On -EINVAL @ret_error, if it is not NULL, gets a static sentence. On success the caller
 * deinitialises @ret with profile_set_deinit().
 */
int format_read_otlp(const char *json, size_t len, struct profile_set *ret, const char **ret_error);

/* The same without a copy: @json is overwritten. */
int format_take_otlp(char *json, size_t len, struct profile_set *ret, const char **ret_error);

/*
 * Reads a profile file, packed by gzip or not. It knows by its content what it is: podflame's own formats but for html,
 * svg and text; py-spy's, Austin's and CPython's that have stacks; pstats, of which only each function's own time is
 * taken, since it has no stacks. Limits are those of format_read_otlp(). On -EINVAL @ret_error gets a sentence that names
 * the line, field or byte. It lives until the thread reads the next file.
 */
int format_read(const void *data, size_t len, struct profile_set *ret, const char **ret_error);

/* ---- parts of formats ------------------------------------------------------ */

/* For writers of other things that look like profiles: stacks, a page, a tree. */
#include "agent/format/folded.h"
#include "agent/format/html.h"
#include "agent/format/series.h"
#include "agent/format/tree.h"

#endif
