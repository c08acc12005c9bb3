/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings: what is written is read again, and what is not a recording is refused. */
#include "tests/unit/support/suite.h"

#include "pystack/record/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_record);

static FILE *text_file(const char *text)
{
        FILE *file = tmpfile();

        cr_assert(file);
        fputs(text, file);
        rewind(file);
        return file;
}

static struct record make_record(void)
{
        struct record record = { .inner_pid = 7, .abi = 27, .location = { .runtime = 0x1000, .ladder = 0x02070000 } };

        strcpy(record.location.file, "/a path/with spaces");
        for (unsigned i = 0; i < 300; i++) {
                /* In no order: 7919 and 300 have no common divisor. */
                struct record_block block = { .addr = 0x7f0000000000 + RECORD_BLOCK * (i * 7919 % 300) };
                memset(block.bytes + 64 * (i % 4), (int)i, 33);
                cr_assert_eq(record_add(&record, &block), 0);
        }
        return record;
}

Test(pystack_record, what_is_written_is_read_again)
{
        struct record record = make_record(), again = { 0 };
        FILE *file = text_file("# a comment\n# another\n");

        fseek(file, 0, SEEK_END);
        cr_assert_eq(record_write(&record, file), 0);
        rewind(file);
        cr_assert_eq(record_parse(file, &again), 0);
        cr_expect_eq(again.n, record.n);
        cr_expect_eq(memcmp(again.blocks, record.blocks, record.n * sizeof *record.blocks), 0);
        cr_expect_eq(again.inner_pid, 7);
        cr_expect_eq(again.abi, 27);
        cr_expect_eq(again.location.runtime, 0x1000);
        cr_expect_eq(again.location.ladder, 0x02070000);
        cr_expect_str_eq(again.location.file, record.location.file);
        record_deinit(&record);
        record_deinit(&again);
        fclose(file);
}

/* The last page is not whole: what is missing of it reads as zeros. */
Test(pystack_record, spans_cross_blocks_and_end_where_no_page_was_kept)
{
        struct record record = make_record();
        uint64_t end = 0x7f0000000000 + RECORD_BLOCK * 300, page_end = (end + 4095) & ~(uint64_t)4095;
        struct iovec spans[] = { remote_span(end - 1000, 600), remote_span(end - 400, 700),
                                 remote_span(page_end - 8, 16), remote_span(page_end, 8) };
        uint8_t buf[2000];

        memset(buf, 0xff, sizeof buf);
        cr_expect_eq(record_copy(&record, buf, spans, 1, NULL, NULL), 600);
        cr_expect_eq(record_copy(&record, buf, spans, 3, NULL, NULL), 1308);
        for (size_t i = 1000; i < 1308; i++)
                cr_expect_eq(buf[i], 0);
        for (size_t i = 0; i < 1000; i++) {
                uint64_t addr = end - 1000 + i, start = addr - addr % RECORD_BLOCK;
                const struct record_block *block = record_find(&record, start);
                cr_assert(block);
                cr_expect_eq(buf[i], block->bytes[addr - start]);
        }
        cr_expect_eq(record_copy(&record, buf, spans + 3, 1, NULL, NULL), -EFAULT);
        record_deinit(&record);
}

Test(pystack_record, what_is_no_recording_is_refused)
{
        static const char *const texts[] = {
                "",
                "# only a comment\n",
                "podflame recording 2\n",
                "podflame recording 1\nruntime\n",
                "podflame recording 1\nruntime xyz\n",
                "podflame recording 1\n@7f0000000001\n",
                "podflame recording 1\n@7f0000000000\n00 00\n",
                "podflame recording 1\n@7f0000000000\n"
                "ff 0000000000000000000000000000000000000000000000000000000000000000\n",
                "podflame recording 1\n@7f0000000000\n"
                "00 zz00000000000000000000000000000000000000000000000000000000000000\n",
                "podflame recording 1\nruntime 1234",
                "podflame recording 1\n@7f0000000000\n@7f0000000100\n@7f0000000000\n",
        };

        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct pystack_info info;
                struct pystack *py;
                FILE *file = text_file(texts[i]);
                cr_expect_eq(pystack_open_recording(file, NULL, &py, &info), -EBADMSG, "text %zu", i);
                fclose(file);
        }
}

Test(pystack_record, of_nothing_but_a_location_is_of_no_interpreter)
{
        struct pystack_info info;
        struct pystack *py;
        FILE *file = text_file("podflame recording 1\nruntime 1000\nladder 3090000\nfile x\n");

        cr_expect_eq(pystack_open_recording(file, NULL, &py, &info), PYSTACK_E_NOT_READY);
        cr_expect_eq(info.version, 0x03090000);
        fclose(file);
}
