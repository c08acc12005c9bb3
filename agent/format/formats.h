/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_FORMATS_H
#define FORMAT_FORMATS_H

#include "format.h"

/* The formats, one in each file. table.c lists them. */
extern const struct format format_folded;
extern const struct format format_heat;
extern const struct format format_html;
extern const struct format format_otlp;
extern const struct format format_pprof;
extern const struct format format_speedscope;
extern const struct format format_text;

#endif
