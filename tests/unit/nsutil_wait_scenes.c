/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait: one scene for each thing that podflame tells. What is waited for never comes. */
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/nsutil_wait_stage.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LONG_S 100000

static int sound(int result, struct stage *stage, const char *what)
{
        if (result < 0)
                snprintf(stage->missing, sizeof stage->missing, "%s: %s", what, strerror(errno));
        return result;
}

static void read_for_ever(struct stage *stage, int fd)
{
        static char buffer[512]; /* an event of signalfd takes 128 */

        stage_begin(stage);
        (void)!read(fd, buffer, sizeof buffer);
}

/* ---- time, signals, children -------------------------------------------------------------- */

void play_nanosleep(struct stage *stage)
{
        const struct timespec time = { .tv_sec = LONG_S };

        stage_begin(stage);
        syscall(SYS_nanosleep, &time, NULL);
}

static void play_clock_nanosleep(struct stage *stage)
{
        const struct timespec time = { .tv_sec = LONG_S };

        stage_begin(stage);
        clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static void play_select_sleep(struct stage *stage)
{
        struct timeval time = { .tv_sec = LONG_S };

        stage_begin(stage);
        select(0, NULL, NULL, NULL, &time);
}

static void play_poll_sleep(struct stage *stage)
{
        stage_begin(stage);
        poll(NULL, 0, LONG_S * 1000);
}

static void play_poll_negative(struct stage *stage)
{
        struct pollfd none = { .fd = -1 };

        stage_begin(stage);
        poll(&none, 1, LONG_S * 1000);
}

static void play_epoll_sleep(struct stage *stage)
{
        struct epoll_event event;
        int fd = epoll_create1(0);

        stage_begin(stage);
        epoll_wait(fd, &event, 1, LONG_S * 1000);
}

static void play_sigsuspend(struct stage *stage)
{
        sigset_t set;

        sigfillset(&set);
        stage_begin(stage);
        sigsuspend(&set);
}

static void play_sigtimedwait(struct stage *stage)
{
        const struct timespec time = { .tv_sec = LONG_S };
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        stage_begin(stage);
        sigtimedwait(&set, NULL, &time);
}

/* Ends with its parent, also where that has ended already. */
static int idle_below(void *parent)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == *(pid_t *)parent)
                pause();
        return 0;
}

static pid_t fork_idle(void)
{
        pid_t parent = getpid(), pid = fork();

        if (pid == 0)
                _exit(idle_below(&parent));
        return pid;
}

static void play_wait4(struct stage *stage)
{
        pid_t pid = fork_idle();

        stage_begin(stage);
        waitpid(pid, NULL, 0);
}

static void play_waitid(struct stage *stage)
{
        siginfo_t info;

        fork_idle();
        stage_begin(stage);
        waitid(P_ALL, 0, &info, WEXITED);
}

/* As posix_spawn() does. */
static void play_vfork(struct stage *stage)
{
        static char stack[65536];
        pid_t self = getpid();

        stage_begin(stage);
        clone(idle_below, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &self);
}

void play_spin(struct stage *stage)
{
        stage_begin(stage);
        for (;;)
                __asm__ volatile("");
}

/* ---- memory and locks ------------------------------------------------------------------------ */

static uint32_t word;

static void play_futex(struct stage *stage)
{
        stage_begin(stage);
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

void play_futex_timeout(struct stage *stage)
{
        const struct timespec time = { .tv_sec = LONG_S };

        stage_begin(stage);
        syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0);
}

static void play_mutex(struct stage *stage)
{
        static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

        pthread_mutex_lock(&mutex);
        stage_begin(stage);
        pthread_mutex_lock(&mutex);
}

/* The file of a lock is gone at once, so that nothing is left behind. */
static int open_lock(struct stage *stage, int *ret_other)
{
        strcpy(stage->path, "/tmp/podflame-wait-XXXXXX");
        int fd = mkstemp(stage->path);

        *ret_other = open(stage->path, O_RDWR | O_CLOEXEC);
        unlink(stage->path);
        strcat(stage->path, " (deleted)");
        return fd;
}

static void play_flock(struct stage *stage)
{
        int other, fd = open_lock(stage, &other);

        flock(other, LOCK_EX);
        stage_begin(stage);
        flock(fd, LOCK_EX);
}

static void play_fcntl(struct stage *stage)
{
        struct flock lock = { .l_type = F_WRLCK };
        int other, fd = open_lock(stage, &other);

        fcntl(other, F_OFD_SETLKW, &lock);
        stage_begin(stage);
        fcntl(fd, F_OFD_SETLKW, &lock);
}

/* In a namespace of its own, so that nothing is left behind. */
static void play_semop(struct stage *stage)
{
        struct sembuf take = { .sem_op = -1 };

        sound(unshare(CLONE_NEWIPC), stage, "a namespace of IPC");
        int id = sound(semget(IPC_PRIVATE, 1, 0600), stage, "semaphores");
        stage_begin(stage);
        semop(id, &take, 1);
}

/* ---- sockets ---------------------------------------------------------------------------------- */

static struct sockaddr_in6 loopback(int family, int *ret_port, int *ret_listening)
{
        struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
        socklen_t len = sizeof address;

        if (family == AF_INET)
                *v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        *ret_listening = socket(family, SOCK_STREAM, 0);
        bind(*ret_listening, (struct sockaddr *)&address, len);
        listen(*ret_listening, 0);
        getsockname(*ret_listening, (struct sockaddr *)&address, &len);
        *ret_port = ntohs(address.sin6_port);
        return address;
}

/* An end of a connection, whose peer has the port. */
static int connected(struct stage *stage, int family)
{
        int listening;
        struct sockaddr_in6 address = loopback(family, &stage->port, &listening);
        int fd = sound(socket(family, SOCK_STREAM, 0), stage, "a socket");

        sound(connect(fd, (struct sockaddr *)&address, sizeof address), stage, "loopback");
        return fd;
}

static void play_recv(struct stage *stage)
{
        char buffer[64];
        int fd = connected(stage, AF_INET);

        stage_begin(stage);
        recv(fd, buffer, sizeof buffer, 0);
}

static void play_read_v6(struct stage *stage)
{
        read_for_ever(stage, connected(stage, AF_INET6));
}

static void play_send_full(struct stage *stage)
{
        static char buffer[65536];
        int fd = connected(stage, AF_INET);

        while (send(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
                continue;
        stage_begin(stage);
        send(fd, buffer, sizeof buffer, 0);
}

static void play_accept(struct stage *stage)
{
        int listening;

        loopback(AF_INET, &stage->port, &listening);
        stage_begin(stage);
        accept(listening, NULL, NULL);
}

/* Nobody accepts, and there is no room for more that wait for it. */
static void play_connect(struct stage *stage)
{
        int listening;
        struct sockaddr_in6 address = loopback(AF_INET, &stage->port, &listening);

        for (int i = 0; i < 3; i++)
                connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&address, sizeof address);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        stage_begin(stage);
        connect(fd, (struct sockaddr *)&address, sizeof address);
}

void play_poll_socket(struct stage *stage)
{
        struct pollfd set = { .fd = connected(stage, AF_INET), .events = POLLIN };

        stage_begin(stage);
        poll(&set, 1, LONG_S * 1000);
}

static void play_select_socket(struct stage *stage)
{
        int fd = connected(stage, AF_INET);
        fd_set set, also;

        FD_ZERO(&set);
        FD_SET(fd, &set);
        also = set;
        stage_begin(stage);
        select(fd + 1, &set, NULL, &also, NULL);
}

static void wait_for_events(struct stage *stage, const int *fds, size_t n)
{
        struct epoll_event event = { .events = EPOLLIN };
        int epfd = epoll_create1(0);

        for (size_t i = 0; i < n; i++)
                sound(epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &event), stage, "epoll");
        stage_begin(stage);
        epoll_wait(epfd, &event, 1, -1);
}

static void play_epoll_socket(struct stage *stage)
{
        wait_for_events(stage, (int[]){ connected(stage, AF_INET) }, 1);
}

static void play_epoll_two(struct stage *stage)
{
        int fds[2];

        (void)!pipe(fds);
        int fd = connected(stage, AF_INET);
        stage->port = 0; /* none is told */
        wait_for_events(stage, (int[]){ fd, fds[0] }, 2);
}

static void play_udp(struct stage *stage)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(5353),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_DGRAM, 0);

        connect(fd, (struct sockaddr *)&address, sizeof address);
        stage->port = 5353;
        read_for_ever(stage, fd);
}

static void play_unix_stream(struct stage *stage)
{
        int fds[2];

        socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
        read_for_ever(stage, fds[0]);
}

static void play_unix_accept(struct stage *stage)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        int len = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "podflame\t%d", getpid());
        snprintf(stage->path, sizeof stage->path, "@podflame\\x09%d", getpid());
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)len);
        listen(fd, 1);
        stage_begin(stage);
        accept(fd, NULL, NULL);
}

/* ---- other descriptors -------------------------------------------------------------------------- */

void play_pipe_read(struct stage *stage)
{
        int fds[2];

        (void)!pipe(fds);
        read_for_ever(stage, fds[0]);
}

static void play_pipe_write(struct stage *stage)
{
        static char buffer[65536];
        int fds[2];

        (void)!pipe(fds);
        (void)!write(fds[1], buffer, sizeof buffer);
        stage_begin(stage);
        (void)!write(fds[1], buffer, sizeof buffer);
}

static void play_terminal(struct stage *stage)
{
        int master, slave;

        if (sound(openpty(&master, &slave, stage->path, NULL, NULL), stage, "a terminal") == 0)
                read_for_ever(stage, slave);
}

static void play_eventfd(struct stage *stage)
{
        read_for_ever(stage, eventfd(0, 0));
}

static void play_timerfd(struct stage *stage)
{
        const struct itimerspec time = { .it_value.tv_sec = LONG_S };
        int fd = timerfd_create(CLOCK_MONOTONIC, 0);

        timerfd_settime(fd, 0, &time, NULL);
        read_for_ever(stage, fd);
}

static void play_signalfd(struct stage *stage)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        read_for_ever(stage, signalfd(-1, &set, 0));
}

static void play_inotify(struct stage *stage)
{
        read_for_ever(stage, inotify_init1(0));
}

static void play_io_uring(struct stage *stage)
{
        struct io_uring_params params = { 0 };
        int fd = sound((int)syscall(SYS_io_uring_setup, 4, &params), stage, "io_uring");

        stage_begin(stage);
        syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static void play_msgrcv(struct stage *stage)
{
        char buffer[64];

        sound(unshare(CLONE_NEWIPC), stage, "a namespace of IPC");
        int id = sound(msgget(IPC_PRIVATE, 0600), stage, "message queues");
        stage_begin(stage);
        msgrcv(id, buffer, 8, 0, 0);
}

const struct scene scenes[] = {
        { "nanosleep", play_nanosleep, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "sleep" },
        { "clock_nanosleep", play_clock_nanosleep, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "sleep" },
        { "select_sleep", play_select_sleep, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_SELECT, NSUTIL_THING_UNKNOWN, "sleep" },
        { "poll_sleep", play_poll_sleep, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_POLL, NSUTIL_THING_UNKNOWN, "sleep" },
        { "poll_negative", play_poll_negative, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_POLL, NSUTIL_THING_UNKNOWN, "sleep" },
        { "epoll_sleep", play_epoll_sleep, NSUTIL_WAIT_SLEEP, NSUTIL_ACT_EPOLL, NSUTIL_THING_UNKNOWN, "sleep" },
        { "sigsuspend", play_sigsuspend, NSUTIL_WAIT_SIGNAL, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "signal" },
        { "sigtimedwait", play_sigtimedwait, NSUTIL_WAIT_SIGNAL, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "signal" },
        { "wait4", play_wait4, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "child" },
        { "waitid", play_waitid, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "child" },
        { "vfork", play_vfork, NSUTIL_WAIT_CHILD, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "child" },
        { "spin", play_spin, NSUTIL_WAIT_RUNNABLE, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "cpu" },
        { "futex", play_futex, NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_timeout", play_futex_timeout, NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "futex" },
        { "mutex", play_mutex, NSUTIL_WAIT_FUTEX, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "futex" },
        { "flock", play_flock, NSUTIL_WAIT_LOCK, NSUTIL_ACT_NONE, NSUTIL_THING_FILE, "lock on file PATH" },
        { "fcntl", play_fcntl, NSUTIL_WAIT_LOCK, NSUTIL_ACT_NONE, NSUTIL_THING_FILE, "lock on file PATH" },
        { "semop", play_semop, NSUTIL_WAIT_LOCK, NSUTIL_ACT_NONE, NSUTIL_THING_UNKNOWN, "lock" },
        { "recv", play_recv, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_SOCKET, "socket 127.0.0.1:PORT" },
        { "read_v6", play_read_v6, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_SOCKET, "socket [::1]:PORT" },
        { "send_full", play_send_full, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, NSUTIL_THING_SOCKET, "socket 127.0.0.1:PORT" },
        { "accept", play_accept, NSUTIL_WAIT_IO, NSUTIL_ACT_ACCEPT, NSUTIL_THING_SOCKET,
          "listening socket 127.0.0.1:PORT" },
        { "connect", play_connect, NSUTIL_WAIT_IO, NSUTIL_ACT_CONNECT, NSUTIL_THING_SOCKET, "socket 127.0.0.1:PORT" },
        { "poll_socket", play_poll_socket, NSUTIL_WAIT_IO, NSUTIL_ACT_POLL, NSUTIL_THING_SOCKET,
          "socket 127.0.0.1:PORT" },
        { "select_socket", play_select_socket, NSUTIL_WAIT_IO, NSUTIL_ACT_SELECT, NSUTIL_THING_SOCKET,
          "socket 127.0.0.1:PORT" },
        { "epoll_socket", play_epoll_socket, NSUTIL_WAIT_IO, NSUTIL_ACT_EPOLL, NSUTIL_THING_SOCKET,
          "socket 127.0.0.1:PORT" },
        { "epoll_two", play_epoll_two, NSUTIL_WAIT_IO, NSUTIL_ACT_EPOLL, NSUTIL_THING_MANY, "one of 2 descriptors" },
        { "udp", play_udp, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_SOCKET, "udp socket 127.0.0.1:PORT" },
        { "unix_stream", play_unix_stream, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_SOCKET, "unix socket" },
        { "unix_accept", play_unix_accept, NSUTIL_WAIT_IO, NSUTIL_ACT_ACCEPT, NSUTIL_THING_SOCKET,
          "listening unix socket PATH" },
        { "pipe_read", play_pipe_read, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_PIPE, "pipe" },
        { "pipe_write", play_pipe_write, NSUTIL_WAIT_IO, NSUTIL_ACT_WRITE, NSUTIL_THING_PIPE, "pipe" },
        { "terminal", play_terminal, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_TERMINAL, "terminal PATH" },
        { "eventfd", play_eventfd, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_EVENTFD, "eventfd" },
        { "timerfd", play_timerfd, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_TIMERFD, "timerfd" },
        { "signalfd", play_signalfd, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_SIGNALFD, "signalfd" },
        { "inotify", play_inotify, NSUTIL_WAIT_IO, NSUTIL_ACT_READ, NSUTIL_THING_INOTIFY, "inotify" },
        { "io_uring", play_io_uring, NSUTIL_WAIT_IO, NSUTIL_ACT_AIO, NSUTIL_THING_URING, "io_uring" },
        { "msgrcv", play_msgrcv, NSUTIL_WAIT_IO, NSUTIL_ACT_MESSAGE, NSUTIL_THING_UNKNOWN, "message queue" },
};
const size_t n_scenes = sizeof scenes / sizeof *scenes;
