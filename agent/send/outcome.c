/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a status to an outcome. OTLP retries only 429, 502, 503 and 504. There are three deviations.
 *
 * 401, 403, 404 and redirects say that the address or the credentials are wrong, not the data: batches wait (the queue
 * is bounded) until someone repairs that.
 * 500 is tried three times: Pyroscope answers it for outages, too.
 * 429 is given up after ten times: Pyroscope answers it for ever if a profile is larger than its burst size. Newer ones
 * answer 500 instead, and name their rate limit.
 *
 * If the connection broke after all of the request was sent, or a server answers that it has failed, the batch may be
 * stored. 429 is sure for a batch of one profile.
 *
 * 413 means the batch as it is: its halves are other batches.
 */
#include "agent/send/outcome.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* The nesting of {"partialSuccess":{"rejectedProfiles":"1"}}, and some more. */
#define ANSWER_MAX_DEPTH 8

/* At most this many bytes of a refusal's body are quoted. */
#define QUOTED_MAX 200

static const struct {
        long first, last; /* inclusive */
        struct send_outcome outcome;
} outcomes[] = {
        { HTTP_CLIENT_STOPPED, HTTP_CLIENT_STOPPED, { .fate = SEND_AGAIN, .gate = true } },
        { HTTP_CLIENT_UNTRUSTED,
          HTTP_CLIENT_UNTRUSTED,
          { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
        { HTTP_CLIENT_UNREACHABLE, HTTP_CLIENT_UNREACHABLE, { .fate = SEND_AGAIN, .gate = true, .down = true } },
        { 200, 299, { .fate = SEND_TAKEN } },
        { 300, 399, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
        { 401, 401, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
        { 403, 404, { .fate = SEND_AGAIN, .gate = true, .down = true, .misused = true } },
        { 408, 408, { .fate = SEND_AGAIN } },
        { 413, 413, { .fate = SEND_TOO_LARGE } },
        { 429, 429, { .fate = SEND_AGAIN, .gate = true, .tries = 10, .apart = true } },
        { 500, 500, { .fate = SEND_AGAIN, .tries = 3, .unsure = true, .apart = true } },
        { 502, 504, { .fate = SEND_AGAIN, .gate = true, .down = true, .unsure = true } },
};

static struct send_outcome outcome_of(long status)
{
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                if (status >= outcomes[i].first && status <= outcomes[i].last)
                        return outcomes[i].outcome;
        }
        return (struct send_outcome){ .fate = SEND_REFUSED };
}

/* Whether profiles were rejected. Pyroscope answers protobuf to JSON, so an answer that is not JSON means success. */
static bool is_partial(const char *body, size_t len, char *reason, size_t reason_size)
{
        struct json_tokener *tokener = json_tokener_new_ex(ANSWER_MAX_DEPTH);
        struct json_object *root, *partial, *field;
        int64_t rejected = 0;

        if (!tokener)
                return false;
        root = json_tokener_parse_ex(tokener, body, (int)len);
        if (json_object_object_get_ex(root, "partialSuccess", &partial) &&
            json_object_object_get_ex(partial, "rejectedProfiles", &field))
                rejected = json_object_get_int64(field);
        if (rejected > 0) {
                const char *message = json_object_object_get_ex(partial, "errorMessage", &field)
                                              ? json_object_get_string(field)
                                              : NULL;
                snprintf(reason, reason_size, "%lld profiles rejected: %.*s", (long long)rejected, QUOTED_MAX,
                         message ? message : "no reason given");
        }
        json_object_put(root);
        json_tokener_free(tokener);
        return rejected > 0;
}

static void quote_answer(const struct http_client_answer *answer, char *reason, size_t reason_size)
{
        char quoted[QUOTED_MAX + 1];
        size_t n = answer->len < QUOTED_MAX ? answer->len : QUOTED_MAX;

        for (size_t i = 0; i < n; i++)
                quoted[i] = answer->body[i] ? answer->body[i] : ' ';
        quoted[n] = '\0';
        snprintf(reason, reason_size, n > 0 ? "HTTP status %ld: %s" : "HTTP status %ld", answer->status, quoted);
}

/*
 * Makes an answer's text printable: answers may have any bytes, and go to terminals and logs. So is a character that
 * was cut.
 */
static void make_harmless(char *reason)
{
        for (; *reason; reason++) {
                unsigned char c = (unsigned char)*reason;

                if (c < 0x20 || c >= 0x7f)
                        *reason = c < 0x80 ? ' ' : '?';
        }
}

static bool is_rate_limit(const struct http_client_answer *answer)
{
        static const char words[] = "rate limit";

        return answer->status == 500 && answer->len > 0 && memmem(answer->body, answer->len, words, strlen(words));
}

struct send_outcome send_judge(const struct http_client_answer *answer, char *reason, size_t reason_size)
{
        struct send_outcome outcome = outcome_of(is_rate_limit(answer) ? 429 : answer->status);

        if (answer->status == HTTP_CLIENT_UNREACHABLE || answer->status == HTTP_CLIENT_STOPPED)
                outcome.unsure = answer->sent;
        reason[0] = '\0';
        if (outcome.fate == SEND_TAKEN) {
                if (is_partial(answer->body, answer->len, reason, reason_size))
                        outcome.fate = SEND_REFUSED;
        } else if (answer->status > 0) {
                quote_answer(answer, reason, reason_size);
        } else {
                snprintf(reason, reason_size, "%s", answer->error);
        }
        outcome.unsure |= answer->resent;
        make_harmless(reason);
        return outcome;
}
