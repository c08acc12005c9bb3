/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/send/outcome.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(send_outcome);

static struct send_outcome judge(long status, const char *body, size_t len, char reason[static 512])
{
        struct http_client_answer answer = {
                .status = status, .body = guard_copy(body, len), .len = len, .error = "why"
        };

        return send_judge(&answer, reason, 512);
}

Test(send_outcome, by_status)
{
        static const struct {
                long status;
                struct send_outcome wanted;
        } rows[] = {
                { 200, { .fate = SEND_TAKEN } },
                { 204, { .fate = SEND_TAKEN } },
                { 301, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
                { 308, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
                { 400, { .fate = SEND_REFUSED } },
                { 401, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
                { 402, { .fate = SEND_REFUSED } },
                { 403, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
                { 404, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
                { 405, { .fate = SEND_REFUSED } },
                { 408, { .fate = SEND_AGAIN } },
                { 413, { .fate = SEND_TOO_LARGE } },
                { 415, { .fate = SEND_REFUSED } },
                { 422, { .fate = SEND_REFUSED } },
                { 429, { .fate = SEND_AGAIN, .gate = true, .tries = 10, .apart = true } },
                { 500, { .fate = SEND_AGAIN, .tries = 3, .unsure = true, .apart = true } },
                { 501, { .fate = SEND_REFUSED } },
                { 502, { .fate = SEND_AGAIN, .gate = true, .down = true, .unsure = true } },
                { 503, { .fate = SEND_AGAIN, .gate = true, .down = true, .unsure = true } },
                { 504, { .fate = SEND_AGAIN, .gate = true, .down = true, .unsure = true } },
                { 505, { .fate = SEND_REFUSED } },
                { 999, { .fate = SEND_REFUSED } },
                { HTTP_CLIENT_UNREACHABLE, { .fate = SEND_AGAIN, .gate = true, .down = true } },
                { HTTP_CLIENT_UNTRUSTED, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
                { HTTP_CLIENT_STOPPED, { .fate = SEND_AGAIN, .gate = true } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct send_outcome *w = &rows[i].wanted;
                char reason[512];
                struct send_outcome v = judge(rows[i].status, "", 0, reason);

                cr_expect(v.fate == w->fate && v.tries == w->tries && v.gate == w->gate && v.down == w->down &&
                                  v.misused == w->misused && v.unsure == w->unsure && v.apart == w->apart,
                          "status %ld", rows[i].status);
                cr_expect_eq(reason[0] == '\0', v.fate == SEND_TAKEN, "status %ld", rows[i].status);
        }
}

/* A broken connection leaves it open what the server has, once it was sent all. */
Test(send_outcome, what_is_not_known)
{
        struct http_client_answer answer = { .status = HTTP_CLIENT_UNREACHABLE, .body = "", .error = "why" };
        char reason[512];

        cr_expect(!send_judge(&answer, reason, sizeof(reason)).unsure);
        answer.sent = true;
        cr_expect(send_judge(&answer, reason, sizeof(reason)).unsure);
        answer.status = 200;
        cr_expect(!send_judge(&answer, reason, sizeof(reason)).unsure);
        answer.resent = true;
        cr_expect(send_judge(&answer, reason, sizeof(reason)).unsure);
}

/* Pyroscope answers 500 if one of several profiles is beyond its rate limit. */
Test(send_outcome, rate_limit_by_its_words)
{
        static const char words[] = "{\"code\":\"unknown\",\"message\":\"push rate limit (4.0 MiB) exceeded\"}";
        char reason[512];
        struct send_outcome v = judge(500, words, sizeof(words) - 1, reason);

        cr_expect(v.gate && v.tries == 10 && !v.unsure);
        cr_expect_eq(judge(500, words, 30, reason).tries, 3);
}

/* What a server may say after 200: only a positive number of rejected profiles is a refusal. */
Test(send_outcome, partial_success)
{
        static const struct {
                const char *body;
                enum send_fate fate;
        } rows[] = {
                { "", SEND_TAKEN },
                { "{}", SEND_TAKEN },
                { "null", SEND_TAKEN },
                { "[]", SEND_TAKEN },
                { "7", SEND_TAKEN },
                { "{\"partialSuccess\":{}}", SEND_TAKEN },
                { "{\"partialSuccess\":null}", SEND_TAKEN },
                { "{\"partialSuccess\":[1]}", SEND_TAKEN },
                { "{\"partialSuccess\":{\"rejectedProfiles\":\"0\",\"errorMessage\":\"beware\"}}", SEND_TAKEN },
                { "{\"partialSuccess\":{\"rejectedProfiles\":\"many\"}}", SEND_TAKEN },
                { "{\"partialSuccess\":{\"rejectedProfiles\":-1}}", SEND_TAKEN },
                { "{\"partialSuccess\":{\"rejectedProfiles\":\"2\",\"errorMessage\":\"old\"}}", SEND_REFUSED },
                { "{\"partialSuccess\":{\"rejectedProfiles\":2}}", SEND_REFUSED },
                { "{\"partialSuccess\":{\"rejectedProfiles\":\"2\"", SEND_TAKEN },
                { "\x0a\x04\x08\x01\x12\x00", SEND_TAKEN },
                { "[[[[[[[[[[[[[[[[[[[[[[[[", SEND_TAKEN },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char reason[512];
                cr_expect_eq(judge(200, rows[i].body, strlen(rows[i].body), reason).fate, rows[i].fate, "%s",
                             rows[i].body);
        }
}

Test(send_outcome, reasons_are_short_and_printable)
{
        char reason[512], body[4096];

        judge(400, "bad\r\n\x1b[31mred", 13, reason);
        cr_assert_str_eq(reason, "HTTP status 400: bad   [31mred");
        judge(413, "", 0, reason);
        cr_assert_str_eq(reason, "HTTP status 413");
        judge(HTTP_CLIENT_UNREACHABLE, "", 0, reason);
        cr_assert_str_eq(reason, "why");
        memset(body, 'a', sizeof(body));
        judge(422, body, sizeof(body), reason);
        cr_assert_eq(strlen(reason), strlen("HTTP status 422: ") + 200);
        judge(200, "{\"partialSuccess\":{\"rejectedProfiles\":\"3\",\"errorMessage\":\"too old\"}}", 68, reason);
        cr_assert_str_eq(reason, "3 profiles rejected: too old");
        static const char forged[] = "{\"partialSuccess\":{\"rejectedProfiles\":1,\"errorMessage\":"
                                     "\"a\\u001b[2Jb\\u009bc\\nd\\u202ee\"}}";
        judge(200, forged, sizeof(forged) - 1, reason);
        cr_assert_str_eq(reason, "1 profiles rejected: a [2Jb??c d???e");
        judge(400,
              "\xff\x9b"
              "2J",
              4, reason);
        cr_assert_str_eq(reason, "HTTP status 400: ??2J");
}
