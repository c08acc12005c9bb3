/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_FORMATS_H
#define FORMAT_FORMATS_H

#include "format.h"

/* The formats, one in each file. table.c lists them. */
extern const struct format format_chrometrace;
extern const struct format format_folded;
extern const struct format format_gecko;
extern const struct format format_heat;
extern const struct format format_html;
extern const struct format format_jsonl;
extern const struct format format_otlp;
extern const struct format format_pprof;
extern const struct format format_pstats;
extern const struct format format_speedscope;
extern const struct format format_svg;
extern const struct format format_text;

/* The beginning of a file of format jsonl, by which it is known. */
#define JSONL_HEAD "{\"format\":\"podflame jsonl\","

/* The function of a file of format pstats that is none: it says what the numbers of calls are. */
#define PSTATS_NOTE "<podflame: ncalls are samples: on the stack/as the leaf>"

#endif
