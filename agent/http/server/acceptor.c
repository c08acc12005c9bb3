/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that accepts connections. libmicrohttpd has no deadline but for silence, and serves in the order of
 * arrival. So a connection is given to libmicrohttpd only once its head has come. The thread looks at the head without
 * taking it out of the socket (MSG_PEEK).
 *
 * - A connection without a whole head waits in the lobby, for HEAD_MS at most. The lobby is bounded for each address.
 *   When it is full, its oldest connection is closed: a probe sends its head at once, so that only slow ones are
 *   affected.
 * - The path chooses the lane. Each lane has its own threads and places, so that other requests do not keep a probe
 *   waiting.
 * - A connection that takes too long inside is shut down; libmicrohttpd then closes it.
 */
#include "agent/http/server/head.h"
#include "agent/http/server/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#define EVENTS_MAX 64
#define ACCEPTS_MAX 64 /* connections accepted in a row, before those that came are looked at */
#define LONGEST_MS 1000

/* A connection that is turned away has this long to take its answer. */
#define LEAVING_MS 1000

/* If descriptors have run out, the next attempt comes after this time. */
#define STARVED_MS 20

uint64_t http_server_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- leaving -------------------------------------------------------------- */

static void drop_guest(struct http_server *serve, struct guest *guest)
{
        int fd = guest->fd;

        guests_remove(&serve->guests, guest);
        close(fd);
}

/*
 * Reads and drops what has come, since closing a socket with unread bytes would discard the answer. False if the other
 * side has closed.
 */
static bool drain_socket(int fd)
{
        char bytes[4096];
        ssize_t n;

        do
                n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        while (n > 0);
        return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Answers a connection in the lobby, in the form that the routes have for errors. */
static void turn_guest_away(struct http_server *serve, struct guest *guest, unsigned status, const char *sentence)
{
        struct http_answer answer = { 0 };
        char head[512];
        int len;

        serve->config.refuse(&answer, status, sentence);
        len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %u Refused\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n",
                       status, answer.type, answer.body ? answer.len : 0, status == 503 ? "Retry-After: 1\r\n" : "");
        drain_socket(guest->fd);
        send(guest->fd, head, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
        send(guest->fd, answer.body, answer.body ? answer.len : 0, MSG_NOSIGNAL | MSG_DONTWAIT);
        shutdown(guest->fd, SHUT_WR);
        free(answer.body);
        free(answer.policy);
        guest->leaving = true;
        guest->until_ms = http_server_now_ms() + LEAVING_MS;
}

/* ---- handing on ----------------------------------------------------------- */

static enum http_lane lane_of(const struct http_server *serve, const struct http_server_head *head)
{
        for (size_t i = 0; i < serve->config.routes_n; i++) {
                const struct http_route *route = &serve->config.routes[i];

                if (strlen(route->path) == head->path_len && memcmp(route->path, head->path, head->path_len) == 0)
                        return route->lane;
        }
        return HTTP_LANE_READS;
}

/* The worker of the lane with the fewest requests. */
static struct worker *choose_worker(struct http_server *serve, enum http_lane lane)
{
        struct worker *best = NULL;
        size_t least = 0;

        for (size_t i = 0; i < serve->workers_n; i++) {
                struct worker *worker = &serve->workers[i];
                size_t n = guests_of(&serve->guests, worker);

                if (worker->lane != lane || (best && n >= least))
                        continue;
                best = worker;
                least = n;
        }
        return best;
}

/*
 * Whether @lane takes one more request. Probes are answered at once and leave, so that a connection that stays in their
 * lane is not a probe: the oldest is shut down to make place.
 */
static bool make_place(struct http_server *serve, enum http_lane lane, const struct guest *guest)
{
        struct guest *oldest;

        if (!guests_is_full(&serve->guests, lane, &guest->peer, &oldest))
                return true;
        if (lane != HTTP_LANE_PROBES)
                return false;
        shutdown(oldest->fd, SHUT_RDWR);
        return true;
}

/*
 * Gives a guest to a worker. The caller holds the lock. It is released while libmicrohttpd takes the connection, since
 * libmicrohttpd may report at once that the connection is gone.
 */
static void hand_to_worker(struct http_server *serve, struct guest *guest, enum http_lane lane)
{
        struct worker *worker = choose_worker(serve, lane);
        struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof(from);
        int fd = guest->fd;

        if (!worker || !make_place(serve, lane, guest)) {
                turn_guest_away(serve, guest, 503, "too many connections are open at the moment");
                return;
        }
        epoll_ctl(serve->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        getpeername(fd, (struct sockaddr *)&from, &len);
        guest->until_ms = http_server_now_ms() + BODY_MS;
        guests_enter(&serve->guests, guest, lane, worker);
        pthread_mutex_unlock(&serve->lock);
        int r = http_server_worker_take(worker, fd, &from, len);
        pthread_mutex_lock(&serve->lock);
        guest = r < 0 ? guests_find(&serve->guests, fd, true) : NULL;
        if (guest)
                guests_remove(&serve->guests, guest);
}

static void look_at_guest(struct http_server *serve, struct guest *guest)
{
        char bytes[HTTP_SERVER_HEAD_MAX];
        struct http_server_head head;
        ssize_t n;

        if (guest->leaving) {
                if (!drain_socket(guest->fd))
                        drop_guest(serve, guest);
                return;
        }
        n = recv(guest->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0) {
                if (n == 0 || (errno != EAGAIN && errno != EINTR))
                        drop_guest(serve, guest);
                return;
        }
        switch (http_server_head_read(bytes, (size_t)n, &head)) {
        case HTTP_SERVER_HEAD_WHOLE:
                hand_to_worker(serve, guest, lane_of(serve, &head));
                break;
        case HTTP_SERVER_HEAD_WRONG:
                turn_guest_away(serve, guest, 400, "this is not a request");
                break;
        case HTTP_SERVER_HEAD_PARTIAL:
                if (n == sizeof(bytes))
                        turn_guest_away(serve, guest, 431, "the headers are larger than 16 KiB");
        }
}

/* ---- letting in ----------------------------------------------------------- */

/*
 * Accepts a connection. Returns a descriptor, or -errno. If descriptors have run out, the oldest connection in the
 * lobby is closed.
 */
static int accept_next(struct http_server *serve, struct sockaddr_storage *from)
{
        for (;;) {
                socklen_t len = sizeof(*from);
                int fd = accept4(serve->config.listen_fd, (struct sockaddr *)from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
                struct guest *oldest = guests_oldest(&serve->guests);

                if (fd >= 0)
                        return fd;
                if ((errno != EMFILE && errno != ENFILE) || !oldest)
                        return -errno;
                drop_guest(serve, oldest);
        }
}

static void admit_guest(struct http_server *serve, int fd, const struct sockaddr_storage *from)
{
        struct guest *guest = guests_add(&serve->guests, fd, from, http_server_now_ms() + HEAD_MS), *surplus;
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd };

        if (!guest) {
                close(fd);
                return;
        }
        if (epoll_ctl(serve->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
                drop_guest(serve, guest);
                return;
        }
        surplus = guests_surplus(&serve->guests, &guest->peer);
        if (surplus)
                drop_guest(serve, surplus);
}

/* Accepts all that wait. Returns for how many ms to leave the listening socket alone. */
static unsigned admit_waiting_guests(struct http_server *serve)
{
        for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
                struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
                int fd = accept_next(serve, &from);

                if (fd >= 0)
                        admit_guest(serve, fd, &from);
                else if (fd == -EAGAIN)
                        return 0;
                else if (fd != -EINTR && fd != -ECONNABORTED)
                        return STARVED_MS;
        }
        return 0;
}

/* ---- time ----------------------------------------------------------------- */

static void end_guest_time(struct http_server *serve, struct guest *guest, uint64_t now)
{
        struct MHD_Connection *waiting = guest->waiting;

        if (waiting) {
                guest->waiting = NULL;
                guest->until_ms = now + ANSWER_MS;
                http_server_worker_resume(waiting);
        } else if (guest->inside) {
                guest->until_ms = 0;
                shutdown(guest->fd, SHUT_RDWR);
        } else if (guest->leaving) {
                drop_guest(serve, guest);
        } else {
                turn_guest_away(serve, guest, 408, "the headers took too long");
        }
}

/* Ends what has exceeded its time. Returns how long until the next deadline, in ms. */
static int end_expired_times(struct http_server *serve)
{
        uint64_t now = http_server_now_ms(), next = now + LONGEST_MS;
        struct guest *guest, *following;

        DL_FOREACH_SAFE(serve->guests.all, guest, following)
        {
                if (guest->until_ms == 0)
                        continue;
                if (guest->until_ms <= now)
                        end_guest_time(serve, guest, now);
                else if (guest->until_ms < next)
                        next = guest->until_ms;
        }
        return (int)(next - now);
}

/* ---- the thread ----------------------------------------------------------- */

/* Handles events. Returns for how many ms to leave the listening socket alone. */
static unsigned serve_events(struct http_server *serve, const struct epoll_event *events, int n)
{
        unsigned pause = 0;

        for (int i = 0; i < n; i++) {
                int fd = events[i].data.fd;
                struct guest *guest;

                if (fd == serve->config.listen_fd) {
                        pause = admit_waiting_guests(serve);
                } else if (fd != serve->wake_fd) {
                        /*
                         * The guest may have been dropped meanwhile, and another one may have its descriptor. Looking
                         * at that one does no harm.
                         */
                        guest = guests_find(&serve->guests, fd, false);
                        if (guest)
                                look_at_guest(serve, guest);
                }
        }
        return pause;
}

static void *run_acceptor(void *ctx)
{
        struct http_server *serve = ctx;
        struct epoll_event events[EVENTS_MAX];

        while (!atomic_load(&serve->closing)) {
                pthread_mutex_lock(&serve->lock);
                int timeout = end_expired_times(serve);
                pthread_mutex_unlock(&serve->lock);
                int n = epoll_wait(serve->epoll_fd, events, EVENTS_MAX, timeout);
                pthread_mutex_lock(&serve->lock);
                unsigned pause = serve_events(serve, events, n);
                pthread_mutex_unlock(&serve->lock);
                if (pause > 0)
                        nanosleep(&(struct timespec){ .tv_nsec = (long)pause * 1000000 }, NULL);
        }
        return NULL;
}

static int watch_socket(struct http_server *serve, int fd)
{
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        return fd < 0 || epoll_ctl(serve->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int http_server_acceptor_open(struct http_server *serve)
{
        int r;

        serve->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        serve->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = serve->epoll_fd < 0 ? -errno : watch_socket(serve, serve->wake_fd);
        if (r == 0)
                r = watch_socket(serve, serve->config.listen_fd);
        if (r == 0)
                r = -pthread_create(&serve->acceptor, NULL, run_acceptor, serve);
        serve->has_acceptor = r == 0;
        return r;
}

void http_server_acceptor_close(struct http_server *serve)
{
        static const uint64_t one = 1;
        struct guest *guest, *next;

        atomic_store(&serve->closing, true);
        if (serve->has_acceptor) {
                if (write(serve->wake_fd, &one, sizeof(one)) == sizeof(one))
                        pthread_join(serve->acceptor, NULL);
                serve->has_acceptor = false;
        }
        pthread_mutex_lock(&serve->lock);
        DL_FOREACH_SAFE(serve->guests.all, guest, next)
        {
                if (!guest->inside)
                        drop_guest(serve, guest);
                else if (guest->waiting)
                        end_guest_time(serve, guest, http_server_now_ms());
        }
        pthread_mutex_unlock(&serve->lock);
        if (serve->epoll_fd >= 0)
                close(serve->epoll_fd);
        if (serve->wake_fd >= 0)
                close(serve->wake_fd);
        serve->epoll_fd = serve->wake_fd = -1;
}
