/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, one connection at a time: libcurl keeps a single one here. */
#include "tests/unit/send_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS_MAX 512

struct server {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t came;
        int fd, connection;
        uint16_t port;
        const struct step *steps;
        size_t steps_n;
        struct request requests[REQUESTS_MAX];
        size_t n, connections;
        bool stopping;
};

static ssize_t read_more(int fd, char *at, size_t room)
{
        ssize_t n;

        do
                n = recv(fd, at, room, 0);
        while (n < 0 && errno == EINTR);
        return n;
}

static bool read_head(int fd, struct request *request)
{
        size_t len = 0;

        while (len + 1 < sizeof(request->head) && read_more(fd, request->head + len, 1) == 1) {
                request->head[++len] = '\0';
                if (len >= 4 && memcmp(request->head + len - 4, "\r\n\r\n", 4) == 0)
                        return true;
        }
        return false;
}

static bool read_request(int fd, struct request *request)
{
        if (!read_head(fd, request))
                return false;
        request->len = strtoul(request_header(request, "Content-Length"), NULL, 10);
        request->body = calloc(1, request->len + 1);
        for (size_t len = 0; len < request->len;) {
                ssize_t n = read_more(fd, request->body + len, request->len - len);
                if (n <= 0)
                        return false;
                len += (size_t)n;
        }
        return true;
}

static bool answer(int fd, const struct step *step)
{
        const char *body = step->body ? step->body : "";
        size_t missing = step->act == ACT_TRUNCATE ? 10 : 0;
        char text[4096];
        int len = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", step->status,
                           step->headers ? step->headers : "", strlen(body) + missing, body);

        if (step->act == ACT_BREAK)
                len = sizeof("HTTP/1.1 2") - 1;
        return send(fd, text, (size_t)len, MSG_NOSIGNAL) == len && step->act == ACT_ANSWER;
}

/* Whether the connection goes on. */
static bool act(int fd, const struct step *step)
{
        struct linger at_once = { .l_onoff = 1 };
        char byte;

        switch (step->act) {
        case ACT_STALL:
                while (read_more(fd, &byte, 1) > 0)
                        ;
                return false;
        case ACT_RESET:
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
                return false;
        default:
                return answer(fd, step);
        }
}

static void serve(struct server *server, int fd)
{
        struct request *request = &server->requests[server->n];

        while (server->n < REQUESTS_MAX && read_request(fd, request)) {
                size_t n = server->n;

                pthread_mutex_lock(&server->lock);
                server->n++;
                pthread_cond_broadcast(&server->came);
                pthread_mutex_unlock(&server->lock);
                if (!act(fd, &server->steps[n < server->steps_n ? n : server->steps_n - 1]))
                        return;
                request = &server->requests[server->n];
        }
}

static void *run(void *ctx)
{
        struct server *server = ctx;

        for (;;) {
                int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

                pthread_mutex_lock(&server->lock);
                server->connection = fd;
                server->connections++;
                bool stopping = server->stopping;
                pthread_mutex_unlock(&server->lock);
                if (fd >= 0 && !stopping)
                        serve(server, fd);
                pthread_mutex_lock(&server->lock);
                if (fd >= 0)
                        close(fd);
                server->connection = -1;
                stopping = server->stopping;
                pthread_mutex_unlock(&server->lock);
                if (stopping)
                        return NULL;
        }
}

struct server *server_start(uint16_t port, const struct step *steps, size_t n)
{
        struct server *server = calloc(1, sizeof(*server));
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
        socklen_t len = sizeof(address);
        int on = 1;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        server->steps = steps;
        server->steps_n = n;
        server->connection = -1;
        pthread_mutex_init(&server->lock, NULL);
        pthread_cond_init(&server->came, NULL);
        server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        cr_assert_eq(bind(server->fd, (struct sockaddr *)&address, len), 0);
        cr_assert_eq(listen(server->fd, 8), 0);
        cr_assert_eq(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
        server->port = ntohs(address.sin_port);
        cr_assert_eq(pthread_create(&server->thread, NULL, run, server), 0);
        return server;
}

void server_stop(struct server *server)
{
        pthread_mutex_lock(&server->lock);
        server->stopping = true;
        if (server->connection >= 0)
                shutdown(server->connection, SHUT_RDWR);
        shutdown(server->fd, SHUT_RDWR);
        pthread_mutex_unlock(&server->lock);
        pthread_join(server->thread, NULL);
        close(server->fd);
        for (size_t i = 0; i < REQUESTS_MAX; i++)
                free(server->requests[i].body);
        free(server);
}

uint16_t server_port(const struct server *server)
{
        return server->port;
}

const struct request *server_request(struct server *server, size_t n)
{
        struct timespec until;
        int r = 0;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 5;
        pthread_mutex_lock(&server->lock);
        while (server->n <= n && r == 0)
                r = pthread_cond_timedwait(&server->came, &server->lock, &until);
        pthread_mutex_unlock(&server->lock);
        cr_assert_eq(r, 0, "request %zu did not come", n);
        return &server->requests[n];
}

size_t server_requests(struct server *server)
{
        pthread_mutex_lock(&server->lock);
        size_t n = server->n;
        pthread_mutex_unlock(&server->lock);
        return n;
}

size_t server_connections(struct server *server)
{
        pthread_mutex_lock(&server->lock);
        size_t n = server->connections;
        pthread_mutex_unlock(&server->lock);
        return n;
}

const char *request_header(const struct request *request, const char *name)
{
        static char value[512];
        char wanted[64];
        const char *line;

        snprintf(wanted, sizeof(wanted), "\r\n%s:", name);
        line = strcasestr(request->head, wanted);
        if (!line)
                return "(none)";
        line += strlen(wanted);
        line += strspn(line, " ");
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\r"), line);
        return value;
}
