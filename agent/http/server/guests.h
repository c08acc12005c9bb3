/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_GUESTS_H
#define HTTP_SERVER_GUESTS_H

/*
 * guests: the connections of a server, with the deadline of each. A guest is in the lobby until its head has come. Then
 * it is inside: libmicrohttpd has its descriptor, and closes it.
 *
 * Nothing here locks. The caller holds the server's lock.
 */

#include "agent/http/server/server.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * Connections at the same time: in the lobby; in the lobby of one peer; and inside, of one lane and of one peer there.
 */
#define GUESTS_LOBBY_MAX 128
#define GUESTS_LOBBY_MAX_OF_PEER 32
#define GUESTS_INSIDE_MAX 64
#define GUESTS_INSIDE_MAX_OF_PEER 16

/*
 * The other side: an IPv4 address, or the /64 of an IPv6 address, since a single host can choose any address in its
 * /64.
 */
struct guest_peer {
        uint8_t bytes[8];
        bool v6;
};

struct guest {
        struct guest *next, *prev;
        int fd;
        struct guest_peer peer;
        char address[INET6_ADDRSTRLEN];
        uint64_t until_ms;    /* its deadline, by CLOCK_MONOTONIC; 0: none */
        bool inside, leaving; /* @leaving: it has its answer; what it still sends is dropped */
        enum http_lane lane;
        struct worker *worker;          /* the worker that has it, if it is inside */
        struct MHD_Connection *waiting; /* its connection if its answer is put off until until_ms; otherwise NULL */
};

struct guests {
        struct guest *all; /* the list of all guests, the oldest first */
        size_t inside;
};

/* Adds a guest, which owns @fd. NULL if memory ran out; then the caller keeps @fd. */
struct guest *guests_add(struct guests *guests, int fd, const struct sockaddr_storage *from, uint64_t until_ms);

/* Removes a guest. The caller owns the descriptor again. */
void guests_remove(struct guests *guests, struct guest *guest);

/* Finds a guest by its descriptor. NULL if there is none. */
struct guest *guests_find(const struct guests *guests, int fd, bool inside);

/* The guest in the lobby that must go, of @peer or else of anybody. NULL if the lobby is not too full. */
struct guest *guests_surplus(const struct guests *guests, const struct guest_peer *peer);

/* The oldest guest in the lobby. NULL if it is empty. */
struct guest *guests_oldest(const struct guests *guests);

/* Whether @lane has no room for one more guest of @peer. @ret_oldest is the oldest guest of those that fill it. */
bool guests_is_full(const struct guests *guests, enum http_lane lane, const struct guest_peer *peer,
                    struct guest **ret_oldest);

/* The number of requests that @worker has. */
size_t guests_of(const struct guests *guests, const struct worker *worker);

void guests_enter(struct guests *guests, struct guest *guest, enum http_lane lane, struct worker *worker);

#endif
