/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_JSON_H
#define COLLECT_JSON_H

/* The only users of json-c in this room. What is returned is malloc'd text; NULL: out of memory. */

#include "agent/collect/store.h"

/* ---- attributes ---------------------------------------------------------- */

/* Those of @profile that do not change with each process. */
char *collect_json_attributes(const struct profile *profile);

/* Sets the attributes of a stored series; ignores text that is not what is expected. */
int collect_json_restore(const char *attributes, struct profile *profile);

/* ---- answers ------------------------------------------------------------- */

/* A google.rpc.Status, which is what OTLP wants for errors. */
char *collect_json_error(unsigned http_status, const char *sentence);

/* An ExportProfilesServiceResponse. */
char *collect_json_export(uint64_t rejected, const char *sentence);

/* A list that is filled and then turned into text, which frees it. */
struct json_object *collect_json_list(void);
int collect_json_list_add(struct json_object *list, const struct store_found *found);
char *collect_json_list_text(struct json_object *list);
void collect_json_list_free(struct json_object *list); /* accepts NULL */

struct collect_meta {
        int64_t from_ns, to_ns, series;
        enum profile_mode mode;
        unsigned modes; /* as in store_found: what there is in the range */
        uint64_t slices, samples, ns;
        struct store_books books;
};
char *collect_json_meta(const struct collect_meta *meta);

char *collect_json_top(const struct profile_top *tops, size_t n, uint64_t total);

#endif
