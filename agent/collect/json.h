/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_JSON_H
#define COLLECT_JSON_H

/* The only part of collect that uses json-c. Functions return allocated text; NULL if memory ran out. */

#include "agent/collect/store.h"

/* ---- attributes ---------------------------------------------------------- */

/* The attributes of @profile that are the same for all processes of a series. */
char *collect_json_attributes(const struct profile *profile);

/* Sets the attributes of a stored series. Ignores text in another form than expected. */
int collect_json_restore(const char *attributes, struct profile *profile);

/* ---- answers ------------------------------------------------------------- */

/* Makes a google.rpc.Status, which OTLP requires for errors. */
char *collect_json_error(unsigned http_status, const char *sentence);

/* Makes an ExportProfilesServiceResponse. */
char *collect_json_export(uint64_t rejected, const char *sentence);

/* Makes a list. It is filled and then turned into text, which frees it. */
struct json_object *collect_json_list(void);
int collect_json_list_add(struct json_object *list, const struct store_found *found);
char *collect_json_list_text(struct json_object *list);
void collect_json_list_free(struct json_object *list); /* accepts NULL */

struct collect_meta {
        int64_t from_ns, to_ns, series;
        enum profile_mode mode;
        unsigned modes; /* as in store_found: the modes that are in the range */
        uint64_t slices, samples, ns;
        struct store_books books;
};
char *collect_json_meta(const struct collect_meta *meta);

char *collect_json_top(const struct profile_top *tops, size_t n, uint64_t total);

#endif
