/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_OUTCOME_H
#define SEND_OUTCOME_H

/* What an answer means for the batch and for the destination. */

#include "agent/http/http.h"

#include <stdbool.h>

enum send_fate {
        SEND_TAKEN,
        SEND_REFUSED,   /* the collector will never accept it */
        SEND_TOO_LARGE, /* it must not be sent again as it is */
        SEND_AGAIN,
};

struct send_outcome {
        enum send_fate fate;
        unsigned tries; /* SEND_AGAIN: after this many such answers it is refused for good; 0: no bound */
        bool gate;      /* the destination has failed: nothing is sent to it for a while */
        bool down;      /* the destination has failed, and people should know */
        bool misused;   /* people must repair something first, so frequent attempts are useless */
        bool unsure;    /* the collector may have stored all of it, or a part */
        bool apart;     /* of several profiles, some may be stored, and each may be taken alone */
};

/* Judges an answer. @reason gets a sentence, or "" for a plain success. */
struct send_outcome send_judge(const struct http_client_answer *answer, char *reason, size_t reason_size);

#endif
