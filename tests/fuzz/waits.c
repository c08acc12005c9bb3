/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a text of /proc that says what a thread waits for. The first byte says which text. What is said to be
 * known has a source, and no text is without an end.
 */
#include "nsutil/nsutil.h"
#include "tests/fuzz/parsers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_wait(const struct nsutil_wait *wait)
{
        if (wait->kind >= NSUTIL_WAIT_KINDS ||
            (wait->kind == NSUTIL_WAIT_UNKNOWN) != (wait->source == NSUTIL_FROM_NOTHING))
                abort();
        if (wait->fd >= 0 && wait->kind != NSUTIL_WAIT_IO && wait->kind != NSUTIL_WAIT_LOCK)
                abort();
}

static void check_path(const struct nsutil_wait_detail *detail)
{
        if (strnlen(detail->path, sizeof detail->path) == sizeof detail->path)
                abort();
}

/* State and machine, a line of syscall, and a name of wchan, which is all that is left. */
static void judge_texts(const char *text, size_t len)
{
        static const char states[] = "RSDTtZI";
        const char *end = memchr(text, '\n', len);
        struct nsutil_call call;
        struct nsutil_wait wait;
        char channel[64];

        if (len < 2 || !end || end < text + 2)
                return;
        size_t name = (size_t)(text + len - end - 1);
        if (name > sizeof channel - 1)
                name = sizeof channel - 1;
        memcpy(channel, end + 1, name);
        channel[name] = '\0';
        bool has_call = nsutil_call_parse(text + 2, (size_t)(end - text - 2), &call) == 0;
        unsigned bits = (unsigned char)text[1];
        const struct nsutil_wait_facts facts = { .machine = bits % (NSUTIL_MACHINES + 1),
                                                 .state = states[(unsigned char)text[0] % (sizeof states - 1)],
                                                 .frozen = bits & 64,
                                                 .frozen_known = bits & 192,
                                                 .call = has_call ? &call : NULL,
                                                 .channel = channel };
        nsutil_wait_judge(&facts, &wait);
        check_wait(&wait);
}

static void parse_link(const char *text, size_t len)
{
        struct nsutil_wait_detail detail = { .fd = -1 };

        nsutil_wait_link_parse(text, len, &detail);
        check_path(&detail);
}

static void parse_epoll(const char *text, size_t len)
{
        struct nsutil_epoll_member member;

        if ((nsutil_epoll_parse(text, len, &member) == 0) != (member.fd < 0))
                abort();
}

static void parse_sockets(const char *text, size_t len)
{
        static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
        struct nsutil_wait_detail detail;

        for (size_t i = 0; i < sizeof families / sizeof *families; i++)
                if (nsutil_socket_parse(families[i], text, len, &detail)) {
                        check_path(&detail);
                        if (detail.inode == 0 || detail.family != families[i])
                                abort();
                }
}

static const parser_fn parsers[] = { judge_texts, parse_link, parse_epoll, parse_sockets };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        parse_input(parsers, sizeof parsers / sizeof *parsers, data, len);
        return 0;
}
