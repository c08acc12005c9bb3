/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_GUESTS_H
#define HTTP_SERVER_GUESTS_H

/*
 * guests: the connections that a server has, with the time that each of them is
 * given. One is in the lobby until its head is there, then inside: libmicrohttpd
 * has its descriptor, and closes it.
 *
 * Nothing here locks; serve's own lock is held by whoever calls.
 */

#include "agent/http/server/server.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Connections at the same time: without a whole head; of an address; and those that one route's lane takes. */
#define GUESTS_LOBBY_MAX 128
#define GUESTS_LOBBY_MAX_OF_PEER 32
#define GUESTS_INSIDE_MAX 64
#define GUESTS_INSIDE_MAX_OF_PEER 16

/* Who is on the other side: an IPv4 address, or the /64 of an IPv6 one, which is what a single host can choose from. */
struct guest_peer {
        uint8_t bytes[8];
        bool v6;
};

struct guest {
        struct guest *next, *prev;
        int fd;
        struct guest_peer peer;
        char address[INET6_ADDRSTRLEN];
        uint64_t until_ms;    /* CLOCK_MONOTONIC; 0: as long as it takes */
        bool inside, leaving; /* leaving: it has its answer, and what it still sends is thrown away */
        enum http_lane lane;
        struct worker *worker;          /* who has it, inside */
        struct MHD_Connection *waiting; /* whose answer is put off until until_ms; NULL: it is not */
};

struct guests {
        struct guest *all; /* the oldest first */
        size_t inside;
};

/* Takes @fd over; NULL: out of memory, and it is left to the caller. */
struct guest *guests_add(struct guests *guests, int fd, const struct sockaddr_storage *from, uint64_t until_ms);

/* Forgets it; the descriptor is the caller's again. */
void guests_remove(struct guests *guests, struct guest *guest);

/* NULL: there is none. */
struct guest *guests_find(const struct guests *guests, int fd, bool inside);

/* The one that has to go before another is let into the lobby: of @peer, of anybody; NULL: there is room. */
struct guest *guests_surplus(const struct guests *guests, const struct guest_peer *peer);

/* The oldest in the lobby; NULL: it is empty. */
struct guest *guests_oldest(const struct guests *guests);

/* Whether @lane has no room for one more of @peer. The oldest of those that take it away is @ret_oldest. */
bool guests_is_full(const struct guests *guests, enum http_lane lane, const struct guest_peer *peer,
                    struct guest **ret_oldest);

/* How many requests @worker has. */
size_t guests_of(const struct guests *guests, const struct worker *worker);

void guests_enter(struct guests *guests, struct guest *guest, enum http_lane lane, struct worker *worker);

#endif
