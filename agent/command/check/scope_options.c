/* SPDX-License-Identifier: Apache-2.0 */
#include "scope_options.h"

#include <stdio.h>

int scope_options_check(const struct scope_options *options, const struct usage *usage)
{
        if (options->only.n > COMPARE_GLOBS_MAX || options->ignore.n > COMPARE_GLOBS_MAX)
                return options_wrong(usage, "that is more than one can want of --only and --ignore: at most %d each",
                                     COMPARE_GLOBS_MAX);
        return GO_ON;
}

bool scope_options_given(const struct scope_options *options)
{
        return options->only.n > 0 || options->ignore.n > 0 || options->from;
}

static size_t list_globs(const struct option_list *list, const char **ret)
{
        for (size_t i = 0; i < list->n; i++)
                ret[i] = list->items[i].text;
        return list->n;
}

struct compare_scope scope_options_make(const struct scope_options *options, struct scope_globs *globs)
{
        return (struct compare_scope){
                .only = globs->only,
                .only_n = list_globs(&options->only, globs->only),
                .ignore = globs->ignore,
                .ignore_n = list_globs(&options->ignore, globs->ignore),
                .from = options->from,
        };
}

bool scope_options_failed(const struct compare_scoped *scope, char *ret, size_t size)
{
        static const char *const sides[] = { [COMPARE_BASE] = "the base", [COMPARE_NEW] = "the new side" };

        if (scope->unmatched)
                snprintf(ret, size,
                         "'%s' matches no function of either side; a glob matches a file, as in 'shop/*', or "
                         "a function, as in 'shop/cart.py:total'",
                         scope->unmatched);
        for (int side = 0; side < COMPARE_SIDES && !scope->unmatched; side++) {
                if (!compare_scope_lacks(scope, (enum compare_side)side))
                        continue;
                if (scope->start == COMPARE_START_ASKED)
                        snprintf(ret, size, "--from: no sample of %s has a function '%s'", sides[side], scope->from);
                else
                        snprintf(ret, size, "%s runs no tests, the other one does; --from '' compares all of both",
                                 sides[side]);
                return true;
        }
        return scope->unmatched != NULL;
}

void scope_options_deinit(struct scope_options *options)
{
        option_list_deinit(&options->only);
        option_list_deinit(&options->ignore);
}
