/* SPDX-License-Identifier: Apache-2.0 */
/* Reads that are kept and confirmed at the end; and sets of addresses. */
#include "tests/unit/support/suite.h"

#include "pystack/memory/address_set.h"
#include "pystack/memory/trail.h"

#include <errno.h>
#include <string.h>

SUITE(pystack_trail);

/* Pages that can be read; the last one is not. */
#define BASE ((uint64_t)0x10000)
#define PAGES 40

static struct {
        uint8_t bytes[PAGES * REMOTE_PAGE];
        unsigned calls;
        size_t spans, read; /* of the last call */
        uint64_t end;       /* of the last span */
} memory;

static ssize_t read_pages(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        size_t done = 0;

        (void)ctx;
        memory.calls++;
        memory.spans = n;
        for (size_t i = 0; i < n; i++) {
                uint64_t at = (uint64_t)(uintptr_t)remote[i].iov_base - BASE;
                if (at > sizeof memory.bytes || remote[i].iov_len > sizeof memory.bytes - at)
                        return done > 0 ? (ssize_t)done : -EFAULT;
                memcpy((uint8_t *)buf + done, memory.bytes + at, remote[i].iov_len);
                done += remote[i].iov_len;
                memory.end = (uintptr_t)remote[i].iov_base + remote[i].iov_len;
        }
        memory.read = done;
        return (ssize_t)done;
}

static const struct pystack_memory pages = { .read = read_pages };
static struct trail trail;

static void begin(void)
{
        memory.calls = 0;
        for (size_t i = 0; i < sizeof memory.bytes; i++)
                memory.bytes[i] = (uint8_t)(i * 7 + i / 256);
        trail_begin(&trail, &pages);
}

static uint8_t at(uint64_t addr)
{
        const uint8_t *bytes = NULL;

        cr_assert_eq(trail_read(&trail, addr, 1, &bytes), 0);
        return *bytes;
}

Test(pystack_trail, what_was_read_is_read_no_more)
{
        uint64_t word, again;

        begin();
        cr_expect_eq(trail_word(&trail, BASE + 64, &word), 0);
        cr_expect_eq(memory.calls, 1);
        memory.bytes[64] ^= 1;
        cr_expect_eq(trail_word(&trail, BASE + 64, &again), 0);
        cr_expect_eq(again, word);
        cr_expect_eq(at(BASE + 100), (uint8_t)(100 * 7), "it was read along");
        cr_expect_eq(memory.calls, 1);
        cr_expect_eq(trail_confirm(&trail), PYSTACK_E_TORN);
}

/* The next page may not be there. */
Test(pystack_trail, along_is_read_up_to_the_end_of_the_page)
{
        uint64_t word, end = BASE + sizeof memory.bytes;

        begin();
        cr_expect_eq(trail_word(&trail, BASE + REMOTE_PAGE - 8, &word), 0);
        cr_expect_eq(memory.end, BASE + REMOTE_PAGE);
        cr_expect_eq(trail_word(&trail, BASE + REMOTE_PAGE - 20, &word), 0);
        cr_expect_eq(memory.end, BASE + REMOTE_PAGE);
        cr_expect_eq(trail_word(&trail, BASE + 16, &word), 0);
        cr_expect_eq(memory.read, 192);
        cr_expect_eq(trail_word(&trail, end - 8, &word), 0);
        cr_expect_eq(memory.read, 8);
        cr_expect_eq(trail_word(&trail, end - 4, &word), PYSTACK_E_CORRUPT);
        cr_expect_eq(trail_word(&trail, UINT64_MAX - 3, &word), PYSTACK_E_CORRUPT);
        cr_expect_eq(trail_word(&trail, 0, &word), PYSTACK_E_CORRUPT);
        /* One that goes beyond its page is read as it is asked for. */
        const uint8_t *bytes;
        cr_expect_eq(trail_read(&trail, BASE + 2 * REMOTE_PAGE - 4, 8, &bytes), 0);
        cr_expect_eq(memory.read, 8);
        cr_expect_eq(trail_confirm(&trail), 0);
}

Test(pystack_trail, what_nobody_has_asked_for_is_not_compared)
{
        const struct iovec ahead[] = { remote_span(BASE + 8192, 256), remote_span(BASE + 512, 64) };
        uint64_t word;

        begin();
        trail_read_ahead(&trail, ahead, 2);
        cr_expect_eq(memory.calls, 1);
        cr_expect_eq(trail_word(&trail, BASE + 8192 + 16, &word), 0);
        cr_expect_eq(memory.calls, 1);
        memory.bytes[512] ^= 1;       /* ahead, in vain */
        memory.bytes[8192 + 15] ^= 1; /* before what was asked for */
        memory.bytes[8192 + 24] ^= 1; /* behind it */
        cr_expect_eq(trail_confirm(&trail), 0);
        memory.bytes[8192 + 23] ^= 1;
        cr_expect_eq(trail_confirm(&trail), PYSTACK_E_TORN);
        memory.bytes[8192 + 23] ^= 1;
        cr_expect_eq(trail_confirm(&trail), 0);
        (void)at(BASE + 512);
        cr_expect_eq(trail_confirm(&trail), PYSTACK_E_TORN, "it was read before it changed");
}

Test(pystack_trail, reading_ahead_what_is_not_there_is_no_error)
{
        const struct iovec ahead[] = { remote_span(BASE, 16), remote_span(BASE + sizeof memory.bytes, 16) };
        const struct iovec large = remote_span(BASE, TRAIL_BYTES + 1);
        uint64_t word;

        begin();
        trail_read_ahead(&trail, ahead, 2);
        trail_read_ahead(&trail, &large, 1);
        trail_read_ahead(&trail, ahead, 0);
        cr_expect_eq(trail.n, 0);
        cr_expect_eq(trail_word(&trail, BASE, &word), 0);
        cr_expect_eq(trail_confirm(&trail), 0);
}

Test(pystack_trail, spans_are_those_that_were_asked_for)
{
        const struct iovec ahead[] = { remote_span(BASE + 8192, 256), remote_span(BASE + 512, 64) };
        struct iovec spans[4];
        uint64_t word;

        begin();
        trail_read_ahead(&trail, ahead, 2);
        cr_expect_eq(trail_copy_spans(&trail, spans, 4), 0);
        cr_expect_eq(trail_word(&trail, BASE + 8192 + 16, &word), 0);
        cr_expect_eq(trail_word(&trail, BASE + 8192 + 32, &word), 0);
        cr_expect_eq(trail_word(&trail, BASE + 4096, &word), 0);
        cr_expect_eq(trail_copy_spans(&trail, spans, 4), 2);
        cr_expect_eq((uintptr_t)spans[0].iov_base, BASE + 8192 + 16);
        cr_expect_eq(spans[0].iov_len, 24);
        cr_expect_eq(spans[1].iov_len, 8);
        cr_expect_eq(trail_copy_spans(&trail, spans, 1), 0, "there are more");
}

Test(pystack_trail, without_room_is_costly_and_what_is_there_stays)
{
        const uint8_t *bytes;
        uint64_t word;

        begin();
        cr_expect_eq(trail_read(&trail, BASE, TRAIL_BYTES - 200, &bytes), 0);
        cr_expect_eq(trail_word(&trail, BASE + 30 * REMOTE_PAGE, &word), 0);
        cr_expect_eq(trail_word(&trail, BASE + 31 * REMOTE_PAGE, &word), PYSTACK_E_COSTLY);
        cr_expect_eq(trail_read(&trail, BASE, SIZE_MAX, &bytes), PYSTACK_E_COSTLY);
        cr_expect_eq(trail_word(&trail, BASE + 30 * REMOTE_PAGE, &word), 0);
        cr_expect_eq(trail_confirm(&trail), 0);
        begin();
        for (size_t i = 0; i < TRAIL_SPANS; i++)
                cr_assert_eq(trail_word(&trail, BASE + (i % PAGES + 1) * REMOTE_PAGE - 8 * (i / PAGES) - 8, &word), 0);
        cr_expect_eq(trail.n, TRAIL_SPANS);
        cr_expect_eq(trail_word(&trail, BASE + 8, &word), PYSTACK_E_COSTLY);
        cr_expect_eq(trail_confirm(&trail), 0);
}

Test(pystack_trail, many_are_read_by_one_call)
{
        struct iovec spans[TRAIL_AT_ONCE + 1];
        const uint8_t *bytes[TRAIL_AT_ONCE + 1];
        uint64_t word;

        begin();
        cr_expect_eq(trail_word(&trail, BASE, &word), 0);
        for (size_t i = 0; i <= TRAIL_AT_ONCE; i++)
                spans[i] = remote_span(BASE + i * REMOTE_PAGE, 16);
        cr_expect_eq(trail_read_all(&trail, spans, TRAIL_AT_ONCE, bytes), 0);
        cr_expect_eq(memory.calls, 2);
        cr_expect_eq(memory.spans, TRAIL_AT_ONCE - 1);
        for (size_t i = 0; i < TRAIL_AT_ONCE; i++)
                cr_expect_eq(memcmp(bytes[i], memory.bytes + i * REMOTE_PAGE, 16), 0);
        cr_expect_eq(trail_read_all(&trail, spans, TRAIL_AT_ONCE + 1, bytes), PYSTACK_E_COSTLY);
        spans[3] = remote_span(8, 16);
        cr_expect_eq(trail_read_all(&trail, spans, TRAIL_AT_ONCE, bytes), PYSTACK_E_CORRUPT);
}

/* ---- sets of addresses --------------------------------------------------------------------------- */

Test(pystack_trail, a_set_knows_each_address_once)
{
        struct address_set set = { 0 };
        bool again;

        for (unsigned round = 0; round < 2; round++) {
                for (uint64_t i = 1; i <= 100000; i++) {
                        cr_assert_eq(address_set_add(&set, i * 16, &again), 0);
                        cr_assert(!again);
                }
                for (uint64_t i = 1; i <= 100000; i++) {
                        cr_assert_eq(address_set_add(&set, i * 16, &again), 0);
                        cr_assert(again);
                }
                cr_expect_eq(set.n, 100000);
                cr_expect_leq(set.mask + 1, 4 * 131072);
                cr_expect(address_set_add(&set, UINT64_MAX, &again) == 0 && !again);
                cr_expect(address_set_add(&set, 17, &again) == 0 && !again, "it differs in the lowest bits only");
                address_set_clear(&set);
                cr_expect_eq(set.n, 0);
        }
        address_set_deinit(&set);
        address_set_clear(&set);
        address_set_deinit(&set);
}
