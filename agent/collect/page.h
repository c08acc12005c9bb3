/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_PAGE_H
#define COLLECT_PAGE_H

#include "agent/collect/http.h"

void collect_page(struct collect_answer *ret);

#endif
