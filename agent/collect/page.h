/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_PAGE_H
#define COLLECT_PAGE_H

#include "agent/http/http.h"

void collect_page(struct http_answer *ret);

#endif
