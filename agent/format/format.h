/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_H
#define FORMAT_H

/*
 * format: profiles to bytes, and OTLP back to profiles. One file per format,
 * all of them in one table.
 */

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct format {
        const char *name;      /* as in -f NAME */
        const char *extension; /* with the dot; what -o FILE implies; NULL: none */
        const char *summary;   /* a line for the usage text */
        bool binary;           /* not to be written to a terminal */
        /* Writes all of @set. 0, or negative errno (write errors included). */
        int (*write)(const struct profile_set *set, FILE *out);
};

/* All formats; the first is the default. */
extern const struct format *const format_table[];
extern const size_t format_table_n;

/* NULL if unknown. */
const struct format *format_by_name(const char *name);
const struct format *format_by_path(const char *path);

/*
 * The tree of all stacks of @set as d3-flame-graph wants it: {"name", "value",
 * "file", "line", "children": […]}, counts as values. What the html format
 * embeds and the collector's page draws.
 */
int format_write_tree(const struct profile_set *set, FILE *out);

/* An OTLP ExportProfilesServiceRequest as JSON, uncompressed. */
int format_write_otlp(const struct profile_set *set, FILE *out);

/* What an OTLP body may hold: bounds against hostile senders. */
#define FORMAT_OTLP_MAX_BYTES ((size_t)64 << 20) /* the specification's cap */
#define FORMAT_OTLP_MAX_DEPTH 32                 /* JSON nesting; the schema needs 12 */
#define FORMAT_OTLP_MAX_CONTAINERS (1u << 19)    /* objects and arrays: json-c takes up to 1 KiB for one */
#define FORMAT_OTLP_MAX_VALUES (1u << 22)        /* all in all: json-c takes some 64 bytes for one */
#define FORMAT_OTLP_MAX_COST ((size_t)256 << 20) /* bytes of profiles: tables are shared, so a little may say a lot */
#define FORMAT_OTLP_MAX_FRAMES 4096              /* of one stack; twice what podflame reads */

/*
 * Reads such a body back. @ret_error, if not NULL, gets a static sentence on
 * -EINVAL. On success @ret is to be deinitialised with profile_set_deinit().
 */
int format_read_otlp(const char *json, size_t len, struct profile_set *ret, const char **ret_error);

/* gzip (RFC 1952). @ret is allocated. */
int format_gzip(const void *data, size_t len, void **ret, size_t *ret_len);
/* The reverse, refusing to produce more than @max bytes (-EFBIG). */
int format_gunzip(const void *data, size_t len, size_t max, void **ret, size_t *ret_len);

#endif
