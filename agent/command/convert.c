/* SPDX-License-Identifier: Apache-2.0 */
/* podflame convert: writes profile files as one file of another format. */
#include "agent/command/check/profile_files.h"
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/hide.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/cli/output.h"
#include "agent/command/cli/source_dir.h"
#include "command.h"
#include "commands.h"

#include <string.h>

struct convert_config {
        struct confinement_options confinement;
        const char *format;
        const char *output;
        const char *hide;
        const char *source;
};

static const struct option_spec specs[] = {
        { .name = "format",
          .letter = 'f',
          .kind = OPTION_TEXT,
          .field = offsetof(struct convert_config, format),
          .argument = "FORMAT",
          .help = OUTPUT_FORMATS },
        { .name = "output",
          .letter = 'o',
          .kind = OPTION_TEXT,
          .field = offsetof(struct convert_config, output),
          .argument = "FILE",
          .help = "where to write it (standard output);\n" OUTPUT_ENDINGS },
        HIDE_OPTION(struct convert_config, hide, "nothing"),
        SOURCE_DIR_OPTION(struct convert_config, source),
        CONFINEMENT_OPTIONS(struct convert_config, confinement),
};

static const struct usage usage = {
        .command = "convert",
        .synopsis = "FILE... [OPTION]...",
        .text = "Writes profiles in another format, those of several files as one.\n"
                "Files are those of podflame but for html, svg and text; py-spy's (raw, speedscope, chrometrace);\n"
                "Austin's; and CPython's (collapsed, gecko, pstats); packed by gzip or not. What a format does not\n"
                "hold cannot come back: folded stacks have neither times nor threads, and of pstats each function\n"
                "has its own time only, since it has no stacks.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
        .anywhere = true,
};

struct conversion {
        struct side side;
        struct output output;
        enum profile_view view;
        struct source_dir source;
        struct outside outside;
};

/* Opens all files, then gives up the privileges for opening. GO_ON, or an exit status after a message. */
static int open_files_and_confine(struct conversion *c, const char *const *files, size_t n,
                                  const struct confinement_options *confinement)
{
        struct outside_duty duties[OUTSIDE_DEEDS] = { { NULL, NULL } };
        char reason[LOAD_REASON_SIZE];
        int status = side_open(&c->side, files, n, reason) != 0 ? say_error("%s", reason) : output_open(&c->output);

        if (status != GO_ON)
                return status;
        output_duties(&c->output, &c->outside, duties);
        return confine_with(confinement, &usage, c->source.fd < 0 ? CONFINE_CONVERTER : CONFINE_SOURCE_READER, duties,
                            &c->outside);
}

static int convert_profiles(struct conversion *c)
{
        char reason[LOAD_REASON_SIZE];

        if (side_load(&c->side, reason) != 0)
                return say_error("%s", reason);
        if (c->output.format->seconds && !format_has_times(&c->side.profiles))
                return say_error("%s has times in seconds, and the profile has counts only: neither times nor a rate",
                                 c->output.format->name);
        int r = hide_frames(&c->side.profiles, c->view);
        if (r == 0)
                r = source_dir_read(&c->source, &c->side.profiles);
        if (r == 0)
                r = output_write(&c->output, &c->side.profiles);
        return r < 0 ? say_error("%s: %s", c->output.name, strerror(-r)) : EXIT_OK;
}

int convert_run(int argc, char **argv)
{
        struct convert_config config = { .hide = "nothing" };
        struct conversion c = { .output = OUTPUT_NONE, .source = SOURCE_DIR_NONE, .outside = OUTSIDE_NONE };
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && rest == argc)
                status = options_wrong(&usage, "it takes the FILEs that are to be converted");
        if (status == GO_ON)
                status = hide_parse(&usage, config.hide, &c.view);
        if (status == GO_ON)
                status = output_choose(&usage, config.format, config.output, &c.output);
        if (status == GO_ON && config.source && !c.output.format->source)
                status = options_wrong(&usage, "--source: only the format heat has source text");
        if (status == GO_ON)
                status = source_dir_open(&usage, config.source, &c.source);
        if (status == GO_ON)
                status = open_files_and_confine(&c, (const char *const *)&argv[rest], (size_t)(argc - rest),
                                                &config.confinement);
        if (status == GO_ON)
                status = convert_profiles(&c);
        source_dir_close(&c.source);
        side_deinit(&c.side);
        output_close(&c.output);
        outside_close(&c.outside);
        return status;
}
