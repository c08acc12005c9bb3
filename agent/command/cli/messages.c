/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of messages, by level. */
#include "messages.h"

#include "agent/command/command.h"
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static __attribute__((format(printf, 2, 0))) void log_formatted_line(const char *level, const char *format,
                                                                     va_list args)
{
        char line[2048];
        int n = vsnprintf(line, sizeof line, format, args);

        if (n >= (int)sizeof line)
                strcpy(line + sizeof line - sizeof "…", "…");
        log_line(level, format, line);
}

int say_error(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        log_formatted_line("error", format, args);
        va_end(args);
        return EXIT_FAILED;
}

void say(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        log_formatted_line("info", format, args);
        va_end(args);
}
