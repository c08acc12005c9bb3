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

/* What the kernel alone knows. A futex is nobody's yet. */
static const char *const of_kernel[NSUTIL_WAIT_KINDS] = {
        [NSUTIL_WAIT_UNKNOWN] = "unknown", [NSUTIL_WAIT_RUNNABLE] = "cpu",  [NSUTIL_WAIT_SLEEP] = "sleep",
        [NSUTIL_WAIT_IO] = "io",           [NSUTIL_WAIT_FUTEX] = "futex",   [NSUTIL_WAIT_LOCK] = "lock",
        [NSUTIL_WAIT_CHILD] = "child",     [NSUTIL_WAIT_SIGNAL] = "signal", [NSUTIL_WAIT_PAGE] = "page",
        [NSUTIL_WAIT_STOPPED] = "stopped", [NSUTIL_WAIT_FROZEN] = "frozen",
};

static const struct {
        const char *word;
        const char *text; /* NULL: "waits: ", and what the thread waits for */
} kinds[REASON_KINDS] = {
        [REASON_UNKNOWN] = { "unknown", "unknown" },  [REASON_RUNNING] = { "running", "" },
        [REASON_CPU] = { "cpu", "waits: CPU" },       [REASON_THROTTLED] = { "throttled", "throttled" },
        [REASON_SLEEP] = { "sleep", "sleeps" },       [REASON_IO] = { "io", NULL },
        [REASON_GIL] = { "gil", "waits: GIL" },       [REASON_LOCK] = { "lock", NULL },
        [REASON_CHILD] = { "child", "waits: child" }, [REASON_SIGNAL] = { "signal", "waits: signal" },
        [REASON_PAGE] = { "page", "waits: page" },    [REASON_STOPPED] = { "stopped", "stopped" },
        [REASON_FROZEN] = { "frozen", "frozen" },
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
        enum reason_privacy privacy;
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

        if (w->privacy == REASON_PRIVATE)
                return;
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

        if (w->privacy == REASON_PRIVATE) {
                add_words(w, " port %u", address->port);
                return;
        }
        if (is_mapped)
                family = AF_INET;
        inet_ntop(family, bytes, text, sizeof(text));
        add_words(w, family == AF_INET6 ? " [%s]:%u" : " %s:%u", text, address->port);
}

static void add_socket(struct writer *w, const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail)
{
        bool is_internet = detail->family == AF_INET || detail->family == AF_INET6;
        /* A connection has a peer, and nobody waits for a socket that neither is connected nor listens. */
        bool listens = wait->act == NSUTIL_ACT_ACCEPT ||
                       (detail->protocol == IPPROTO_TCP && detail->local.is_set && !detail->peer.is_set);

        if (listens)
                add_words(w, "listening ");
        if (detail->protocol == IPPROTO_UDP)
                add_words(w, "udp ");
        if (detail->family == AF_UNIX)
                add_words(w, "unix ");
        add_words(w, "socket");
        if (is_internet && detail->peer.is_set)
                add_address(w, detail->family, &detail->peer);
        else if (is_internet && (listens || detail->protocol == IPPROTO_UDP))
                add_address(w, detail->family, &detail->local);
        else if (detail->family == AF_UNIX)
                add_path(w, detail);
}

static void add_thing(struct writer *w, const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail)
{
        if (detail->thing == NSUTIL_THING_MANY && detail->descriptors == 0) {
                add_words(w, "several descriptors");
        } else if (detail->thing == NSUTIL_THING_MANY) {
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

static void add_wait(struct writer *w, const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail)
{
        const struct nsutil_wait_detail none = { .thing = wait->thing };

        if (wait->kind == NSUTIL_WAIT_IO) {
                add_thing(w, wait, detail ? detail : &none);
                return;
        }
        add_words(w, "%s", of_kernel[wait->kind < NSUTIL_WAIT_KINDS ? wait->kind : NSUTIL_WAIT_UNKNOWN]);
        if (wait->kind == NSUTIL_WAIT_LOCK && detail && detail->thing) {
                add_words(w, " on ");
                add_thing(w, wait, detail);
        }
}

void reason_words(const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail, enum reason_privacy privacy,
                  char *ret, size_t size)
{
        struct writer w = { ret, size, privacy };

        add_wait(&w, wait, detail);
        *w.at = '\0';
}

/* ---- reasons ---------------------------------------------------------------------------- */

const char *reason_word(enum reason_kind kind)
{
        return kinds[kind < REASON_KINDS ? kind : REASON_UNKNOWN].word;
}

/* What is waited for. A word of memory outside of the GIL is a lock, of which the stack may know more. */
static void add_waited_for(struct writer *w, const struct reason *reason, const struct reason_place *place)
{
        if (reason->wait.kind == NSUTIL_WAIT_FUTEX)
                add_words(w, "%s", place && place->lock ? place->lock : "lock");
        else
                add_wait(w, &reason->wait, reason->has_detail ? &reason->detail : NULL);
}

void reason_text(const struct reason *reason, const struct reason_place *place, enum reason_privacy privacy, char *ret,
                 size_t size)
{
        struct writer w = { ret, size, privacy };
        const char *text = kinds[reason->kind].text;

        if (reason->kind == REASON_UNKNOWN && reason->lock_or_gil)
                text = "waits: lock or GIL";
        if (place && place->for_work)
                add_words(&w, "waits for work: ");
        else
                add_words(&w, "%s", text ? text : "waits: ");
        if (!text)
                add_waited_for(&w, reason, place);
        else if (place && place->for_work)
                add_words(&w, "%s", reason_word(reason->kind));
        *w.at = '\0';
}
