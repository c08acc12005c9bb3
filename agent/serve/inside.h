/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVE_INSIDE_H
#define SERVE_INSIDE_H

/* What the server's files share. */

#include "agent/serve/guests.h"
#include "agent/serve/serve.h"

#include <pthread.h>
#include <stdatomic.h>

/* Of a whole lane, whatever it was asked for. */
#define WORKERS_MAX 8

/* From accept to the end of the head; from there to the end of the body; and for taking the answer. */
#define HEAD_MS   5000
#define BODY_MS   30000
#define ANSWER_MS 60000

/* Who has sent a wrong token waits so long for the answer. */
#define WRONG_TOKEN_MS 1000

/* A thread that answers, by a daemon of libmicrohttpd. */
struct worker {
        struct serve *serve;
        enum serve_lane lane;
        struct MHD_Daemon *daemon;
};

struct serve {
        struct serve_config config;
        bool local;    /* only asked as one of this machine's own names */
        uint16_t port;
        struct worker workers[WORKERS_MAX];
        size_t workers_n;
        _Atomic size_t held;     /* bytes of bodies */
        _Atomic size_t answered; /* bytes of answers that are not taken yet */

        pthread_mutex_t lock;
        pthread_cond_t idle; /* nobody is inside */
        struct guests guests;
        uint64_t wrong_n, wrong_said_ms; /* wrong tokens since it was said, and when that was */

        /* The door's. */
        pthread_t door;
        bool has_door;
        int epoll_fd, wake_fd;
        _Atomic bool closing;
};

uint64_t serve_now_ms(void);

/* ---- the door: accepts, waits for heads, hands on, and ends what takes too long ---- */

/* Starts its thread. @serve->config.listen_fd stays the caller's. */
int serve_door_open(struct serve *serve);

/* Lets nobody in any more, and lets those go that wait in the lobby or for the answer to a wrong token. */
void serve_door_close(struct serve *serve);

/* ---- http.c ---- */

/* Hands a connection to libmicrohttpd, which closes it, also on failure. */
int serve_worker_take(struct worker *worker, int fd, const struct sockaddr_storage *from, socklen_t len);

/* Goes on with a request whose answer was put off. */
void serve_worker_resume(struct MHD_Connection *connection);

#endif
