/* SPDX-License-Identifier: Apache-2.0 */
/* TLS against openssl's test server: it decrypts, and a thread here answers over its pipes. */
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void set_up(void)
{
        make_directory(folder);
}

static void tear_down(void)
{
        remove_directory(folder);
        abort_on_leaks();
}

TestSuite(send_tls, .init = set_up, .fini = tear_down, .timeout = 60);

static const char *in_folder(const char *name)
{
        static char paths[8][128];
        static unsigned next;
        char *path = paths[next++ % 8];

        snprintf(path, 128, "%s/%s", folder, name);
        return path;
}

/* NAME.pem and NAME.key, self-signed for 127.0.0.1. */
static void make_certificate(const char *name)
{
        char command[1024];

        snprintf(command, sizeof(command),
                 "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
                 "'/CN=%s' "
                 "-addext subjectAltName=IP:127.0.0.1 -keyout '%s.key' -out '%s.pem' 2>/dev/null",
                 folder, name, name, name);
        cr_assert_eq(system(command), 0, "openssl is needed");
}

struct tls {
        pid_t pid;
        int in, out; /* of openssl */
        uint16_t port;
};

static uint16_t free_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
        close(fd);
        return ntohs(address.sin_port);
}

static void wait_for_port(uint16_t port)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                       .sin_port = htons(port) };

        for (int i = 0; i < 500; i++) {
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                int r = connect(fd, (struct sockaddr *)&address, sizeof(address));

                close(fd);
                if (r == 0)
                        return;
                usleep(5000);
        }
        cr_assert(false, "openssl s_server does not listen");
}

/* With the certificate @name; @client: asks for one that this PEM signs, too. */
static struct tls serve(const char *name, const char *client)
{
        struct tls tls = { .port = free_port() };
        char port[16];
        int in[2], out[2];

        snprintf(port, sizeof(port), "%u", tls.port);
        cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        char *cert = strdup(in_folder(name)), *key = strdup(cert), *ca = strdup(in_folder(client ? client : name));
        memcpy(key + strlen(key) - 3, "key", 3);
        tls.pid = fork();
        if (tls.pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(in[0], 0);
                dup2(out[1], 1);
                dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
                if (client)
                        execlp("openssl", "openssl", "s_server", "-quiet", "-accept", port, "-cert", cert, "-key", key,
                               "-CAfile", ca, "-Verify", "1", "-verify_return_error", NULL);
                else
                        execlp("openssl", "openssl", "s_server", "-quiet", "-accept", port, "-cert", cert, "-key", key,
                               NULL);
                _exit(127);
        }
        close(in[0]);
        close(out[1]);
        tls.in = in[1];
        tls.out = out[0];
        free(cert);
        free(key);
        free(ca);
        wait_for_port(tls.port);
        return tls;
}

/* Waits for a request and answers it. False: none came in time. */
static bool answer(const struct tls *tls, int timeout_ms)
{
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        struct pollfd poll_out = { .fd = tls->out, .events = POLLIN };
        char head[65536];

        if (poll(&poll_out, 1, timeout_ms) != 1)
                return false;
        ssize_t n = read(tls->out, head, sizeof(head));
        cr_assert(n > 5 && memcmp(head, "POST ", 5) == 0);
        while (poll(&poll_out, 1, 50) == 1 && read(tls->out, head, sizeof(head)) > 0)
                ; /* the rest of the request: it is small */
        cr_assert_eq(write(tls->in, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
        return true;
}

static void stop(const struct tls *tls)
{
        kill(tls->pid, SIGKILL);
        waitpid(tls->pid, NULL, 0);
        close(tls->in);
        close(tls->out);
}

static struct send *open_tls(struct send_config config, uint16_t port)
{
        char url[64];
        struct send *send;

        snprintf(url, sizeof(url), "https://127.0.0.1:%u", port);
        config.client.url = url;
        cr_assert_eq(send_open(&config, &send), 0);
        return send;
}

static void on_state(void *ctx, bool up, const char *reason)
{
        struct said *said = ctx;

        if (reason)
                snprintf(said->reason, sizeof(said->reason), "%s", reason);
        __atomic_fetch_add(up ? &said->ups : &said->downs, 1, __ATOMIC_SEQ_CST);
}

Test(send_tls, trusted_by_its_ca)
{
        make_certificate("server");
        struct tls tls = serve("server.pem", NULL);
        struct send *send = open_tls((struct send_config){ .client.ca_file = in_folder("server.pem") }, tls.port);

        send_one(send, "a");
        cr_assert(answer(&tls, 5000));
        cr_assert_eq(wait_for_end(send, 1).delivered, 1);
        send_close(send, 1000);
        stop(&tls);
}

static void *answer_two(void *ctx)
{
        cr_assert(answer(ctx, 4000));
        cr_assert(answer(ctx, 4000));
        return NULL;
}

/* Nothing is said to a server that is not who it should be; once the CA is repaired, all arrives. */
Test(send_tls, untrusted_gets_nothing_until_the_ca_file_says_so)
{
        struct said said = { 0 };
        struct send_counters c;
        pthread_t thread;

        make_certificate("server");
        make_certificate("other");
        struct tls tls = serve("server.pem", NULL);
        struct send *send = open_tls(
                (struct send_config){ .client.ca_file = in_folder("other.pem"), .on_state = on_state, .ctx = &said },
                tls.port);
        send_one(send, "a");
        wait_until(&said.downs);
        cr_assert(strcasestr(said.reason, "certificate"), "%s", said.reason);
        send_one(send, "b");
        cr_assert(!answer(&tls, 300));
        send_counters(send, &c);
        cr_assert_eq(c.waiting, 2);
        cr_assert_eq(c.retried, 0, "the circuit is open");
        rename(in_folder("server.pem"), in_folder("other.pem"));
        cr_assert_eq(pthread_create(&thread, NULL, answer_two, &tls), 0);
        send_close(send, 5000);
        pthread_join(thread, NULL);
        cr_assert_eq(said.ups, 1, "closing tries once more");
        stop(&tls);
}

Test(send_tls, the_client_shows_its_certificate)
{
        struct said said = { 0 };

        make_certificate("server");
        make_certificate("client");
        struct tls tls = serve("server.pem", "client.pem");
        struct send *send = open_tls(
                (struct send_config){ .client.ca_file = in_folder("server.pem"), .on_state = on_state, .ctx = &said },
                tls.port);
        send_one(send, "a");
        wait_until(&said.downs);
        cr_assert(!answer(&tls, 0));
        send_close(send, 0);

        send = open_tls((struct send_config){ .client.ca_file = in_folder("server.pem"),
                                              .client.cert_file = in_folder("client.pem"),
                                              .client.key_file = in_folder("client.key") },
                        tls.port);
        send_one(send, "a");
        cr_assert(answer(&tls, 5000));
        cr_assert_eq(wait_for_end(send, 1).delivered, 1);
        send_close(send, 1000);
        stop(&tls);
}

Test(send_tls, files_that_are_not_there)
{
        const struct send_config configs[] = {
                { .client.ca_file = in_folder("none.pem") },
                { .client.cert_file = in_folder("none.pem") },
                { .client.key_file = in_folder("none.pem") },
        };

        for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
                char reason[HTTP_CLIENT_REASON_SIZE] = "";
                struct send_config config = configs[i];
                struct send *send = NULL;

                config.client.url = "https://127.0.0.1:1";
                config.client.reason = reason;
                config.client.reason_size = sizeof(reason);
                cr_expect_eq(send_open(&config, &send), HTTP_CLIENT_E_FILE);
                cr_expect(strstr(reason, "none.pem: No such file or directory"), "%s", reason);
        }
}
