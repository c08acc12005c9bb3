/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_INGEST_H
#define COLLECT_INGEST_H

#include "agent/collect/store.h"

struct ingest_result {
        uint64_t accepted, rejected; /* profiles */
        const char *sentence;        /* why the last rejected profile was rejected; a static string */
        bool again;                  /* the key is known: nothing was stored */
};

/*
 * Stores the profiles of an OTLP body, all in one transaction. @key, if not NULL, identifies a body that is sent again.
 * @json is overwritten. Profiles that start before @oldest_ns are rejected. -EINVAL: it is not such a body, and
 * @ret_error says why; or an error of the store.
 */
int collect_ingest(struct store *store, char *json, size_t len, const char *key, int64_t oldest_ns,
                   struct ingest_result *ret, const char **ret_error);

#endif
