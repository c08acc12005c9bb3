/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_HTML_H
#define FORMAT_HTML_H

#include <stdio.h>

/* Writes the page of the flame graph. @write writes the data in it: JSON that is safe inside a <script>. */
int html_write_page(int (*write)(const void *what, FILE *out), const void *what, FILE *out);

/* The same for another page, which has a placeholder of the same name. */
int html_write_into(const char *page, const char *end, int (*write)(const void *what, FILE *out), const void *what,
                    FILE *out);

struct profile_counters;
struct profile_set;
struct profile_settings;

/* Writes the object that the pages call meta: what was recorded, how, and of whom. 0 or negative errno. */
int html_write_meta(const struct profile_set *set, FILE *out);

/* Writes "meta":…,"tree":…, the members of a page's data that the html format has. 0 or negative errno. */
int html_write_profile(const struct profile_set *set, FILE *out);

/* Writes ,"coverage":{…} as format_coverage() makes it, or nothing if the time was not accounted. 0 or -ENOMEM. */
int html_write_coverage(const struct profile_counters *counters, const struct profile_settings *settings, FILE *out);

/* Writes "key":"value". */
void html_write_member(const char *key, const char *value, FILE *out);

#endif
