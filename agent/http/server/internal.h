/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_INSIDE_H
#define HTTP_SERVER_INSIDE_H

/* What the server's files share. */

#include "agent/http/server/guests.h"
#include "agent/http/server/server.h"

#include <pthread.h>
#include <stdatomic.h>

/* Of a whole lane, whatever it was asked for. */
#define WORKERS_MAX 8

/* From accept to the end of the head; from there to the end of the body; and for taking the answer. */
#define HEAD_MS 5000
#define BODY_MS 30000
#define ANSWER_MS 60000

/* Who has sent a wrong token waits so long for the answer. */
#define WRONG_TOKEN_MS 1000

/* A thread that answers, by a daemon of libmicrohttpd. */
struct worker {
        struct http_server *serve;
        enum http_lane lane;
        struct MHD_Daemon *daemon;
};

struct http_server {
        struct http_server_config config;
        bool local; /* only asked as one of this machine's own names */
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

uint64_t http_server_now_ms(void);

/* ---- the door: accepts, waits for heads, hands on, and ends what takes too long ---- */

/* Starts its thread. @serve->config.listen_fd stays the caller's. */
int http_server_door_open(struct http_server *serve);

/* Lets nobody in any more, and lets those go that wait in the lobby or for the answer to a wrong token. */
void http_server_door_close(struct http_server *serve);

/* ---- server.c ---- */

/* Hands a connection to libmicrohttpd, which closes it, also on failure. */
int http_server_worker_take(struct worker *worker, int fd, const struct sockaddr_storage *from, socklen_t len);

/* Goes on with a request whose answer was put off. */
void http_server_worker_resume(struct MHD_Connection *connection);

#endif
