/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_REPORTS_H
#define CHECK_REPORTS_H

/* -f FORMAT and -o FILE for comparisons: several of each may be given. */

#include "agent/command/cli/options.h"
#include "agent/command/cli/output.h"
#include "agent/compare/compare.h"

struct report_options {
        struct option_list formats;
        struct option_list files;
};

#define REPORT_OPTIONS(type, member, formats_text)                                                           \
        { .name = "format",                                                                                  \
          .letter = 'f',                                                                                     \
          .kind = OPTION_LIST,                                                                               \
          .field = offsetof(type, member.formats),                                                           \
          .argument = "FORMAT",                                                                              \
          .help = formats_text },                                                                            \
        {                                                                                                    \
                .name = "output", .letter = 'o', .kind = OPTION_LIST, .field = offsetof(type, member.files), \
                .argument = "FILE",                                                                          \
                .help = "write to FILE, too, as in html:FILE, or as its ending says: .txt, .json,\n"         \
                        ".md, .html, .folded, .xml (junit); repeatable"                                      \
        }

void report_options_deinit(struct report_options *options); /* accepts {0} */

struct report_target {
        const struct compare_report *format;
        struct output file; /* without a path it is standard output */
};

struct reports {
        struct report_target items[32];
        size_t n;
};

/*
 * Chooses the formats. @judged: formats of judgements are allowed, too. If no format is named, text goes to standard
 * output, but nothing if there are files and @quiet. GO_ON, or an exit status after a message.
 */
int reports_choose(const struct report_options *options, const struct usage *usage, bool judged, bool quiet,
                   struct reports *ret);

/* Opens all files, before any work is done for them. GO_ON, or an exit status after a message. */
int reports_open(struct reports *reports);

/*
 * Adds the duties of @outside for these files. Call it before @outside is started. @outside must live as long as
 * @reports.
 */
void reports_duties(struct reports *reports, const struct outside *outside,
                    struct outside_duty duties[static OUTSIDE_DEEDS]);

/* Whether the text for people goes to standard output. */
bool reports_print_text(const struct reports *reports);

/* Writes all reports. GO_ON, or an exit status after a message. */
int reports_write(struct reports *reports, const struct compare_findings *c);

/* Closes the reports, and removes files that were made and not written. Accepts {0}. */
void reports_close(struct reports *reports);

#endif
