/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: one embedded html file with its script and style. Its policy allows that one script, by a nonce that is new
 * for every answer, and requests to its own server. Any other script that gets into the page does not run. The script's
 * element lists the formats that there are to download.
 */
#include "agent/collect/page.h"
#include "agent/collect/answer.h"
#include "agent/format/embed.h"
#include "agent/format/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

EMBED(collect_page_html, "/page.html");

#define SCRIPT "<script>"
#define NONCE_SIZE (2 * 16 + 1)

static bool make_nonce(char nonce[static NONCE_SIZE])
{
        unsigned char random[(NONCE_SIZE - 1) / 2];

        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
                return false;
        for (size_t i = 0; i < sizeof(random); i++)
                snprintf(nonce + 2 * i, 3, "%02x", random[i]);
        return true;
}

static char *make_policy(const char *nonce)
{
        char *policy;

        if (asprintf(&policy,
                     "default-src 'none'; script-src 'nonce-%s'; style-src 'unsafe-inline'; connect-src 'self'; "
                     "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                     nonce) < 0)
                return NULL;
        return policy;
}

static char *make_html(const char *nonce, size_t *ret_len)
{
        size_t len = (size_t)(collect_page_html_end - collect_page_html);
        const char *script = memmem(collect_page_html, len, SCRIPT, strlen(SCRIPT));
        const char *rest = script ? script + strlen(SCRIPT) : collect_page_html_end;
        size_t before = (size_t)((script ? script : collect_page_html_end) - collect_page_html);
        char *html = NULL;
        FILE *out = open_memstream(&html, ret_len);

        if (!out)
                return NULL;
        fwrite(collect_page_html, 1, before, out);
        fprintf(out, "<script nonce=\"%s\" data-formats=\"", nonce);
        for (size_t i = 0; i < format_table_n; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "", format_table[i]->name);
        fputs("\">", out);
        fwrite(rest, 1, (size_t)(collect_page_html_end - rest), out);
        if (fclose(out) != 0) {
                free(html);
                return NULL;
        }
        return html;
}

void collect_page(struct http_answer *ret)
{
        char nonce[NONCE_SIZE];
        size_t len = 0;

        if (!make_nonce(nonce)) {
                collect_refuse(ret, 500, "no random numbers");
                return;
        }
        *ret = (struct http_answer){ .status = 200, .type = "text/html; charset=utf-8" };
        ret->policy = make_policy(nonce);
        ret->body = make_html(nonce, &len);
        ret->len = len;
}
