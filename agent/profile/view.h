/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_VIEW_H
#define PROFILE_VIEW_H

/* Profiles with fewer frames of native code. It is a part of profile.h, which includes it. */

#include <stdbool.h>

struct profile;

/* Whether it has functions of native code. */
bool profile_has_native(const struct profile *p);

/*
 * Finds the functions that are the interpreter's own machinery, such as PyObject_Vectorcall() and pymain_run_file().
 * @ret is indexed by function ids, and is to be freed. -ENOMEM.
 */
int profile_find_internals(const struct profile *p, bool **ret);

/* How much of native code is shown. */
enum profile_view {
        PROFILE_VIEW_ALL,
        PROFILE_VIEW_FOLDED, /* no internals */
        PROFILE_VIEW_PYTHON, /* neither C nor kernel */
        PROFILE_VIEWS,
};
const char *profile_view_hides(enum profile_view view); /* "nothing", "internals", "native" */
bool profile_view_parse(const char *name, enum profile_view *ret);

/*
 * Makes a profile that lacks the frames that the view hides. The time of a hidden frame belongs to its caller. All
 * samples stay: a stack of which nothing is left becomes PROFILE_NATIVE. So do threads, attributes, settings and
 * counters. Only used frames are kept. -ENOMEM, -ENOSPC.
 */
int profile_view(const struct profile *from, enum profile_view view, struct profile **ret);

#endif
