/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_VERDICT_H
#define SEND_VERDICT_H

/* What an answer means for the batch and for the destination. */

#include "agent/http/http.h"

#include <stdbool.h>

enum send_fate {
        SEND_TAKEN,
        SEND_REFUSED,   /* for good */
        SEND_TOO_LARGE, /* never again as it is */
        SEND_AGAIN,
};

struct send_verdict {
        enum send_fate fate;
        unsigned tries; /* SEND_AGAIN: refused for good after so many such answers; 0: no bound */
        bool gate;      /* it is the destination that cannot: nothing is sent to it meanwhile */
        bool down;      /* … and people should know */
        bool misused;   /* … who have to repair something first: no use in trying often */
};

/* @reason gets a sentence for everything but a plain success; then it is "". */
struct send_verdict send_judge(const struct http_client_answer *answer, char *reason, size_t reason_size);

#endif
