/* SPDX-License-Identifier: Apache-2.0 */
/* podflame convert: profile files as one file of another format. */
#include "command.h"
#include "commands.h"
#include "load.h"
#include "options.h"
#include "output.h"
#include "say.h"

#include <string.h>

struct convert_config {
        const char *format;
        const char *output;
};

static const struct option_spec specs[] = {
        { .name = "format", .letter = 'f', .kind = OPTION_TEXT, .field = offsetof(struct convert_config, format),
          .argument = "FORMAT", .help = OUTPUT_FORMATS },
        { .name = "output", .letter = 'o', .kind = OPTION_TEXT, .field = offsetof(struct convert_config, output),
          .argument = "FILE", .help = "where to write it (standard output);\n" OUTPUT_ENDINGS },
};

static const struct usage usage = {
        .command = "convert",
        .synopsis = "FILE... [OPTION]...",
        .text = "Writes profiles in another format, those of several files as one.\n"
                "Files are OTLP (record -f otlp), pprof or folded stacks, packed by gzip or not; what a format\n"
                "does not hold cannot come back: folded stacks have neither times nor threads.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
        .anywhere = true,
};

static int convert(const char *const *files, size_t n, struct output *output)
{
        struct side side = { .run_of = NULL };
        char reason[LOAD_REASON_SIZE];
        int e = side_load(&side, files, n, reason) < 0 ? say_error("%s", reason) : output_open(output);

        if (e < 0) {
                int r = output_write(output, &side.profiles);
                e = r < 0 ? say_error("%s: %s", output->name, strerror(-r)) : EXIT_OK;
        }
        side_deinit(&side);
        return e;
}

int convert_run(int argc, char **argv)
{
        struct convert_config config = { .format = NULL };
        struct output output = OUTPUT_NONE;
        int rest;
        int e = options_parse(&usage, argc, argv, &config, &rest);

        if (e < 0 && rest == argc)
                e = options_wrong(&usage, "it takes the FILEs that are to be converted");
        if (e < 0)
                e = output_choose(&usage, config.format, config.output, &output);
        if (e < 0)
                e = convert((const char *const *)&argv[rest], (size_t)(argc - rest), &output);
        output_close(&output);
        return e;
}
