/* SPDX-License-Identifier: Apache-2.0 */
#include "log_options.h"

#include "log.h"

#include <string.h>

int log_setup(const struct log_options *options, const struct usage *usage)
{
        bool json = options->format && strcmp(options->format, "json") == 0;

        if (options->format && !json && strcmp(options->format, "text") != 0)
                return options_wrong(usage, "--log-format: '%s' is neither text nor json", options->format);
        log_begin(json);
        return GO_ON;
}
