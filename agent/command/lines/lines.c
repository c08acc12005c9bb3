/* SPDX-License-Identifier: Apache-2.0 */
/* podflame lines: shows the lines of source files with the samples that they were in. */
#include "agent/command/check/profile_files.h"
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/cli/source_dir.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"
#include "report.h"

#include <string.h>

struct lines_config {
        struct confinement_options confinement;
        struct profile_line_choice choice;
        const char *source;
        uint64_t limit;
        bool json;
};

#define LIMIT_DEFAULT 20

static const struct option_spec specs[] = {
        { .name = "file",
          .kind = OPTION_TEXT,
          .field = offsetof(struct lines_config, choice.file),
          .argument = "GLOB",
          .help = "only lines of such files: app.py, or with folders /srv/app/*" },
        { .name = "function",
          .kind = OPTION_TEXT,
          .field = offsetof(struct lines_config, choice.function),
          .argument = "NAME",
          .help = "only lines of functions of this name, with or without their class" },
        { .name = "limit",
          .kind = OPTION_NUMBER,
          .field = offsetof(struct lines_config, limit),
          .argument = "N",
          .help = "at most so many lines of each file; 0: all of them (20)",
          .min = 0,
          .max = 1e9 },
        SOURCE_DIR_OPTION(struct lines_config, source),
        { .name = "json", .kind = OPTION_FLAG, .field = offsetof(struct lines_config, json), .help = "print JSON" },
        CONFINEMENT_OPTIONS(struct lines_config, confinement),
};

static const struct usage usage = {
        .command = "lines",
        .synopsis = "FILE... [OPTION]...",
        .text = "Shows which lines take the time, by file: the line's own samples (self), those that it was in\n"
                "(total), and in mode wall what threads wait for there. Files are those that convert reads.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
        .anywhere = true,
};

static int give_up_rights(const struct lines_config *config)
{
        enum confine_role role = config->source ? CONFINE_SOURCE_READER : CONFINE_CONVERTER;

        return confine(&config->confinement, &usage, role);
}

static int print_lines(const struct lines_config *config, struct side *side, const struct source_dir *dir)
{
        struct profile_set *set = &side->profiles;
        struct profile_lines *lines = NULL;
        int r = source_dir_read(dir, set);

        if (r == 0)
                r = profile_lines(set, &config->choice, &lines);
        if (r < 0)
                return say_error("the lines cannot be counted: %s", strerror(-r));

        const struct lines_report report = {
                .lines = lines,
                .set = set,
                .limit = config->limit,
                .source = config->source,
                .chosen = config->choice.file || config->choice.function,
        };
        if (config->json)
                lines_print_json(&report);
        else
                lines_print_text(&report, stdout);
        profile_lines_free(lines);
        return EXIT_OK;
}

int lines_run(int argc, char **argv)
{
        struct lines_config config = { .limit = LIMIT_DEFAULT };
        struct source_dir dir = SOURCE_DIR_NONE;
        struct side side = { .files = NULL };
        char reason[LOAD_REASON_SIZE];
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && rest == argc)
                status = options_wrong(&usage, "it takes the FILEs whose lines are to be shown");
        if (status == GO_ON)
                status = source_dir_open(&usage, config.source, &dir);
        if (status == GO_ON && side_open(&side, (const char *const *)&argv[rest], (size_t)(argc - rest), reason) != 0)
                status = say_error("%s", reason);
        if (status == GO_ON)
                status = give_up_rights(&config);
        if (status == GO_ON && side_load(&side, reason) != 0)
                status = say_error("%s", reason);
        if (status == GO_ON)
                status = print_lines(&config, &side, &dir);
        source_dir_close(&dir);
        side_deinit(&side);
        return status;
}
