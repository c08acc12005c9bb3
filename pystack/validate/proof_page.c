/* SPDX-License-Identifier: Apache-2.0 */
#include "proof_page.h"
#include "pystack/memory/remote.h"

#include <search.h>
#include <stdlib.h>

static int order_pages(const void *left, const void *right)
{
        const struct proof_page *a = left, *b = right;

        return (a->addr > b->addr) - (a->addr < b->addr);
}

static struct proof_page *look_up_page(const struct proof_pages *pages, uint64_t addr)
{
        struct proof_page wanted = { .addr = addr };
        struct proof_page *const *node = tfind(&wanted, &pages->tree, order_pages);

        return node ? *node : NULL;
}

static struct proof_page *add_page(struct proof_pages *pages, uint64_t addr)
{
        struct proof_page *page = malloc(sizeof *page);

        if (!page)
                return NULL;
        *page = (struct proof_page){ .addr = addr };
        if (!tsearch(page, &pages->tree, order_pages)) {
                free(page);
                return NULL;
        }
        return page;
}

struct proof_page *proof_page_get(struct proof_pages *pages, uint64_t addr)
{
        struct proof_page *page = look_up_page(pages, remote_page(addr));

        if (!page)
                page = add_page(pages, remote_page(addr));
        if (page)
                page->users++;
        return page;
}

void proof_page_put(struct proof_pages *pages, struct proof_page *page)
{
        if (!page || --page->users > 0)
                return;
        tdelete(page, &pages->tree, order_pages);
        free(page);
}
