/* SPDX-License-Identifier: Apache-2.0 */
/* Writing answers as text, piece by piece. */
#include "agent/collect/answer.h"
#include "agent/collect/questions/questions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SECOND_NS 1000000000

bool question_write_begin(struct written *written, struct http_answer *ret)
{
        *written = (struct written){ 0 };
        written->out = open_memstream(&written->text, &written->len);
        if (!written->out)
                collect_answer_error(ret, -ENOMEM);
        return written->out != NULL;
}

void question_write_end(struct written *written, int r, struct http_answer *ret)
{
        bool failed = ferror(written->out);

        if ((fclose(written->out) != 0 || failed) && r == 0)
                r = -ENOMEM;
        if (r == 0) {
                ret->status = 200;
                ret->type = "application/json";
                ret->body = written->text;
                ret->len = written->len;
        } else {
                free(written->text);
                collect_answer_error(ret, r);
        }
}

void question_write_seconds(int64_t ns, FILE *out)
{
        int64_t fraction = ns % SECOND_NS;
        int digits = 9;

        fprintf(out, "%" PRId64, ns / SECOND_NS);
        if (fraction <= 0)
                return;
        for (; fraction % 10 == 0; digits--)
                fraction /= 10;
        fprintf(out, ".%0*" PRId64, digits, fraction);
}

void question_write_range(const struct asked *asked, FILE *out)
{
        const char *comma = "";

        fputs("\"from\":", out);
        question_write_seconds(asked->range.from_ns, out);
        fputs(",\"to\":", out);
        question_write_seconds(asked->range.to_ns, out);
        fprintf(out, ",\"mode\":\"%s\",\"modes\":[", profile_mode_name(asked->mode));
        for (unsigned mode = 0; mode < PROFILE_MODES; mode++) {
                if (!(asked->modes & 1u << mode))
                        continue;
                fprintf(out, "%s\"%s\"", comma, profile_mode_name((enum profile_mode)mode));
                comma = ",";
        }
        putc(']', out);
}
