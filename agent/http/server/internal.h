/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_INTERNAL_H
#define HTTP_SERVER_INTERNAL_H

/* What the server's files share. */

#include "agent/http/server/guests.h"
#include "agent/http/server/server.h"

#include <pthread.h>
#include <stdatomic.h>

/* The most threads, of all lanes. */
#define WORKERS_MAX 8

/* Time from accept to the end of the head; from there to the end of the body; and for taking the answer. */
#define HEAD_MS 5000
#define BODY_MS 30000
#define ANSWER_MS 60000

/* The answer to a wrong token comes after this time. */
#define WRONG_TOKEN_MS 1000

/* A thread that answers: a daemon of libmicrohttpd. */
struct worker {
        struct http_server *serve;
        enum http_lane lane;
        struct MHD_Daemon *daemon;
};

struct http_server {
        struct http_server_config config;
        bool local; /* requests must name one of this machine's own names */
        uint16_t port;
        struct worker workers[WORKERS_MAX];
        size_t workers_n;
        _Atomic size_t body_bytes; /* bytes of bodies in memory */
        _Atomic size_t answered;   /* bytes of answers that were not taken yet */

        pthread_mutex_t lock;
        pthread_cond_t idle; /* signalled when no guest is inside */
        struct guests guests;
        uint64_t wrong_n, wrong_said_ms; /* wrong tokens since the log was told, and when that was */

        /* Of the acceptor. */
        pthread_t acceptor;
        bool has_acceptor;
        int epoll_fd, wake_fd;
        _Atomic bool closing;
};

uint64_t http_server_now_ms(void);

/* ---- the acceptor: accepts, waits for heads, hands on, and ends what takes too long ---- */

/* Starts the acceptor's thread. The caller keeps @serve->config.listen_fd. */
int http_server_acceptor_open(struct http_server *serve);

/* Accepts no more connections. Closes those that wait in the lobby or for the answer to a wrong token. */
void http_server_acceptor_close(struct http_server *serve);

/* ---- server.c ---- */

/* Gives a connection to libmicrohttpd, which closes it, also on failure. */
int http_server_worker_take(struct worker *worker, int fd, const struct sockaddr_storage *from, socklen_t len);

/* Goes on with a request whose answer was put off. */
void http_server_worker_resume(struct MHD_Connection *connection);

#endif
