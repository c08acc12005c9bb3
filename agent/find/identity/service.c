/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of a program. That a program is Python helps nobody: its script or module has the name, and is found on the
 * command line as CPython itself finds it. A program that writes a title over its command line, as setproctitle does,
 * is named by the title's first word.
 */
#include "agent/find/internal.h"

#include <string.h>

/* CPython's options that take a value, in the same argument or in the next one (Modules/getopt: "c:m:W:X:"). */
#define WITH_VALUE "cmWX"

struct args {
        const char *at, *end;
};

/* The next argument. NULL after the last one. */
static const char *take_argument(struct args *args, size_t *ret_len)
{
        const char *arg = args->at;

        if (arg >= args->end)
                return NULL;
        *ret_len = strnlen(arg, (size_t)(args->end - arg));
        args->at = arg + *ret_len + 1;
        return arg;
}

static bool is_argument(const char *arg, size_t len, const char *expected)
{
        return len == strlen(expected) && !memcmp(arg, expected, len);
}

static void copy_basename(const char *path, size_t len, char *ret, size_t size)
{
        const char *slash = memrchr(path, '/', len);

        if (slash && is_argument(slash, len - (size_t)(slash - path), "/__main__.py")) {
                len = (size_t)(slash - path);
                slash = memrchr(path, '/', len);
        }
        size_t skip = slash ? (size_t)(slash - path) + 1 : 0;
        find_clean(path + skip, len - skip, ret, size);
}

/* Finds the letter of an option that takes a value: in "-Bum" it is 'm'. Returns @len if no letter does. */
static size_t find_value_option(const char *arg, size_t len)
{
        size_t i = 1;

        while (i < len && !memchr(WITH_VALUE, arg[i], sizeof(WITH_VALUE) - 1))
                i++;
        return i;
}

/*
 * The value of the option that letter @i stands for: the rest of its argument, or the next argument. NULL if there is
 * none.
 */
static const char *take_value(struct args *args, const char *arg, size_t len, size_t i, size_t *ret_len)
{
        if (i + 1 == len)
                return take_argument(args, ret_len);
        *ret_len = len - i - 1;
        return arg + i + 1;
}

/* Takes the name of the script or module. "" if Python was given neither. */
static void take_name_of_script(struct args args, char *ret, size_t size)
{
        const char *arg, *value;
        size_t len = 0, value_len;

        while ((arg = take_argument(&args, &len)) && len > 1 && arg[0] == '-' && !is_argument(arg, len, "--")) {
                size_t i = find_value_option(arg, len);

                if (arg[1] == '-') {
                        if (is_argument(arg, len, "--check-hash-based-pycs"))
                                take_argument(&args, &value_len);
                        continue;
                }
                if (i == len)
                        continue;
                value = arg[i] == 'c' ? NULL : take_value(&args, arg, len, i, &value_len);
                if (!value)
                        return;
                if (arg[i] == 'm') {
                        find_clean(value, value_len, ret, size);
                        return;
                }
        }
        if (arg && is_argument(arg, len, "--"))
                arg = take_argument(&args, &len);
        if (arg && !is_argument(arg, len, "-"))
                copy_basename(arg, len, ret, size);
}

static void take_name_from_title(const char *title, size_t len, char *ret, size_t size)
{
        size_t n = 0, skip = len > 0 && title[0] == '[';

        while (skip + n < len && !memchr(" :]\0", title[skip + n], 4))
                n++;
        copy_basename(title + skip, n, ret, size);
}

void find_program_name(const char *exe, const char *args, size_t len, char *ret, size_t size)
{
        static const char python[] = "python";
        struct args rest = { args, args + len };
        size_t name_len = 0;
        const char *name = take_argument(&rest, &name_len);

        ret[0] = '\0';
        if (name && !strncmp(find_basename(exe), python, sizeof(python) - 1)) {
                copy_basename(name, name_len, ret, size);
                bool titled = rest.at >= rest.end && strncmp(ret, python, sizeof(python) - 1);
                ret[0] = '\0';
                if (titled)
                        take_name_from_title(name, name_len, ret, size);
                else
                        take_name_of_script(rest, ret, size);
        }
        if (!ret[0])
                copy_basename(exe, strlen(exe), ret, size);
}
