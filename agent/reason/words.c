/* SPDX-License-Identifier: Apache-2.0 */
/* Words for people. They are the same on every kernel: what wchan calls it does not stand in them. */
#include "agent/base/base.h"
#include "reason.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char *const kinds[NSUTIL_WAIT_KINDS] = {
        [NSUTIL_WAIT_UNKNOWN] = "unknown", [NSUTIL_WAIT_RUNNABLE] = "cpu",  [NSUTIL_WAIT_SLEEP] = "sleep",
        [NSUTIL_WAIT_IO] = "io",           [NSUTIL_WAIT_FUTEX] = "futex",   [NSUTIL_WAIT_LOCK] = "lock",
        [NSUTIL_WAIT_CHILD] = "child",     [NSUTIL_WAIT_SIGNAL] = "signal", [NSUTIL_WAIT_PAGE] = "page",
        [NSUTIL_WAIT_STOPPED] = "stopped", [NSUTIL_WAIT_FROZEN] = "frozen",
};

static const char *const things[] = {
        [NSUTIL_THING_UNKNOWN] = "io",       [NSUTIL_THING_SOCKET] = "socket",     [NSUTIL_THING_PIPE] = "pipe",
        [NSUTIL_THING_FILE] = "file",        [NSUTIL_THING_TERMINAL] = "terminal", [NSUTIL_THING_EVENTFD] = "eventfd",
        [NSUTIL_THING_TIMERFD] = "timerfd",  [NSUTIL_THING_SIGNALFD] = "signalfd", [NSUTIL_THING_INOTIFY] = "inotify",
        [NSUTIL_THING_EPOLL] = "epoll",      [NSUTIL_THING_PIDFD] = "pidfd",       [NSUTIL_THING_URING] = "io_uring",
        [NSUTIL_THING_OTHER] = "descriptor", [NSUTIL_THING_MANY] = "descriptors",
};

/* Where no descriptor is known. */
static const char *const acts[] = {
        [NSUTIL_ACT_NONE] = "io",       [NSUTIL_ACT_READ] = "read",        [NSUTIL_ACT_WRITE] = "write",
        [NSUTIL_ACT_ACCEPT] = "accept", [NSUTIL_ACT_CONNECT] = "connect",  [NSUTIL_ACT_POLL] = "poll",
        [NSUTIL_ACT_SELECT] = "select", [NSUTIL_ACT_EPOLL] = "epoll",      [NSUTIL_ACT_AIO] = "asynchronous io",
        [NSUTIL_ACT_SYNC] = "disk",     [NSUTIL_ACT_FILE] = "file system", [NSUTIL_ACT_MESSAGE] = "message queue",
};

struct writer {
        char *at;
        size_t left; /* with the NUL */
};

/* Nothing of it where not all of it fits. */
static void add_bytes(struct writer *w, const char *bytes, size_t n)
{
        if (n >= w->left) {
                w->left = 1;
                return;
        }
        memcpy(w->at, bytes, n);
        w->at += n;
        w->left -= n;
}

static __attribute__((format(printf, 2, 3))) void add_words(struct writer *w, const char *format, ...)
{
        char words[128];
        va_list args;

        va_start(args, format);
        int n = vsnprintf(words, sizeof(words), format, args);
        va_end(args);
        if (n > 0)
                add_bytes(w, words, (size_t)n < sizeof(words) ? (size_t)n : sizeof(words) - 1);
}

static void add_path(struct writer *w, const struct nsutil_wait_detail *detail)
{
        const char *at = detail->path;
        char unit[ESCAPE_MAX];

        if (*at)
                add_words(w, " ");
        while (*at) {
                size_t n = escape_next(&at, unit);

                add_bytes(w, unit, n);
        }
        if (detail->path_is_cut)
                add_words(w, "...");
}

/* An address of IPv4 in IPv6's clothes is IPv4's. */
static void add_address(struct writer *w, int family, const struct nsutil_wait_address *address)
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        bool is_mapped = family == AF_INET6 && memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
        const uint8_t *bytes = is_mapped ? address->bytes + sizeof(mapped) : address->bytes;
        char text[INET6_ADDRSTRLEN];

        if (is_mapped)
                family = AF_INET;
        inet_ntop(family, bytes, text, sizeof(text));
        add_words(w, family == AF_INET6 ? " [%s]:%u" : " %s:%u", text, address->port);
}

static void add_socket(struct writer *w, const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail)
{
        bool is_internet = detail->family == AF_INET || detail->family == AF_INET6;

        if (wait->act == NSUTIL_ACT_ACCEPT)
                add_words(w, "listening ");
        if (detail->protocol == IPPROTO_UDP)
                add_words(w, "udp ");
        if (detail->family == AF_UNIX)
                add_words(w, "unix ");
        add_words(w, "socket");
        if (is_internet && detail->peer.is_set)
                add_address(w, detail->family, &detail->peer);
        else if (is_internet && (wait->act == NSUTIL_ACT_ACCEPT || detail->protocol == IPPROTO_UDP))
                add_address(w, detail->family, &detail->local);
        else if (detail->family == AF_UNIX)
                add_path(w, detail);
}

static void add_thing(struct writer *w, const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail)
{
        if (detail->thing == NSUTIL_THING_MANY) {
                add_words(w, "one of %u descriptors", detail->descriptors);
        } else if (detail->thing == NSUTIL_THING_SOCKET) {
                add_socket(w, wait, detail);
        } else if (detail->thing == NSUTIL_THING_UNKNOWN) {
                add_words(w, "%s", acts[wait->act]);
        } else {
                add_words(w, "%s", things[detail->thing]);
                add_path(w, detail);
        }
}

const char *reason_word(enum nsutil_wait_kind kind)
{
        return kinds[kind < NSUTIL_WAIT_KINDS ? kind : NSUTIL_WAIT_UNKNOWN];
}

void reason_words(const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail, char *ret, size_t size)
{
        const struct nsutil_wait_detail none = { .thing = wait->thing };
        struct writer w = { ret, size };

        if (wait->kind == NSUTIL_WAIT_IO) {
                add_thing(&w, wait, detail ? detail : &none);
        } else {
                add_words(&w, "%s", reason_word(wait->kind));
                if (wait->kind == NSUTIL_WAIT_LOCK && detail && detail->thing) {
                        add_words(&w, " on ");
                        add_thing(&w, wait, detail);
                }
        }
        *w.at = '\0';
}
