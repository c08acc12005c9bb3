/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of sockets, from the tables of a network namespace. The tables are large on a busy node and the kernel
 * makes them anew for each reader, so they are read for all sockets together, and no further than the budget goes. The
 * lines of UNIX sockets end in a path that its owner chose, and in which a newline is not escaped: a path is believed
 * only if one line has the inode, and after the tables of IP, which nobody can forge.
 */
#include "nsutil/internal.h"
#include "nsutil/wait/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TABLE_CHUNK ((size_t)64 << 10)

/* ---- lines -------------------------------------------------------------------------------------- */

/* @n digits, in capitals. */
static bool take_hex(struct nsutil_text *text, int n, uint32_t *ret)
{
        uint32_t value = 0;

        if (text->end - text->at < n)
                return false;
        for (int i = 0; i < n; i++) {
                char c = *text->at++;

                if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')))
                        return false;
                value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
        }
        *ret = value;
        return true;
}

/* Words of 32 bits, as this machine reads them from the network's bytes, and the port behind a colon. */
static bool take_address(struct nsutil_text *text, size_t words, struct nsutil_wait_address *ret)
{
        struct nsutil_wait_address address = { .port = 0 };
        uint32_t word, port;

        nsutil_text_blanks(text);
        for (size_t i = 0; i < words; i++) {
                if (!take_hex(text, 8, &word))
                        return false;
                memcpy(address.bytes + i * sizeof(word), &word, sizeof(word));
                address.is_set |= word != 0;
        }
        if (!nsutil_text_prefix(text, ":") || !take_hex(text, 4, &port))
                return false;
        address.port = (uint16_t)port;
        address.is_set |= port != 0;
        *ret = address;
        return true;
}

static bool skip_fields(struct nsutil_text *text, int n)
{
        struct nsutil_text field;

        for (nsutil_text_blanks(text); n > 0; n--, nsutil_text_blanks(text))
                if (!nsutil_text_until(text, ' ', &field))
                        return false;
        return true;
}

/* "SLOT: LOCAL:PORT PEER:PORT STATE QUEUES TIMER RETRANSMITS UID TIMEOUT INODE …" (net/ipv4/tcp_ipv4.c and others) */
static bool parse_internet(int family, struct nsutil_text line, struct nsutil_wait_detail *ret)
{
        size_t words = family == AF_INET ? 1 : 4;

        return skip_fields(&line, 1) && take_address(&line, words, &ret->local) &&
               take_address(&line, words, &ret->peer) && skip_fields(&line, 6) &&
               nsutil_text_u64(&line, 10, &ret->inode) && ret->inode > 0;
}

/* "ADDRESS: REFERENCES PROTOCOL FLAGS TYPE STATE INODE PATH" (net/unix/af_unix.c) */
static bool parse_unix(struct nsutil_text line, struct nsutil_wait_detail *ret)
{
        size_t len;

        if (!skip_fields(&line, 6) || !nsutil_text_u64(&line, 10, &ret->inode) || ret->inode == 0)
                return false;
        (void)nsutil_text_prefix(&line, " ");
        len = (size_t)(line.end - line.at);
        if (len > sizeof(ret->path) - 1)
                len = sizeof(ret->path) - 1;
        memcpy(ret->path, line.at, len);
        ret->path[len] = '\0';
        return true;
}

bool nsutil_socket_parse(int family, const char *line, size_t len, struct nsutil_wait_detail *ret)
{
        struct nsutil_wait_detail detail = { .thing = NSUTIL_THING_SOCKET, .family = family, .fd = -1 };
        struct nsutil_text text = { line, line + len };

        if (!(family == AF_UNIX ? parse_unix(text, &detail) : parse_internet(family, text, &detail)))
                return false;
        *ret = detail;
        return true;
}

/* ---- tables ------------------------------------------------------------------------------------- */

/*
 * In the order in which they are read. The kernel makes a table page by page, by counting: a line is left out where one
 * before it goes away in between. So those of IP are read twice before a line of "unix", that may be forged, is believed.
 */
static const struct table {
        const char *name;
        int family, protocol;
} tables[] = {
        { "tcp", AF_INET, IPPROTO_TCP },   { "tcp6", AF_INET6, IPPROTO_TCP }, { "udp", AF_INET, IPPROTO_UDP },
        { "udp6", AF_INET6, IPPROTO_UDP }, { "tcp", AF_INET, IPPROTO_TCP },   { "tcp6", AF_INET6, IPPROTO_TCP },
        { "udp", AF_INET, IPPROTO_UDP },   { "udp6", AF_INET6, IPPROTO_UDP }, { "unix", AF_UNIX, 0 },
};

/* What is searched for, by inode, ascending. */
struct search {
        struct nsutil_wait_detail **wanted;
        size_t n, found; /* @found: of the wanted, those that have a family */
        size_t bytes_left;
        uint64_t end_cpu_ns;
};

static int order_inodes(const void *a, const void *b)
{
        const struct nsutil_wait_detail *const *x = a, *const *y = b;

        return ((*x)->inode > (*y)->inode) - ((*x)->inode < (*y)->inode);
}

/* The first of those that have @inode, or where it would be. */
static size_t search_inode(const struct search *search, uint64_t inode)
{
        size_t low = 0, high = search->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (search->wanted[middle]->inode < inode)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void forget_path(struct nsutil_wait_detail *detail)
{
        detail->path[0] = '\0';
        detail->missing |= NSUTIL_MISSING_ADDRESS;
}

static void note_socket(struct nsutil_wait_detail *detail, const struct table *table,
                        const struct nsutil_wait_detail *read)
{
        detail->family = table->family;
        detail->protocol = table->protocol;
        detail->local = read->local;
        detail->peer = read->peer;
        memcpy(detail->path, read->path, sizeof(detail->path));
}

static void search_line(struct search *search, const struct table *table, struct nsutil_text line)
{
        struct nsutil_wait_detail read;

        if (!nsutil_socket_parse(table->family, line.at, (size_t)(line.end - line.at), &read))
                return;
        for (size_t i = search_inode(search, read.inode); i < search->n && search->wanted[i]->inode == read.inode;
             i++) {
                if (!search->wanted[i]->family) {
                        note_socket(search->wanted[i], table, &read);
                        search->found++;
                } else if (search->wanted[i]->family == AF_UNIX) {
                        forget_path(search->wanted[i]);
                }
        }
}

/* All whole lines of @len bytes; what is left is moved to the front. */
static size_t search_lines(struct search *search, const struct table *table, char *text, size_t len)
{
        struct nsutil_text rest = { text, text + len }, line;

        while (nsutil_text_until(&rest, '\n', &line))
                search_line(search, table, line);
        size_t left = (size_t)(rest.end - rest.at);
        memmove(text, rest.at, left);
        return left;
}

static uint64_t own_cpu_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* False if there was more of it than may be read. */
static bool search_table(struct search *search, const struct table *table, int fd, char *chunk)
{
        size_t len = 0;
        ssize_t n;

        while ((n = TEMP_FAILURE_RETRY(read(fd, chunk + len, TABLE_CHUNK - len))) > 0) {
                len = search_lines(search, table, chunk, len + (size_t)n);
                if (len == TABLE_CHUNK || search->bytes_left < (size_t)n || own_cpu_ns() > search->end_cpu_ns)
                        return false;
                search->bytes_left -= (size_t)n;
                if (search->found == search->n && table->family != AF_UNIX)
                        return true;
        }
        return n == 0;
}

/* A path may be of a line that was forged by one that comes later. */
static void forget_paths(struct search *search)
{
        for (size_t i = 0; i < search->n; i++)
                if (search->wanted[i]->family == AF_UNIX)
                        forget_path(search->wanted[i]);
}

static int search_tables(struct search *search, pid_t task, char *chunk, bool *ret_all)
{
        char path[NSUTIL_PROC_PATH_SIZE];
        int fd, r;

        for (size_t i = 0; i < sizeof(tables) / sizeof(*tables) && search->found < search->n; i++) {
                snprintf(path, sizeof(path), "/proc/%d/net/%s", task, tables[i].name);
                r = nsutil_proc_open(path, &fd);
                if (r && i == 0)
                        return r;
                if (r) /* no IPv6 in this kernel, say */
                        continue;
                bool all = search_table(search, &tables[i], fd, chunk);
                close(fd);
                if (!all) {
                        forget_paths(search);
                        *ret_all = false;
                        return 0;
                }
        }
        *ret_all = true;
        return 0;
}

static void list_wanted(struct search *search, struct nsutil_wait_detail *const *details, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (details[i]->thing == NSUTIL_THING_SOCKET && details[i]->inode && !details[i]->family)
                        search->wanted[search->n++] = details[i];
        qsort(search->wanted, search->n, sizeof(*search->wanted), order_inodes);
}

int nsutil_wait_addresses(pid_t pid, struct nsutil_wait_detail *const *details, size_t n,
                          const struct nsutil_wait_budget *budget)
{
        static const struct nsutil_wait_budget usual = { NSUTIL_WAIT_SOCKET_BYTES, NSUTIL_WAIT_SOCKET_NS };
        const struct nsutil_wait_budget *may = budget ? budget : &usual;
        struct search search = { .bytes_left = may->bytes, .end_cpu_ns = own_cpu_ns() + may->cpu_ns };
        char *chunk = malloc(TABLE_CHUNK);
        bool all = true;
        int r = 0;

        search.wanted = malloc((n + 1) * sizeof(*search.wanted));
        if (!search.wanted || !chunk) {
                r = -ENOMEM;
                goto out;
        }
        list_wanted(&search, details, n);
        if (search.n > 0)
                r = search_tables(&search, nsutil_task(pid), chunk, &all);
        for (size_t i = 0; i < search.n && !r; i++)
                if (!search.wanted[i]->family)
                        search.wanted[i]->missing |= all ? NSUTIL_MISSING_ADDRESS : NSUTIL_MISSING_BUDGET;
out:
        free(chunk);
        free(search.wanted);
        return r;
}
