/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All stacks as one tree. Nodes are functions: frames of one function at different lines are one node. Its line is the
 * function's first line. A function of native code has a kind, and frames of all its addresses are one node.
 *
 * The tree is never built. Stacks are sorted as paths of function ranks, and the JSON follows from comparing each path
 * with the one before it. A node's value is known when it ends, so "value" comes last. Depth costs an array, not the C
 * stack.
 */
#include "tree.h"

#include "agent/base/base.h"
#include "format.h"
#include "walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

struct path {
        size_t start, n; /* its steps in struct tree, root first */
        uint64_t count;
        uint64_t base; /* the value of the base, in a comparison */
};

struct tree {
        struct profile *functions; /* interns (name, file, first line, kind), and the stacks in a comparison */
        uint32_t *steps;           /* of all paths: function ids, which become ranks later */
        size_t steps_n, steps_capacity;
        struct path *paths;
        size_t paths_n, paths_capacity;
        profile_id *by_rank;
        bool *internal;  /* by function id: it is the interpreter's own */
        char **heads;    /* by function id: what a node of it begins with; NULL: no node had it yet */
        profile_id root; /* 0: "all", whose value is the sum of all paths */
        uint64_t value;  /* of @root */
        bool compared;   /* nodes have a base, since two sides are compared */
};

/* Makes room for @wanted items in @array. NULL if memory ran out; @array is then unchanged. */
static void *grow_array(void *array, size_t size, size_t wanted, size_t *capacity)
{
        size_t n = *capacity ? *capacity : FIRST_CAPACITY;

        while (n < wanted)
                n *= 2;
        if (n == *capacity)
                return array;
        void *grown = reallocarray(array, n, size);
        if (grown)
                *capacity = n;
        return grown;
}

static int reserve_path(struct tree *tree, size_t steps)
{
        uint32_t *all_steps = grow_array(tree->steps, sizeof(*all_steps), tree->steps_n + steps, &tree->steps_capacity);

        if (!all_steps)
                return -ENOMEM;
        tree->steps = all_steps;
        struct path *paths = grow_array(tree->paths, sizeof(*paths), tree->paths_n + 1, &tree->paths_capacity);
        if (!paths)
                return -ENOMEM;
        tree->paths = paths;
        return 0;
}

static int add_path(void *ctx, const struct walk_stack *stack)
{
        const struct walk_frame *frames = stack->frames;
        struct tree *tree = ctx;
        size_t n = stack->n;

        if (reserve_path(tree, n))
                return -ENOMEM;
        tree->paths[tree->paths_n++] = (struct path){ .start = tree->steps_n, .n = n, .count = stack->count };
        for (size_t i = 0; i < n; i++) {
                struct profile_function function = { .name = frames[i].name,
                                                     .file = frames[i].file,
                                                     .first_line = frames[i].first_line,
                                                     .kind = frames[i].kind };
                int r = profile_copy_function(tree->functions, &function, &tree->steps[tree->steps_n++]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_compared(struct tree *tree, profile_id stack, const uint64_t counts[2])
{
        size_t n;
        const profile_id *frames = profile_stack(tree->functions, stack, &n);

        if (reserve_path(tree, n))
                return -ENOMEM;
        tree->paths[tree->paths_n++] = (struct path){
                .start = tree->steps_n,
                .n = n,
                .base = counts[0],
                .count = counts[1],
        };
        while (n-- > 0)
                tree->steps[tree->steps_n++] = profile_frame(tree->functions, frames[n])->function;
        return 0;
}

static int by_name(const void *a, const void *b, void *ctx)
{
        const struct profile_function *x = profile_function(ctx, *(const profile_id *)a);
        const struct profile_function *y = profile_function(ctx, *(const profile_id *)b);
        int r = strcmp(x->name, y->name);

        if (r == 0)
                r = strcmp(x->file, y->file);
        if (r == 0)
                r = (x->first_line > y->first_line) - (x->first_line < y->first_line);
        return r ? r : (x->kind > y->kind) - (x->kind < y->kind);
}

static int rank_functions(struct tree *tree)
{
        size_t n = profile_functions(tree->functions);
        uint32_t *ranks = calloc(n + 1, sizeof(*ranks));

        tree->by_rank = calloc(n + 1, sizeof(*tree->by_rank));
        if (!ranks || !tree->by_rank) {
                free(ranks);
                return -ENOMEM;
        }
        for (size_t i = 0; i < n; i++)
                tree->by_rank[i] = (profile_id)(i + 1);
        qsort_r(tree->by_rank, n, sizeof(*tree->by_rank), by_name, tree->functions);
        for (size_t i = 0; i < n; i++)
                ranks[tree->by_rank[i]] = (uint32_t)i;
        for (size_t i = 0; i < tree->steps_n; i++)
                tree->steps[i] = ranks[tree->steps[i]];
        free(ranks);
        return 0;
}

static size_t length_of_common_prefix(const uint32_t *steps, const struct path *a, const struct path *b)
{
        size_t i = 0;

        while (i < a->n && i < b->n && steps[a->start + i] == steps[b->start + i])
                i++;
        return i;
}

/* Orders paths. A path comes before longer paths that begin with it. */
static int by_steps(const void *a, const void *b, void *ctx)
{
        const struct path *x = a, *y = b;
        const uint32_t *steps = ctx;
        size_t i = length_of_common_prefix(steps, x, y);

        if (i == x->n || i == y->n)
                return (x->n > y->n) - (x->n < y->n);
        return steps[x->start + i] > steps[y->start + i] ? 1 : -1;
}

/* Opens the object of a function. */
static void open_function(const struct profile_function *f, bool internal, FILE *out)
{
        static const char *const kinds[PROFILE_KINDS] = { [PROFILE_C] = "c", [PROFILE_KERNEL] = "kernel" };

        fputs("{\"name\":", out);
        escape_json(f->name, out);
        if (*f->file) {
                fputs(",\"file\":", out);
                escape_json(f->file, out);
        }
        if (f->first_line)
                fprintf(out, ",\"line\":%" PRIu32, f->first_line);
        if (f->kind != PROFILE_PYTHON)
                fprintf(out, ",\"kind\":\"%s\"", internal ? "internal" : kinds[f->kind]);
}

/* A function is in many nodes, so its part of them is made once. NULL if memory ran out. */
static const char *head_of(const struct tree *tree, profile_id id)
{
        char *head = NULL;
        size_t len;
        FILE *out;

        if (tree->heads[id])
                return tree->heads[id];
        out = open_memstream(&head, &len);
        if (!out)
                return NULL;
        open_function(profile_function(tree->functions, id), tree->internal[id], out);
        if (fclose(out) != 0) {
                free(head);
                return NULL;
        }
        return tree->heads[id] = head;
}

static void open_node(const struct tree *tree, uint32_t rank, bool first, FILE *out)
{
        profile_id id = tree->by_rank[rank];
        const char *head = head_of(tree, id);

        fputs(first ? ",\"children\":[" : ",", out);
        if (head)
                fputs(head, out);
        else
                open_function(profile_function(tree->functions, id), tree->internal[id], out);
}

/* An open node, on the way from the root to the node that is being written. */
struct level {
        uint64_t value, base;
        bool has_children;
};

static void close_node(const struct tree *tree, const struct level *level, FILE *out)
{
        if (level->has_children)
                putc(']', out);
        if (tree->compared)
                fprintf(out, ",\"base\":%" PRIu64, level->base);
        fprintf(out, ",\"value\":%" PRIu64 "}", level->value);
}

static void close_levels(const struct tree *tree, struct level *levels, size_t *depth, size_t keep, FILE *out)
{
        for (; *depth > keep; (*depth)--) {
                close_node(tree, &levels[*depth], out);
                levels[*depth - 1].value += levels[*depth].value;
                levels[*depth - 1].base += levels[*depth].base;
        }
}

static void open_levels(const struct tree *tree, struct level *levels, size_t *depth, const struct path *path,
                        FILE *out)
{
        for (; *depth < path->n; (*depth)++) {
                open_node(tree, tree->steps[path->start + *depth], !levels[*depth].has_children, out);
                levels[*depth].has_children = true;
                levels[*depth + 1] = (struct level){ 0 };
        }
        levels[*depth].value += path->count;
        levels[*depth].base += path->base;
}

/* Writes the nodes. levels[0] is the root, which is no function. */
static void write_nodes(const struct tree *tree, struct level *levels, FILE *out)
{
        static const struct profile_function all = { .name = "all", .file = "" };
        size_t depth = 0;

        open_function(tree->root ? profile_function(tree->functions, tree->root) : &all, tree->internal[tree->root],
                      out);
        for (size_t i = 0; i < tree->paths_n; i++) {
                const struct path *path = &tree->paths[i];

                if (i > 0)
                        close_levels(tree, levels, &depth, length_of_common_prefix(tree->steps, &path[-1], path), out);
                open_levels(tree, levels, &depth, path, out);
        }
        close_levels(tree, levels, &depth, 0, out);
        if (tree->root)
                levels[0].value = tree->value;
        close_node(tree, &levels[0], out);
}

static int write_sorted(struct tree *tree, FILE *out)
{
        size_t deepest = 0;
        int r = rank_functions(tree);

        if (r == 0)
                r = profile_find_internals(tree->functions, &tree->internal);
        if (r)
                return r;
        for (size_t i = 0; i < tree->paths_n; i++)
                deepest = tree->paths[i].n > deepest ? tree->paths[i].n : deepest;
        struct level *levels = calloc(deepest + 1, sizeof(*levels));
        tree->heads = calloc(profile_functions(tree->functions) + 1, sizeof(*tree->heads));
        if (!levels || !tree->heads) {
                free(levels);
                return -ENOMEM;
        }
        if (tree->paths_n > 0)
                qsort_r(tree->paths, tree->paths_n, sizeof(*tree->paths), by_steps, tree->steps);
        write_nodes(tree, levels, out);
        free(levels);
        return 0;
}

static void tree_deinit(struct tree *tree)
{
        for (size_t id = 0; tree->heads && id <= profile_functions(tree->functions); id++)
                free(tree->heads[id]);
        free(tree->heads);
        free(tree->steps);
        free(tree->paths);
        free(tree->by_rank);
        free(tree->internal);
}

int format_write_tree(const struct profile_set *set, FILE *out)
{
        return format_write_tree_of(set, NULL, 0, out);
}

int format_write_tree_of(const struct profile_set *set, const struct profile_function *root, uint64_t value, FILE *out)
{
        struct tree tree = { .functions = profile_new(), .value = value };
        int r = tree.functions ? 0 : -ENOMEM;

        if (r == 0 && root)
                r = profile_copy_function(tree.functions, root, &tree.root);
        if (r == 0)
                r = walk_samples(set, add_path, &tree);
        if (r == 0)
                r = write_sorted(&tree, out);
        tree_deinit(&tree);
        profile_free(tree.functions);
        return r ? r : escape_finish(out);
}

int tree_write_compared(struct profile *stacks, const uint64_t (*counts)[2], FILE *out)
{
        struct tree tree = { .functions = stacks, .compared = true };
        int r = 0;

        for (uint32_t id = 1; r == 0 && id <= profile_stacks(stacks); id++)
                if (counts[id][0] + counts[id][1] > 0)
                        r = add_compared(&tree, id, counts[id]);
        if (r == 0)
                r = write_sorted(&tree, out);
        tree_deinit(&tree);
        return r ? r : escape_finish(out);
}
