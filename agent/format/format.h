/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_H
#define FORMAT_H

/*
 * format: profiles to bytes, and OTLP back to profiles. One file per format,
 * all of them in one table.
 */

#include "agent/base/base.h"
#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct format {
        const char *name;       /* as in -f NAME */
        const char *endings[3]; /* of files, with the dot, the one to be advised first; NULL behind the last */
        const char *summary;    /* a line for the usage text */
        bool binary;            /* not to be written to a terminal */
        bool runs;              /* runs of a command stay apart in it, and can be told apart when it is read */
        /* Writes all of @set. 0, or negative errno (write errors included). */
        int (*write)(const struct profile_set *set, FILE *out);
};

/* All formats; the first is the default. */
extern const struct format *const format_table[];
extern const size_t format_table_n;

/* NULL if unknown. Of the endings that fit a path, the longest counts, whatever the case. */
const struct format *format_by_name(const char *name);
const struct format *format_by_path(const char *path);

/*
 * The tree of all stacks of @set as d3-flame-graph wants it: {"name", "value",
 * "file", "line", "children": […]}, counts as values. What the html format
 * embeds and the collector's page draws.
 */
int format_write_tree(const struct profile_set *set, FILE *out);

/*
 * The coverage as an object of json-c, for who takes part in its JSON: {"share": 0.6, "low": true, "sentence",
 * "accounted", "sampled", "native", "left_out", "losses": [{"name", "reason", "seconds"}, …]}, times in seconds, losses
 * from the greatest down. For counters whose time was accounted only. The caller owns it; NULL: out of memory.
 */
struct json_object;
struct json_object *format_coverage(const struct profile_counters *counters, enum profile_mode mode,
                                    uint64_t period_ns);

/* An OTLP ExportProfilesServiceRequest as JSON, uncompressed. */
int format_write_otlp(const struct profile_set *set, FILE *out);

/*
 * The name itself of one that is escaped as pystack_escape() does it: valid UTF-8, for JSON. A NUL,
 * and what UTF-8 cannot hold, stays an escape, which no true name is mistaken for. A name that is not
 * escaped so, from another program's profile, is only made valid. Allocated; NULL: out of memory.
 */
char *format_true_name(const char *name);

/* What an OTLP body may hold: bounds against hostile senders. */
#define FORMAT_OTLP_MAX_BYTES ((size_t)64 << 20) /* the specification's cap */
#define FORMAT_OTLP_MAX_VALUES (1u << 22) /* and keys, 16 bytes each: 64 MiB; 60000 stacks 50 deep have 3.5 million */
#define FORMAT_OTLP_MAX_COST ((size_t)128 << 20) /* bytes of profiles: tables are shared, so a little may say a lot */
#define FORMAT_OTLP_MAX_FRAMES 4096              /* of one stack; twice what podflame reads */

/*
 * Reads such a body back. @ret_error, if not NULL, gets a static sentence on
 * -EINVAL. On success @ret is to be deinitialised with profile_set_deinit().
 */
int format_read_otlp(const char *json, size_t len, struct profile_set *ret, const char **ret_error);

/* The same without a copy: @json is written over. */
int format_take_otlp(char *json, size_t len, struct profile_set *ret, const char **ret_error);

/*
 * Reads a profile file, packed by gzip or not: OTLP/JSON, pprof, folded stacks. A
 * folded file tells nothing but stacks. Limits and errors as above.
 */
int format_read(const void *data, size_t len, struct profile_set *ret, const char **ret_error);

/* ---- parts of formats ------------------------------------------------------ */

/* For who writes what is not a profile as formats write profiles: stacks, a page, a tree. */
#include "agent/format/folded.h"
#include "agent/format/html.h"
#include "agent/format/tree.h"

#endif
