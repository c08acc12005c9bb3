/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_PAGE_H
#define COLLECT_PAGE_H

#include "agent/serve/serve.h"

void collect_page(struct serve_answer *ret);

#endif
