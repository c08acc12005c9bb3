/* SPDX-License-Identifier: Apache-2.0 */
/* There are a few hundred guests at most. Searching a list costs less than keeping an order. */
#include "agent/http/server/guests.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- peers ----------------------------------------------------------------- */

static void name_peer(const struct sockaddr_storage *from, struct guest *guest)
{
        union {
                struct sockaddr_storage any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } address = { .any = *from };

        if (from->ss_family == AF_INET) {
                memcpy(guest->peer.bytes, &address.v4.sin_addr, sizeof(address.v4.sin_addr));
                inet_ntop(AF_INET, &address.v4.sin_addr, guest->address, sizeof(guest->address));
        } else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {
                memcpy(guest->peer.bytes, &address.v6.sin6_addr.s6_addr[12], 4);
                inet_ntop(AF_INET, &address.v6.sin6_addr.s6_addr[12], guest->address, sizeof(guest->address));
        } else if (from->ss_family == AF_INET6) {
                memcpy(guest->peer.bytes, &address.v6.sin6_addr, sizeof(guest->peer.bytes));
                guest->peer.v6 = true;
                inet_ntop(AF_INET6, &address.v6.sin6_addr, guest->address, sizeof(guest->address));
        }
}

static bool is_of_peer(const struct guest *guest, const struct guest_peer *peer)
{
        return guest->peer.v6 == peer->v6 && memcmp(guest->peer.bytes, peer->bytes, sizeof(peer->bytes)) == 0;
}

/* ---- coming and going ----------------------------------------------------- */

struct guest *guests_add(struct guests *guests, int fd, const struct sockaddr_storage *from, uint64_t until_ms)
{
        struct guest *guest = calloc(1, sizeof(*guest));

        if (!guest)
                return NULL;
        guest->fd = fd;
        guest->until_ms = until_ms;
        name_peer(from, guest);
        DL_APPEND(guests->all, guest);
        return guest;
}

void guests_remove(struct guests *guests, struct guest *guest)
{
        guests->inside -= guest->inside;
        DL_DELETE(guests->all, guest);
        free(guest);
}

void guests_enter(struct guests *guests, struct guest *guest, enum http_lane lane, struct worker *worker)
{
        guest->inside = true;
        guest->lane = lane;
        guest->worker = worker;
        guests->inside++;
}

/* ---- looking -------------------------------------------------------------- */

struct guest *guests_find(const struct guests *guests, int fd, bool inside)
{
        struct guest *guest;

        DL_FOREACH(guests->all, guest) {
                if (guest->fd == fd && guest->inside == inside)
                        return guest;
        }
        return NULL;
}

struct guest *guests_oldest(const struct guests *guests)
{
        struct guest *guest;

        DL_FOREACH(guests->all, guest) {
                if (!guest->inside)
                        return guest;
        }
        return NULL;
}

struct guest *guests_surplus(const struct guests *guests, const struct guest_peer *peer)
{
        struct guest *guest, *oldest_of_peer = NULL;
        size_t n = 0, n_of_peer = 0;

        DL_FOREACH(guests->all, guest) {
                if (guest->inside)
                        continue;
                n++;
                if (!is_of_peer(guest, peer))
                        continue;
                n_of_peer++;
                if (!oldest_of_peer)
                        oldest_of_peer = guest;
        }
        if (n_of_peer > GUESTS_LOBBY_MAX_OF_PEER)
                return oldest_of_peer;
        return n > GUESTS_LOBBY_MAX ? guests_oldest(guests) : NULL;
}

bool guests_is_full(const struct guests *guests, enum http_lane lane, const struct guest_peer *peer,
                    struct guest **ret_oldest)
{
        struct guest *guest, *oldest = NULL, *oldest_of_peer = NULL;
        size_t n = 0, n_of_peer = 0;

        DL_FOREACH(guests->all, guest) {
                if (!guest->inside || guest->lane != lane)
                        continue;
                n++;
                if (!oldest)
                        oldest = guest;
                if (!is_of_peer(guest, peer))
                        continue;
                n_of_peer++;
                if (!oldest_of_peer)
                        oldest_of_peer = guest;
        }
        *ret_oldest = n_of_peer >= GUESTS_INSIDE_MAX_OF_PEER ? oldest_of_peer : oldest;
        return n_of_peer >= GUESTS_INSIDE_MAX_OF_PEER || n >= GUESTS_INSIDE_MAX;
}

size_t guests_of(const struct guests *guests, const struct worker *worker)
{
        struct guest *guest;
        size_t n = 0;

        DL_FOREACH(guests->all, guest) {
                n += guest->inside && guest->worker == worker;
        }
        return n;
}
