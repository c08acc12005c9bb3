/* SPDX-License-Identifier: Apache-2.0 */
/* The address that the server listens on: "127.0.0.1:7411", "[::1]:7411", "localhost:0". */
#include "agent/http/server/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

/* Sizes of a host name and of a port, with the NUL. */
#define HOST_SIZE 256
#define PORT_SIZE sizeof("65535")

static int split_address(const char *address, char host[static HOST_SIZE], char port[static PORT_SIZE])
{
        const char *colon = strrchr(address, ':');
        size_t len;

        if (!colon || strlen(colon + 1) == 0 || strlen(colon + 1) >= PORT_SIZE ||
            strspn(colon + 1, "0123456789") != strlen(colon + 1))
                return -EINVAL;
        len = (size_t)(colon - address);
        if (address[0] == '[') {
                if (len < 3 || address[len - 1] != ']')
                        return -EINVAL;
                address++;
                len -= 2;
        } else if (memchr(address, ':', len)) {
                return -EINVAL;
        }
        if (len == 0 || len >= HOST_SIZE)
                return -EINVAL;
        snprintf(host, HOST_SIZE, "%.*s", (int)len, address);
        snprintf(port, PORT_SIZE, "%s", colon + 1);
        return 0;
}

static bool is_port(const char *port)
{
        return strtoul(port, NULL, 10) <= UINT16_MAX;
}

/* Returns a listening descriptor, or -errno. */
static int bind_and_listen(const struct addrinfo *info)
{
        int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, r;

        if (fd < 0)
                return -errno;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
                r = -errno;
                close(fd);
                return r;
        }
        return fd;
}

uint16_t http_server_port(int fd)
{
        struct sockaddr_storage address = { 0 };
        socklen_t len = sizeof(address);
        char port[PORT_SIZE] = "0";
        unsigned number = 0;

        if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
            getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV) == 0)
                sscanf(port, "%u", &number);
        return (uint16_t)number;
}

bool http_server_is_local(int fd)
{
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } address = { .any.sa_family = AF_UNSPEC };
        socklen_t len = sizeof(address);

        if (getsockname(fd, &address.any, &len) < 0)
                return false;
        return address.any.sa_family == AF_INET
                       ? ntohl(address.v4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET
                       : address.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}

int http_server_listen(const char *address, int *ret_fd, uint16_t *ret_port, char *reason, size_t reason_size)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *info;
        char host[HOST_SIZE], port[PORT_SIZE];
        int fd, r;

        if (split_address(address, host, port) < 0) {
                snprintf(reason, reason_size, "\"%s\" is not an address to listen on: expected ADDR:PORT", address);
                return HTTP_SERVER_E_ADDRESS;
        }
        /* getaddrinfo() would accept a larger port modulo 65536. */
        if (!is_port(port)) {
                snprintf(reason, reason_size, "\"%s\": there is no port %s; ports are 1 to 65535, or 0 for a free one",
                         address, port);
                return HTTP_SERVER_E_ADDRESS;
        }
        r = getaddrinfo(host, port, &hints, &info);
        if (r != 0) {
                snprintf(reason, reason_size, "cannot listen on %s: %s", address, gai_strerror(r));
                return HTTP_SERVER_E_ADDRESS;
        }
        fd = bind_and_listen(info);
        freeaddrinfo(info);
        if (fd < 0) {
                snprintf(reason, reason_size, "cannot listen on %s: %s", address, strerror(-fd));
                return fd == -EADDRINUSE ? HTTP_SERVER_E_IN_USE : fd;
        }
        *ret_port = http_server_port(fd);
        *ret_fd = fd;
        return 0;
}
