/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors that are not sent to any more have left in a spool. */
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

SUITE(send_tidy);

static const struct step away[] = { { .status = "404 Not Found" } };

struct left {
        unsigned folders;
        uint64_t batches;
};

static void on_left(void *ctx, const char *folder, uint64_t batches)
{
        struct left *left = ctx;

        cr_expect_eq(strncmp(folder, "otlp-127.0.0.1", 14), 0, "%s", folder);
        left->folders++;
        left->batches += batches;
}

static struct left tidy(const char *spool)
{
        struct left left = { 0 };

        cr_assert_eq(send_spool_tidy(spool, on_left, &left), 0);
        return left;
}

/* Gives the batch the name of one that was made a year ago. */
static void make_old(const char *path)
{
        char old[256];
        const char *name = strrchr(path, '/') + 1;
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t year_ago = ((uint64_t)now.tv_sec - 365 * 86400) * 1000000000;
        snprintf(old, sizeof old, "%.*s%016llx%s", (int)(name - path), path, (unsigned long long)year_ago, name + 16);
        cr_assert_eq(rename(path, old), 0);
}

static void put(const char *spool, const char *name)
{
        char path[256];

        snprintf(path, sizeof path, "%s/%s", spool, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        close(fd);
}

Test(send_tidy, what_is_left_of_a_collector_goes_when_it_is_too_old)
{
        struct server *server = server_start(0, away, 1);
        char spool[64], path[256];

        make_directory(spool);
        leave(spool, server, 2);
        struct left left = tidy(spool);
        cr_assert_eq(left.folders, 1);
        cr_assert_eq(left.batches, 2);
        cr_assert_eq(files(spool, "*.batch", path), 2, "not too old");

        make_old(path);
        cr_assert_eq(tidy(spool).batches, 1);
        cr_assert_eq(files(spool, "*.batch", path), 1);
        make_old(path);
        cr_assert_eq(tidy(spool).folders, 0);
        cr_assert_eq(files(spool, "*", path), 0);
        cr_assert_eq(rmdir(spool), 0, "the folder has gone");
        server_stop(server);
}

Test(send_tidy, only_what_is_ours_is_tidied)
{
        struct server *server = server_start(0, away, 1);
        char spool[64], path[256], folder[256];

        make_directory(spool);
        put(spool, "otlp-not-a-folder-0123456789abcdef");
        leave(spool, server, 1);
        cr_assert_eq(files(spool, "*.batch", path), 1);
        make_old(path);
        snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);

        put(folder, "notes.txt");
        tidy(spool);
        cr_assert_eq(files(spool, "*.batch", path), 0);
        cr_assert_eq(files(spool, "notes.txt", path), 1, "somebody else's file keeps the folder");
        cr_assert_eq(unlink(path), 0);

        cr_assert_eq(chmod(folder, 0755), 0);
        tidy(spool);
        cr_assert_eq(access(folder, F_OK), 0, "others could have written there");
        cr_assert_eq(chmod(folder, 0700), 0);

        struct said said = { 0 };
        struct send *send = open_spool(spool, server_port(server), &said);
        tidy(spool);
        cr_assert_eq(files(spool, "lock", path), 1, "in use");
        send_close(send, 0);
        server_stop(server);
        remove_directory(spool);
}
