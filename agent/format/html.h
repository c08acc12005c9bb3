/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_HTML_H
#define FORMAT_HTML_H

#include <stdio.h>

/* The page of the flame graph, with what @write writes in it: JSON that is safe inside a <script>. */
int html_write_page(int (*write)(const void *what, FILE *out), const void *what, FILE *out);

/* "key":"value" */
void html_write_member(const char *key, const char *value, FILE *out);

#endif
