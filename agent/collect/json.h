/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_JSON_H
#define COLLECT_JSON_H

/* The only part of collect that uses json-c. Functions return allocated text; NULL if memory ran out. */

#include "agent/collect/labels.h"
#include "agent/collect/store.h"
#include "agent/http/http.h"

/* ---- attributes ---------------------------------------------------------- */

/* The attributes of @profile that are the same for all processes of a series. */
char *collect_json_attributes(const struct profile *profile);

/*
 * Calls @each with every attribute of a stored series that is text. Stops when it returns other than 0, and returns
 * that. Text in another form than expected has no attributes.
 */
int collect_json_each(const char *attributes, int (*each)(void *ctx, const char *key, const char *value), void *ctx);

/* Sets the attributes of a stored series. Ignores text in another form than expected. */
int collect_json_restore(const char *attributes, struct profile *profile);

/* ---- answers ------------------------------------------------------------- */

/* Makes a google.rpc.Status, which OTLP requires for errors. */
char *collect_json_error(unsigned http_status, const char *sentence);

/* Makes an ExportProfilesServiceResponse. */
char *collect_json_export(uint64_t rejected, const char *sentence);

/* A series of the list. */
struct collect_found {
        int64_t id;
        const char *attributes; /* JSON object */
        const struct labels *labels;
        int64_t first_seen_ns, last_seen_ns;
        uint64_t samples, cpu_ns; /* in mode cpu, or else in the first mode that there is */
        unsigned modes;           /* bit n: enum profile_mode n */
        struct store_books books; /* for the same mode as samples and cpu_ns */
};

/* Makes a list. It is filled and then turned into text, which frees it. */
struct json_object *collect_json_list(void);
int collect_json_list_add(struct json_object *list, const struct collect_found *found);
char *collect_json_list_text(struct json_object *list);
void collect_json_list_free(struct json_object *list); /* accepts NULL */

struct collect_meta {
        int64_t from_ns, to_ns, series;
        enum profile_mode mode;
        unsigned modes; /* bit n: enum profile_mode n: the modes that are in the range */
        uint64_t slices, samples, ns;
        struct store_books books;
        char tag[HTTP_TAG_SIZE]; /* the version of what is stored of this */
};
char *collect_json_meta(const struct collect_meta *meta);

/* The coverage as the meta has it; only if time was accounted. */
char *collect_json_coverage(const struct store_books *books, enum profile_mode mode);

char *collect_json_top(const struct profile_top *tops, size_t n, uint64_t total);

#endif
