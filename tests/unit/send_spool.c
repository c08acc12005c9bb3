/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(send_spool);

static const struct step ok[] = { OK };
static const struct step stall[] = { { .act = ACT_STALL } };
static const struct step away[] = { { .status = "404 Not Found" } };

Test(send_spool, a_batch_is_a_private_file_until_it_is_taken)
{
        struct server *server = server_start(0, stall, 1);
        char spool[64], path[256];
        struct send_counters c;
        struct stat st;

        make_directory(spool);
        struct send *send = open_with((struct send_config){ .spool = spool, .client.token = "sesame" },
                                      server_port(server), NULL);
        send_one(send, "work");
        cr_assert_eq(files(spool, "*.batch", path), 1);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0600);
        send_counters(send, &c);
        cr_assert_eq(c.spool_bytes, (uint64_t)st.st_size);
        cr_assert_eq(c.waiting_bytes, 0);

        char *text = calloc(1, (size_t)st.st_size + 1);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        cr_assert_eq(read(fd, text, (size_t)st.st_size), st.st_size);
        cr_assert_null(memmem(text, (size_t)st.st_size, "sesame", 6));
        close(fd);
        free(text);
        *strrchr(path, '/') = '\0';
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0700);
        send_close(send, 0);
        server_stop(server);

        server = server_start(0, ok, 1);
        send = open_spool(spool, server_port(server), NULL);
        send_one(send, "work");
        c = wait_for_end(send, 1);
        cr_assert_eq(c.delivered, 1);
        cr_assert_eq(c.spool_bytes, 0);
        cr_assert_eq(files(spool, "*.batch", path), 1, "another destination's is left alone");
        send_close(send, 1000);
        server_stop(server);
        remove_directory(spool);
}

/* A process that sends one batch to the port that comes out of the pipe. Forked while there is but one thread. */
static pid_t fork_sender(const char *spool, int *ret_pipe)
{
        int ends[2];

        cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
                uint16_t port;

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (read(ends[0], &port, sizeof(port)) == sizeof(port))
                        send_one(open_spool(spool, port, NULL), "work");
                for (;;)
                        pause();
        }
        close(ends[0]);
        *ret_pipe = ends[1];
        return child;
}

/* The batch was committed, and the agent dies before the answer. */
Test(send_spool, killed_before_the_answer_it_is_sent_once_more)
{
        static const struct step steps[] = { { .act = ACT_STALL }, OK };
        char spool[64], path[256];
        struct send_counters c;
        int status, pipe;

        make_directory(spool);
        pid_t child = fork_sender(spool, &pipe);
        struct server *server = server_start(0, steps, 2);
        uint16_t port = server_port(server);
        cr_assert_eq(write(pipe, &port, sizeof(port)), sizeof(port));
        server_request(server, 0);
        kill(child, SIGKILL);
        cr_assert_eq(waitpid(child, &status, 0), child);
        close(pipe);

        struct send *send = open_spool(spool, server_port(server), NULL);
        c = wait_for_end(send, 1);
        cr_assert_eq(c.recovered, 1);
        cr_assert_eq(c.delivered, 1);
        check_same(server_request(server, 0), server_request(server, 1));
        cr_assert_eq(files(spool, "*.batch", path), 0);
        send_close(send, 1000);

        send = open_spool(spool, server_port(server), NULL);
        send_counters(send, &c);
        cr_assert_eq(c.queued, 0);
        send_close(send, 1000);
        cr_assert_eq(server_requests(server), 2);
        server_stop(server);
        remove_directory(spool);
}

static void write_text(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

/* Turns the batch of @path into one that claims another name. */
static void rename_batch(const char *path)
{
        char other[256];

        snprintf(other, sizeof(other), "%.*s/%016x-734fd599-6865-419e-9475-932762d8f469.batch",
                 (int)(strrchr(path, '/') - path), path, 1);
        cr_assert_eq(rename(path, other), 0);
}

Test(send_spool, what_is_no_batch_is_set_aside)
{
        struct server *server = server_start(0, away, 1);
        uint16_t port = server_port(server);
        char spool[64], path[256], other[512];
        struct send_counters c;

        make_directory(spool);
        leave(spool, server, 4);
        server_stop(server);
        cr_assert_eq(files(spool, "*.batch", path), 4);
        rename_batch(path);
        cr_assert_eq(files(spool, "[1-9]*.batch", path), 3);
        cr_assert_eq(truncate(path, 100), 0);
        *strrchr(path, '/') = '\0';
        snprintf(other, sizeof(other), "%s/ffff.tmp", path);
        write_text(other, "half");
        snprintf(other, sizeof(other), "%s/notes.txt", path);
        write_text(other, "mine");
        snprintf(other, sizeof(other), "%s/link.batch", path);
        cr_assert_eq(symlink("/etc/passwd", other), 0);
        snprintf(other, sizeof(other), "%s/pipe.batch", path);
        cr_assert_eq(mkfifo(other, 0600), 0);

        server = server_start(port, ok, 1);
        struct send *send = open_spool(spool, port, NULL);
        c = wait_for_end(send, 2);
        cr_assert_eq(c.delivered, 2);
        cr_assert_eq(c.recovered, 2);
        cr_assert_eq(c.spool_set_aside, 5);
        cr_assert_eq(files(spool, "*.bad", path), 5);
        cr_assert_eq(files(spool, "*.tmp", path), 0);
        cr_assert_eq(files(spool, "*.batch", path), 0);
        send_close(send, 1000);

        send = open_spool(spool, port, NULL);
        send_counters(send, &c);
        cr_assert_eq(c.spool_set_aside, 0, "only once");
        send_close(send, 0);
        server_stop(server);
        remove_directory(spool);
}

/* However large and many they are, what is set aside does not fill the disk. */
Test(send_spool, what_is_set_aside_is_bounded)
{
        struct server *server = server_start(0, away, 1);
        char spool[64], path[256], other[512];
        struct send_counters c;
        struct stat st;

        make_directory(spool);
        leave(spool, server, 1);
        cr_assert_eq(files(spool, "*.batch", path), 1);
        *strrchr(path, '/') = '\0';
        for (int i = 0; i < 40; i++) {
                snprintf(other, sizeof(other), "%s/%02d.batch", path, i);
                write_text(other, "no batch");
                cr_assert_eq(truncate(other, i < 3 ? 10 << 20 : 100), 0);
        }
        struct send *send = open_spool(spool, server_port(server), NULL);
        send_counters(send, &c);
        cr_assert_eq(c.spool_set_aside, 40);
        send_close(send, 0);
        cr_assert_eq(files(spool, "*.bad", path), 16);
        *strrchr(path, '/') = '\0';
        snprintf(other, sizeof(other), "%s/00.batch.bad", path);
        cr_assert_eq(stat(other, &st), 0, "the first large one is kept");
        snprintf(other, sizeof(other), "%s/01.batch.bad", path);
        cr_assert_lt(stat(other, &st), 0);
        server_stop(server);
        remove_directory(spool);
}

/* A file that is damaged or gone while its batch waits. */
Test(send_spool, damaged_under_way)
{
        static const struct step steps[] = { { .status = "503 Service Unavailable" }, OK };
        struct server *server = server_start(0, steps, 2);
        struct said said = { 0 };
        char spool[64], path[256];

        make_directory(spool);
        struct send *send = open_spool(spool, server_port(server), &said);
        send_one(send, "a");
        wait_until(&said.downs);
        cr_assert_eq(files(spool, "*.batch", path), 1);
        cr_assert_eq(truncate(path, 90), 0);
        struct send_counters c = wait_for_end(send, 1);
        cr_assert_eq(c.lost[SEND_LOST_UNREADABLE], 1);
        cr_assert_eq(c.spool_set_aside, 1);
        cr_assert_eq(files(spool, "*.bad", path), 1);
        send_one(send, "b");
        cr_assert_eq(wait_for_end(send, 2).delivered, 1);
        send_close(send, 1000);
        cr_assert_eq(said.rejections, 1);
        server_stop(server);
        remove_directory(spool);
}

Test(send_spool, bounded_by_bytes_oldest_dropped_first)
{
        struct server *server = server_start(0, away, 1);
        char spool[64], path[256];
        struct said said = { 0 };
        struct send_counters c;
        struct stat st;

        make_directory(spool);
        struct send *send = open_with((struct send_config){ .spool = spool, .spool_max_bytes = 4000 },
                                      server_port(server), &said);
        for (int i = 0; i < 20; i++)
                send_one(send, "work");
        wait_until(&said.downs);
        send_counters(send, &c);
        cr_assert_eq(c.queued, 20);
        cr_assert_gt(c.lost[SEND_LOST_FULL], 10);
        cr_assert_eq(c.waiting + c.lost[SEND_LOST_FULL], 20);
        cr_assert_leq(c.spool_bytes, 4000);
        cr_assert_eq(files(spool, "*.batch", path), c.waiting);
        cr_assert_eq(c.spool_files, c.waiting);
        cr_assert_eq(stat(path, &st), 0);
        send_close(send, 0);

        /* A smaller bound at the next start holds for what is there. */
        send = open_with((struct send_config){ .spool = spool, .spool_max_bytes = (uint64_t)st.st_size + 10 },
                         server_port(server), NULL);
        send_counters(send, &c);
        cr_assert_eq(c.waiting, 1);
        cr_assert_eq(files(spool, "*.batch", path), 1);
        send_close(send, 0);
        server_stop(server);
        remove_directory(spool);
}

Test(send_spool, bounded_by_age)
{
        struct server *server = server_start(0, away, 1);
        char spool[64], path[256];
        struct send_counters c;

        make_directory(spool);
        leave(spool, server, 3);
        usleep(1100000);
        struct send *send = open_with((struct send_config){ .spool = spool, .max_age_s = 1 }, server_port(server),
                                      NULL);
        send_one(send, "new");
        send_counters(send, &c);
        cr_assert_eq(c.lost[SEND_LOST_EXPIRED], 3);
        cr_assert_eq(c.waiting, 1);
        cr_assert_eq(files(spool, "*.batch", path), 1);
        send_close(send, 0);
        server_stop(server);
        remove_directory(spool);
}

/* A disk of 64 KiB, most of it taken. */
static bool mount_small(const char *path)
{
        char big[128];
        static const char zeros[40960];

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", path, "tmpfs", 0, "size=64k") < 0)
                return false;
        snprintf(big, sizeof(big), "%s/big", path);
        int fd = open(big, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_eq(write(fd, zeros, sizeof(zeros)), (ssize_t)sizeof(zeros));
        close(fd);
        return true;
}

Test(send_spool, a_full_disk_leaves_memory)
{
        struct server *server = server_start(0, away, 1);
        struct said said = { 0 };
        char spool[64], path[256];
        struct send_counters c;

        make_directory(spool);
        if (!mount_small(spool)) {
                server_stop(server);
                remove_directory(spool);
                cr_skip("no privilege to mount a small disk");
        }
        uint16_t port = server_port(server);
        struct send *send = open_spool(spool, port, &said);
        for (int i = 0; i < 20; i++)
                send_one(send, "work");
        wait_until(&said.downs);
        send_counters(send, &c);
        cr_assert_eq(c.waiting, 20, "none is lost");
        cr_assert_gt(c.spool_failed, 5);
        cr_assert_lt(c.spool_failed, 20);
        cr_assert_gt(c.waiting_bytes, 0);
        cr_assert_eq(files(spool, "*.batch", path), 20 - c.spool_failed);
        cr_assert_eq(files(spool, "*.tmp", path), 0);
        server_stop(server);
        server = server_start(port, ok, 1);
        send_close(send, 5000);
        cr_assert_eq(server_requests(server), 20, "memory and disk alike");
        server_stop(server);
        umount(spool);
        remove_directory(spool);
}

/* What a full disk did not take is offered to it again at the end. */
Test(send_spool, room_at_the_end_is_used)
{
        struct server *server = server_start(0, away, 1);
        char spool[64], path[256];
        struct send_counters c;

        make_directory(spool);
        if (!mount_small(spool)) {
                server_stop(server);
                remove_directory(spool);
                cr_skip("no privilege to mount a small disk");
        }
        struct send *send = open_spool(spool, server_port(server), NULL);
        for (int i = 0; i < 20; i++)
                send_one(send, "work");
        send_counters(send, &c);
        cr_assert_gt(c.spool_failed, 5);
        cr_assert_eq(send_close(send, 100), c.spool_failed, "these are lost");

        send = open_spool(spool, server_port(server), NULL);
        for (int i = 0; i < 5; i++)
                send_one(send, "work");
        snprintf(path, sizeof(path), "%s/big", spool);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(send_close(send, 100), 0);
        send = open_spool(spool, server_port(server), NULL);
        send_counters(send, &c);
        cr_assert_geq(c.recovered, 5);
        cr_assert_eq(c.recovered, c.waiting);
        send_close(send, 0);
        server_stop(server);
        umount(spool);
        remove_directory(spool);
}

Test(send_spool, refused_with_the_reason)
{
        char spool[64], path[256], reason[HTTP_CLIENT_REASON_SIZE];
        struct send_config config = {
                .client.url = "http://127.0.0.1:1/",
                .client.reason = reason,
                .client.reason_size = sizeof(reason),
        };
        struct send *first, *second = NULL;

        make_directory(spool);
        config.spool = "/nonexistent/spool";
        cr_assert_eq(send_open(&config, &second), SEND_E_SPOOL);
        cr_assert_str_eq(reason, "/nonexistent/spool: No such file or directory");
        config.spool = "/etc/passwd";
        cr_assert_eq(send_open(&config, &second), SEND_E_SPOOL);

        config.spool = spool;
        cr_assert_eq(send_open(&config, &first), 0);
        cr_assert_eq(send_open(&config, &second), SEND_E_SPOOL);
        cr_assert(strstr(reason, "another process is using it"), "%s", reason);
        cr_assert_null(second);
        send_close(first, 0);
        cr_assert_eq(send_open(&config, &first), 0, "free again");
        send_close(first, 0);

        cr_assert_eq(files(spool, "lock", path), 1);
        *strrchr(path, '/') = '\0';
        chmod(path, 0755);
        cr_assert_eq(send_open(&config, &second), SEND_E_SPOOL);
        cr_assert(strstr(reason, "0700"), "%s", reason);
        if (geteuid() == 0) {
                chmod(path, 0700);
                cr_assert_eq(chown(path, 12345, 12345), 0);
                cr_assert_eq(send_open(&config, &second), SEND_E_SPOOL);
                cr_assert(strstr(reason, "another user"), "%s", reason);
        }
        remove_directory(spool);
}
