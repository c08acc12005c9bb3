/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree is made of stacks that are sorted as paths: a node is made where a path leaves the one before it. Then the
 * nodes are put into their final order. Depth costs an array, not the C stack.
 */
#include "trie.h"

#include <errno.h>
#include <stdlib.h>

struct trie_making {
        const struct profile *from;
        struct trie *trie;
        size_t capacity;
        profile_id *stacks; /* sorted as paths */
        uint32_t *path;     /* the open nodes, by depth */
};

/* Orders stacks by their frames from the root on. A stack comes before longer ones that begin with it. */
static int by_path(const void *a, const void *b, void *ctx)
{
        size_t n, m;
        const profile_id *x = profile_stack(ctx, *(const profile_id *)a, &n);
        const profile_id *y = profile_stack(ctx, *(const profile_id *)b, &m);

        while (n > 0 && m > 0 && x[n - 1] == y[m - 1]) {
                n--;
                m--;
        }
        if (n == 0 || m == 0)
                return (n > m) - (n < m);
        return x[n - 1] > y[m - 1] ? 1 : -1;
}

static int append_node(struct trie_making *m, uint32_t parent, profile_id frame, uint32_t *ret)
{
        struct trie *trie = m->trie;

        if (trie->n == TRIE_NODES_MAX)
                return -ENOSPC;
        if (trie->n == m->capacity) {
                size_t capacity = m->capacity ? 2 * m->capacity : 256;
                struct trie_node *nodes = reallocarray(trie->nodes, capacity, sizeof(*nodes));

                if (!nodes)
                        return -ENOMEM;
                trie->nodes = nodes;
                m->capacity = capacity;
        }
        *ret = (uint32_t)trie->n;
        trie->nodes[trie->n++] = (struct trie_node){
                .parent = parent,
                .depth = *ret ? trie->nodes[parent].depth + 1 : 0,
                .frame = frame,
        };
        return 0;
}

/* Makes the nodes of a stack, but for those that it shares with the stack before it, which m->path holds. */
static int add_nodes(struct trie_making *m, profile_id stack, size_t *open)
{
        size_t n, depth = 0;
        const profile_id *frames = profile_stack(m->from, stack, &n);
        int r = 0;

        while (depth < n && depth < *open && m->trie->nodes[m->path[depth + 1]].frame == frames[n - 1 - depth])
                depth++;
        for (; r == 0 && depth < n; depth++)
                r = append_node(m, m->path[depth], frames[n - 1 - depth], &m->path[depth + 1]);
        m->trie->of_stack[stack] = m->path[n];
        *open = n;
        return r;
}

static int make_nodes(struct trie_making *m)
{
        size_t n = profile_stacks(m->from), deepest = 0, open = 0;
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                size_t depth;

                m->stacks[i] = (profile_id)(i + 1);
                profile_stack(m->from, m->stacks[i], &depth);
                deepest = depth > deepest ? depth : deepest;
        }
        qsort_r(m->stacks, n, sizeof(*m->stacks), by_path, (void *)(uintptr_t)m->from);
        m->path = calloc(deepest + 1, sizeof(*m->path));
        r = m->path ? append_node(m, 0, 0, &m->path[0]) : -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_nodes(m, m->stacks[i], &open);
        return r;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
        uint64_t sum;

        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void weigh_nodes(struct trie *trie, const struct profile *p, bool timed)
{
        for (size_t i = 0; i < profile_samples(p); i++) {
                const struct profile_sample *sample = profile_sample(p, i);
                struct trie_node *node = &trie->nodes[trie->of_stack[sample->stack]];

                node->self = add_saturated(node->self, timed ? sample->nanoseconds : sample->count);
                node->self_count = add_saturated(node->self_count, sample->count);
        }
        for (size_t i = trie->n; i-- > 0;) {
                struct trie_node *node = &trie->nodes[i];

                struct trie_node *parent = &trie->nodes[node->parent];

                node->weight = add_saturated(node->weight, node->self);
                node->count = add_saturated(node->count, node->self_count);
                if (i > 0) {
                        parent->weight = add_saturated(parent->weight, node->weight);
                        parent->count = add_saturated(parent->count, node->count);
                }
        }
}

/* Orders nodes by parent, and those of one parent by weight, the lightest first. */
static int by_parent(const void *a, const void *b, void *ctx)
{
        const struct trie_node *nodes = ctx;
        uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;

        if (nodes[i].parent != nodes[k].parent)
                return nodes[i].parent > nodes[k].parent ? 1 : -1;
        if (nodes[i].weight != nodes[k].weight)
                return nodes[i].weight > nodes[k].weight ? 1 : -1;
        return (nodes[i].frame < nodes[k].frame) - (nodes[i].frame > nodes[k].frame);
}

struct ordering {
        struct trie_node *to;
        uint32_t *children; /* nodes by their parents */
        uint32_t *first;    /* by node: where its children begin in @children */
        uint32_t *open;     /* nodes that are to be visited, the next one last */
        uint32_t *now;      /* by old place: the new one */
};

/* Visits all nodes from the root on, and copies each to its place. */
static void place_nodes(const struct trie *trie, const struct ordering *o)
{
        size_t open = 0;
        uint32_t placed = 0;

        o->open[open++] = 0;
        while (open > 0) {
                uint32_t old = o->open[--open];

                o->to[placed] = trie->nodes[old];
                o->to[placed].parent = o->now[trie->nodes[old].parent];
                o->now[old] = placed++;
                for (size_t i = o->first[old]; i < o->first[old + 1]; i++)
                        o->open[open++] = o->children[i];
        }
}

static void index_children(const struct trie *trie, const struct ordering *o)
{
        for (size_t i = 1; i < trie->n; i++) {
                o->children[i - 1] = (uint32_t)i;
                o->first[trie->nodes[i].parent + 1]++;
        }
        for (size_t i = 1; i <= trie->n; i++)
                o->first[i] += o->first[i - 1];
        qsort_r(o->children, trie->n - 1, sizeof(*o->children), by_parent, trie->nodes);
}

static int order_nodes(struct trie *trie, size_t stacks)
{
        struct ordering o = {
                .to = malloc(trie->n * sizeof(*o.to)),
                .children = calloc(trie->n, sizeof(*o.children)),
                .first = calloc(trie->n + 1, sizeof(*o.first)),
                .open = calloc(trie->n, sizeof(*o.open)),
                .now = calloc(trie->n, sizeof(*o.now)),
        };
        int r = o.to && o.children && o.first && o.open && o.now ? 0 : -ENOMEM;

        if (r == 0) {
                index_children(trie, &o);
                place_nodes(trie, &o);
                for (size_t i = 1; i <= stacks; i++)
                        trie->of_stack[i] = o.now[trie->of_stack[i]];
                free(trie->nodes);
                trie->nodes = o.to;
                o.to = NULL;
        }
        free(o.to);
        free(o.children);
        free(o.first);
        free(o.open);
        free(o.now);
        return r;
}

int trie_init(struct trie *trie, const struct profile *p, bool timed)
{
        size_t stacks = profile_stacks(p);

        *trie = (struct trie){ .of_stack = calloc(stacks + 1, sizeof(*trie->of_stack)) };
        struct trie_making m = { .from = p, .trie = trie, .stacks = calloc(stacks + 1, sizeof(*m.stacks)) };
        int r = trie->of_stack && m.stacks ? make_nodes(&m) : -ENOMEM;

        if (r == 0) {
                weigh_nodes(trie, p, timed);
                r = order_nodes(trie, stacks);
        }
        free(m.stacks);
        free(m.path);
        if (r)
                trie_deinit(trie);
        return r;
}

void trie_deinit(struct trie *trie)
{
        free(trie->nodes);
        free(trie->of_stack);
        *trie = (struct trie){ 0 };
}
