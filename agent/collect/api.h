/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_API_H
#define COLLECT_API_H

#include "agent/collect/store.h"
#include "agent/http/http.h"

/* The routes' ctx points to this. */
struct collect_api {
        struct store *store;
        uint64_t retain_s; /* as in collect_config */
};

void collect_post_profiles(void *ctx, const struct http_request *request, struct http_answer *ret);

extern const struct http_route collect_routes[];
extern const size_t collect_routes_n;

#endif
