/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folded stacks: one line "root;…;leaf COUNT" for each stack, as flamegraph.pl, speedscope and the Firefox Profiler
 * read them. A frame is written as "function (file:line)". Readers take the digits after a line's last space for the
 * count, and digits before that for a second count. So a leaf never ends in a space and digits; a name that does so is
 * put in parentheses if it stands alone.
 *
 * A frame of C is "function (libc.so.6)", as py-spy writes it. A program has its whole path, since its name alone does
 * not tell it from a script. A frame of the kernel is "function_[k]".
 */
#include "folded.h"

#include "agent/base/base.h"
#include "formats.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static bool ends_like_a_count(const char *name)
{
        size_t len = strlen(name), k = len;

        while (k > 0 && isdigit((unsigned char)name[k - 1]))
                k--;
        return k < len && (k == 0 || name[k - 1] == ' ');
}

bool folded_is_shared_object(const char *file)
{
        const char *found = strstr(file, ".so");

        while (found && found[3] && found[3] != '.')
                found = strstr(found + 1, ".so");
        return found != NULL;
}

/* What stands in the parentheses. */
static const char *shorten_file(const struct walk_frame *frame)
{
        const char *slash = strrchr(frame->file, '/');

        if (frame->kind == PROFILE_C && slash && folded_is_shared_object(slash + 1))
                return slash + 1;
        return *frame->file ? frame->file : "?";
}

void folded_frame(const struct walk_frame *frame, FILE *out)
{
        const char *name = *frame->name ? frame->name : "?";
        bool bare = frame->kind == PROFILE_KERNEL || (!*frame->file && !frame->line);
        bool quote = bare && frame->kind != PROFILE_KERNEL && ends_like_a_count(name);

        if (quote)
                putc('(', out);
        escape_folded(name, out);
        if (quote)
                putc(')', out);
        if (frame->kind == PROFILE_KERNEL)
                fputs(FOLDED_KERNEL, out);
        if (bare)
                return;
        fputs(" (", out);
        escape_folded(shorten_file(frame), out);
        if (frame->line)
                fprintf(out, ":%" PRIu32, frame->line);
        putc(')', out);
}

static int write_line(void *ctx, const struct walk_stack *stack)
{
        FILE *out = ctx;

        for (size_t i = 0; i < stack->n; i++) {
                if (i > 0)
                        putc(';', out);
                folded_frame(&stack->frames[i], out);
        }
        fprintf(out, " %" PRIu64 "\n", stack->count);
        return 0;
}

static int folded_write(const struct profile_set *set, FILE *out)
{
        int r = walk_samples(set, write_line, out);

        return r ? r : escape_finish(out);
}

const struct format format_folded = {
        .name = "folded",
        .endings = { ".folded" },
        .summary = "one line a stack, for flamegraph.pl and speedscope",
        .write = folded_write,
};
