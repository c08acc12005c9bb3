/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of the tree of stacks are visited from the root on. A node's samples are those of its function, unless the
 * function is open already further out; and so for the pair of its function and caller.
 */
#include "calls.h"

#include "trie.h"

#include <errno.h>
#include <stdlib.h>

struct counting {
        const struct profile *profile;
        struct trie trie;
        uint32_t *sorted;       /* nodes by function and caller */
        uint32_t *whole, *pair; /* by node: indices of its function's and its pair's call */
        uint32_t *open;         /* by call: how many open nodes are of it */
        uint32_t *path;         /* open nodes, by depth */
};

static profile_id function_of_node(const struct counting *c, uint32_t node)
{
        return node ? profile_frame(c->profile, c->trie.nodes[node].frame)->function : 0;
}

static int by_pair(const void *a, const void *b, void *ctx)
{
        const struct counting *c = ctx;
        uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
        profile_id x = function_of_node(c, i), y = function_of_node(c, k);

        if (x == y) {
                x = function_of_node(c, c->trie.nodes[i].parent);
                y = function_of_node(c, c->trie.nodes[k].parent);
        }
        return (x > y) - (x < y);
}

/* Lists the functions and pairs, and says of each node which are its own. */
static void list_calls(struct counting *c, struct calls *calls)
{
        uint32_t whole = 0;

        for (size_t i = 0; i < c->trie.n - 1; i++) {
                uint32_t node = c->sorted[i];
                profile_id function = function_of_node(c, node);
                profile_id caller = function_of_node(c, c->trie.nodes[node].parent);

                if (calls->n == 0 || calls->items[whole].function != function) {
                        whole = (uint32_t)calls->n;
                        calls->items[calls->n++] = (struct call){ .function = function };
                }
                if (caller && calls->items[calls->n - 1].caller != caller)
                        calls->items[calls->n++] = (struct call){ .function = function, .caller = caller };
                c->whole[node] = whole;
                c->pair[node] = caller ? (uint32_t)calls->n - 1 : whole;
        }
}

static void add_node_to(struct call *call, uint32_t open, const struct trie_node *node)
{
        call->sums.self += node->self_count;
        call->sums.self_ns += node->self;
        if (open == 0) {
                call->sums.count += node->count;
                call->sums.ns += node->weight;
        }
}

static void sum_calls(struct counting *c, struct calls *calls)
{
        uint32_t depth = 0;

        for (uint32_t i = 1; i < c->trie.n; i++) {
                const struct trie_node *node = &c->trie.nodes[i];

                for (; depth >= node->depth; depth--) {
                        c->open[c->whole[c->path[depth]]]--;
                        if (c->pair[c->path[depth]] != c->whole[c->path[depth]])
                                c->open[c->pair[c->path[depth]]]--;
                }
                depth = node->depth;
                c->path[depth] = i;
                add_node_to(&calls->items[c->whole[i]], c->open[c->whole[i]]++, node);
                if (c->pair[i] != c->whole[i])
                        add_node_to(&calls->items[c->pair[i]], c->open[c->pair[i]]++, node);
        }
}

int calls_init(struct calls *calls, const struct profile *p)
{
        struct counting c = { .profile = p };
        int r = trie_init(&c.trie, p, true);
        size_t n = c.trie.n;

        *calls = (struct calls){ .items = calloc(2 * n + 1, sizeof(*calls->items)) };
        c.sorted = calloc(n + 1, sizeof(*c.sorted));
        c.whole = calloc(n + 1, sizeof(*c.whole));
        c.pair = calloc(n + 1, sizeof(*c.pair));
        c.path = calloc(n + 1, sizeof(*c.path));
        c.open = calloc(2 * n + 1, sizeof(*c.open));
        if (r == 0 && !(calls->items && c.sorted && c.whole && c.pair && c.path && c.open))
                r = -ENOMEM;
        for (uint32_t i = 1; r == 0 && i < n; i++)
                c.sorted[i - 1] = i;
        if (r == 0) {
                qsort_r(c.sorted, n - 1, sizeof(*c.sorted), by_pair, &c);
                list_calls(&c, calls);
                sum_calls(&c, calls);
        } else {
                calls_deinit(calls);
        }
        trie_deinit(&c.trie);
        free(c.sorted);
        free(c.whole);
        free(c.pair);
        free(c.path);
        free(c.open);
        return r;
}

void calls_deinit(struct calls *calls)
{
        free(calls->items);
        *calls = (struct calls){ 0 };
}
