/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_SCOPE_OPTIONS_H
#define CHECK_SCOPE_OPTIONS_H

/* --only, --ignore and --from of check and diff. */

#include "agent/command/cli/options.h"
#include "agent/compare/compare.h"

struct scope_options {
        struct option_list only;
        struct option_list ignore;
        const char *from;
};

#define SCOPE_OPTIONS(type, member)                                                                                \
        { .name = "only",                                                                                          \
          .kind = OPTION_LIST,                                                                                     \
          .field = offsetof(type, member.only),                                                                    \
          .argument = "GLOB",                                                                                      \
          .help = "judge functions whose file, or file.py:function, matches, as in 'shop/*'; repeatable\n"         \
                  "(all but those of Python and of installed packages; '*': all)" },                               \
                { .name = "ignore",                                                                                \
                  .kind = OPTION_LIST,                                                                             \
                  .field = offsetof(type, member.ignore),                                                          \
                  .argument = "GLOB",                                                                              \
                  .help = "do not judge these: their time counts for who calls them; repeatable" },                \
        {                                                                                                          \
                .name = "from", .kind = OPTION_TEXT, .field = offsetof(type, member.from), .argument = "FUNCTION", \
                .help = "count only what FUNCTION calls, without imports (in pytest and unittest: the tests;\n"    \
                        "'': everything)"                                                                          \
        }

/* The globs as compare takes them. */
struct scope_globs {
        const char *only[COMPARE_GLOBS_MAX], *ignore[COMPARE_GLOBS_MAX];
};

/* GO_ON, or an exit status after a message. */
int scope_options_check(const struct scope_options *options, const struct usage *usage);

/* Whether any of the options is given. */
bool scope_options_given(const struct scope_options *options);

/* The scope that the options ask for. It refers to both. */
struct compare_scope scope_options_make(const struct scope_options *options, struct scope_globs *globs);

/* Writes why the scope is of no use, if it is not: a glob matches nothing, for one. Returns whether it is. */
bool scope_options_failed(const struct compare_scoped *scope, char *ret, size_t size);

void scope_options_deinit(struct scope_options *options); /* accepts {0} */

#endif
