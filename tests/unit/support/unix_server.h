/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_UNIX_SERVER_H
#define TESTS_SUPPORT_UNIX_SERVER_H

#include "tests/unit/nsutil_helper.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket in a folder of its own, and a thread that serves it until accept() fails. */
struct unix_server {
        char folder[64], path[96];
        int fd;
        pthread_t thread;
};

static inline void unix_server_start(struct unix_server *server, void *(*serve)(void *ctx), void *ctx)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        temp_make(server->folder, sizeof(server->folder));
        snprintf(server->path, sizeof(server->path), "%s/socket", server->folder);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
        server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(listen(server->fd, 8), 0);
        cr_assert_eq(pthread_create(&server->thread, NULL, serve, ctx), 0);
}

static inline void unix_server_stop(struct unix_server *server)
{
        shutdown(server->fd, SHUT_RDWR);
        pthread_join(server->thread, NULL);
        close(server->fd);
        temp_remove(server->folder);
}

#endif
